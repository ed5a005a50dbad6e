"""Does motion teach? Starts from motion against their controls, at few labels.

    make bench-motion                          # hours on one core
    MOTIONSEG_DATA=../angiodata make bench-motion          # and on real loops
    make bench-motion MOTION="--steps 500 --schedules probe --draws 9-16"  # minutes
    make bench-motion MOTION="--steps 38800 --width 64"    # a GPU, hours

Starts learn from synthetic pairs whose flow is exact (or estimated), without any mask,
by `motionseg pretrain synthetic --recipe exact`. Starts that end in *-loops* learn from
the estimated flow of the real loops that labels are drawn from. Their controls see the
same pictures with the flow of other pictures, or nothing at all. Then each start is
fine-tuned on the same labelled frame of each draw and tested on loops that no training
has seen. The features of all starts but *scratch* are brought to one scale and get a
last layer that is fitted to the label, as `motionseg finetune` does. A *probe* leaves
them frozen. Draws 1 to 8 served to choose between variants. Rows are kept in a scratch
folder: a run that was cut goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import here_and_now, processor_name

RESULTS = Path(__file__).parent / "results"
ROOM = Path(tempfile.gettempdir()) / "motionseg-motion"
# settings of flow consistency whose target says the most: with exact flow, .62 nats
# more than a uniform one, where that of Ma et al. says .04
LOUD = (
    "background=removed", "dilation=2", "sigma=0.25", "kernel=softmax", "changes=0.75",
    "weighting=bounded",
)  # fmt: skip
# arms that learn from motion: further words for the command
TAUGHT: Mapping[str, Sequence[str]] = {
    "loud": (
        "--objective", "flow-consistency", "--points", "400",
        *(word for option in LOUD for word in ("--option", option)),
    ),
    "regression": ("--objective", "flow-regression"),
    "paper": ("--objective", "flow-consistency"),
    "moving-apart": ("--objective", "moving-apart"),
    "joint": (),  # the recipes' own: flow regression and moving apart together
    "cross-pixel": ("--objective", "cross-pixel"),
    "grouping": ("--objective", "grouping", "--dim", "8"),
    # guidance for thin vessels, as docs/papers/conditional-propagation.md explains
    "propagation": (
        "--objective", "conditional-propagation",
        "--option", "nms_kernel=15", "--option", "grid_stride=80",
    ),
}  # fmt: skip
SHUFFLED, ESTIMATED, DIS = "-shuffled", "-estimated", "-dis"
GENERIC = "-generic"  # flow of a PWC-Net that has seen no angiogram
GENERIC_STEPS = 2500  # of its training, on textured shapes that move
LOOPS = "-loops"  # learns from the estimated flow of the loops with the labels
SEED = "-seed"  # and a number: another training of the same arm
SCRATCH, RANDOM = "scratch", "random"
PROBE = "probe"
# loops that are fixed before any training, far from the seeds of trainings
TRAIN_SEED, TEST_SEED = 93_000_000, 93_001_000
TRAIN_LOOPS, TEST_LOOPS, SIDE, FRAMES = 16, 8, 384, 12
TEST_FRAMES = (6,)  # of each synthetic test loop
LABELS, STEPS = 1, 3600  # labelled frames, and steps of pretraining, of usual runs


def main() -> None:
    options = parse_options()
    for arm in options.arms:
        if arm not in (SCRATCH, RANDOM):
            pretrained(arm, options)
    for data in options.data:
        for schedule in options.schedules:
            evaluate(data, schedule, options)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arms", nargs="+", default=default_arms())
    parser.add_argument("--data", nargs="+", default=default_data())
    parser.add_argument("--schedules", nargs="+", default=[PROBE, "short", "tuned"])
    parser.add_argument("--draws", default="9-24", help="first and last, from 1")
    parser.add_argument("--labels", type=int, default=LABELS)
    parser.add_argument("--steps", type=int, default=STEPS, help="of pretraining")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0, help="of pretraining")
    parser.add_argument("--train", default="p1,p2,p3,p4", help="patients, real loops")
    parser.add_argument("--test", default="p5,p6", help="patients, real loops")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--room", type=Path, default=ROOM)
    return parser.parse_args()


def default_arms() -> list[str]:
    return [SCRATCH, RANDOM, "joint", "joint" + SHUFFLED, "regression"]


def default_data() -> list[str]:
    return ["synthetic", *(["real"] if os.environ.get("MOTIONSEG_DATA") else [])]


def words_of(arm: str, options: argparse.Namespace) -> list[str]:
    """Return the words of the command that pretrains an arm."""
    words: list[str] = []
    arm = arm.partition(SEED)[0]
    for ending, more in (
        (SHUFFLED, ("--shuffled-flow",)),
        (ESTIMATED, ("--estimated-flow",)),
        (DIS, ("--estimated-flow", "--flow-method", "dis")),
        (LOOPS, ()),
    ):
        if arm.endswith(ending):
            arm, words = arm.removesuffix(ending), [*words, *more]
    if arm.endswith(GENERIC):
        arm = arm.removesuffix(GENERIC)
        words += ["--estimated-flow", "--flow-weights", str(generic_flow(options))]
    return [*TAUGHT[arm], *words]


def generic_flow(options: argparse.Namespace) -> Path:
    """Return the checkpoint of a PWC-Net that has seen no angiogram; train it once."""
    out: Path = options.room / f"generic-flow-{GENERIC_STEPS}.safetensors"
    if not out.exists():
        command = [sys.executable, "-m", "napari_motionseg", "train-flow", "--resume"]
        command += ["--network", "published", "--scenes", "generic-layers"]
        command += ["--steps", str(GENERIC_STEPS), "--out", str(out)]
        subprocess.run(command, check=True)
    return out


def pretrained(arm: str, options: argparse.Namespace) -> Path:
    """Return the checkpoint of an arm; train it if it is missing."""
    objective, _, seed = arm.partition(SEED)
    own = (options.steps, options.width, int(seed or options.seed))
    name = "-".join([objective, *map(str, own)])
    out: Path = options.room / "starts" / f"{name}.safetensors"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "napari_motionseg", "pretrain"]
        command += [*source_of(arm, options), "--resume"]
        command += words_of(arm, options)
        command += ["--out", str(out)]
        for word, value in zip(("--steps", "--width", "--seed"), own, strict=True):
            command += [word, str(value)]
        subprocess.run(command, check=True)
    return out


def source_of(arm: str, options: argparse.Namespace) -> list[str]:
    """Return the words of the command that say what an arm learns from."""
    if LOOPS not in arm:
        return ["synthetic", "--recipe", "exact"]
    folder = Path(os.environ["MOTIONSEG_DATA"])
    patients = options.train.split(",")
    files = [str(f) for p in patients for f in sorted(folder.glob(f"{p}_*.dcm"))]
    return [*files, "--recipe", "loops", "--held-out", "0"]


def settings_of(schedule: str, options: argparse.Namespace) -> Any:
    """Return the settings of fine-tuning, which all arms share."""
    from napari_motionseg.segmentation import FinetuneSettings
    from napari_motionseg.training import PretrainSettings

    if schedule == "short":  # the paper's loss, rate and number of steps
        settings = FinetuneSettings.recipe("paper").with_steps(200)
    elif schedule == "quick":  # the last level of the decoder alone
        settings = FinetuneSettings.recipe("quick")
    else:
        settings = FinetuneSettings.recipe("tuned").with_steps(120)
    return replace(
        settings,
        batch=2,
        crop=160,
        early_stopping_every=0,
        # as the taught arms have it, with its working size
        network=replace(PretrainSettings.recipe("exact").network, width=options.width),
    )


def loops_of(data: str, options: argparse.Namespace) -> tuple[Any, Any]:
    """Return the loops to learn from, and test loops with their test frames."""
    from napari_motionseg.evaluation import read_references, synthetic_references
    from napari_motionseg.synthesis import SynthesisConfig

    if data == "synthetic":
        how = SynthesisConfig(size=SIDE, frames=FRAMES, bolus=False)
        learners = synthetic_references(TRAIN_LOOPS, TRAIN_SEED, how)
        testers = synthetic_references(TEST_LOOPS, TEST_SEED, how)
        return learners, [(loop, TEST_FRAMES) for loop in testers]
    folder = os.environ["MOTIONSEG_DATA"]
    learners = read_references(folder, options.train.split(","))
    testers = read_references(folder, options.test.split(","))
    return learners, [(loop, middle_frames(loop)) for loop in testers]


def middle_frames(loop: Any) -> tuple[int, ...]:
    """Return the middle one of the frames of a real loop that show contrast."""
    shown = loop.shown.tolist()
    return (shown[len(shown) // 2],)


def evaluate(data: str, schedule: str, options: argparse.Namespace) -> None:
    """Fine-tune and test each arm on each draw; write the summary."""
    learners, testers = loops_of(data, options)
    digest = digest_of([*learners, *(loop for loop, _ in testers)])
    own = (options.labels, options.steps, options.width, options.seed)
    words = [data, schedule, digest[:8], *map(str, own)]
    kept = options.room / f"{'-'.join(words)}.jsonl"
    rows = [json.loads(line) for line in kept.open()] if kept.exists() else []
    done = {(row["method"], row["seed"]) for row in rows}
    for draw in draws_of(options.draws):
        for arm in options.arms:
            if (arm, draw) in done:
                continue
            found = trial(arm, draw, schedule, learners, testers, options)
            with kept.open("a") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in found)
            rows += found
            print(data, schedule, arm, draw, f"{mean_dice(found):.3f}", flush=True)
    chosen = {*draws_of(options.draws)}
    rows = [r for r in rows if r["seed"] in chosen and r["method"] in options.arms]
    write(data, schedule, rows, digest, options)


def trial(
    arm: str,
    draw: int,
    schedule: str,
    learners: Sequence[Any],
    testers: Sequence[Any],
    options: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Return the rows of one fine-tuning."""
    from napari_motionseg.evaluation.fewshot import draw_frames
    from napari_motionseg.jobs import run

    chosen = draw_frames(learners, options.labels, draw)
    examples = [
        (learners[number].cine, learners[number].labels(frames))
        for number, frames in chosen.items()
    ]
    method = method_of(arm, schedule, options)
    fitted = run(method.fit_job(examples, draw))
    key = {"method": arm, "labels": options.labels, "seed": draw}
    return [
        {**key, **measures(fitted, loop, t)} for loop, frames in testers for t in frames
    ]


def measures(fitted: Any, loop: Any, t: int) -> dict[str, Any]:
    """Return Dice of a test frame, and AUC of a probe; skeletons would cost more."""
    from napari_motionseg.embedding.separation import area_under_curve
    from napari_motionseg.segmentation.metrics import dice

    frame, truth = loop.cine.normalized(t), loop.masks[t]
    row = {"loop": loop.name, "group": loop.group, "frame": int(t)}
    row["dice"] = float(dice(fitted.predict(frame), truth))
    if fitted.scores is not None:
        scores = fitted.scores(frame)
        row["auc"] = area_under_curve(scores[truth], scores[~truth])
    return row


def method_of(arm: str, schedule: str, options: argparse.Namespace) -> Any:
    """Return the method of an arm: fine-tuning, or a probe of frozen features."""
    from napari_motionseg.evaluation.linear_probe import LinearProbe
    from napari_motionseg.evaluation.methods import NetworkMethod
    from napari_motionseg.evaluation.starts import parse_start

    text = {SCRATCH: SCRATCH, RANDOM: f"whitened:{SCRATCH}"}.get(arm)
    start = parse_start(text or str(pretrained(arm, options)))
    settings = replace(settings_of(schedule, options), fitted_head=arm != SCRATCH)
    if schedule == PROBE:
        return LinearProbe(start, settings.network, options.device)
    return NetworkMethod(start, settings, options.device)


def draws_of(text: str) -> range:
    """Return the numbers of draws from, for example, ``1-16``."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def digest_of(loops: Sequence[Any]) -> str:
    """Return the SHA-256 of all frames and masks."""
    digest = hashlib.sha256()
    for loop in loops:
        digest.update(loop.cine.content_hash().encode())
        digest.update(loop.masks.tobytes())
    return digest.hexdigest()


def mean_dice(rows: Sequence[Mapping[str, Any]]) -> float:
    return sum(row["dice"] for row in rows) / max(1, len(rows))


def write(
    data: str,
    schedule: str,
    rows: list[dict[str, Any]],
    digest: str,
    options: argparse.Namespace,
) -> None:
    """Write means and paired differences, with machine and date."""
    from napari_motionseg.evaluation.paired_statistics import summarize

    unmeasured = {"cldice": 0.0, "hd95_px": 0.0}
    rows = [{**unmeasured, **row} for row in rows]
    against = {}
    for baseline in options.arms:
        if baseline in (SCRATCH, RANDOM) or SHUFFLED in baseline:
            against[baseline] = [
                {name: value for name, value in row.items() if name not in unmeasured}
                for row in summarize(rows, baseline)
            ]
    report = {
        "data": data,
        "schedule": schedule,
        "labels": options.labels,
        "draws": options.draws,
        "pretraining_steps": options.steps,
        "width": options.width,
        "seed": options.seed,
        "loops_sha256": digest,
        "processor": processor_name(),
        "against": against,
        "trials": dict(Counter(row["method"] for row in rows)),
    } | here_and_now()
    name = result_name(data, schedule, options.labels, options.steps)
    name += "_seeds" if any(SEED in arm for arm in options.arms) else ""
    text = json.dumps(report, indent=1) + "\n"
    (options.results / f"{name}.json").write_text(text)


def result_name(data: str, schedule: str, labels: int, steps: int) -> str:
    """Return the name of a result, without what all usual runs share."""
    parts = ["motion", data, schedule]
    parts += [f"{labels}-labels"] if labels != LABELS else []
    parts += [f"{steps}-steps"] if steps != STEPS else []
    return "_".join(parts)


if __name__ == "__main__":
    main()
