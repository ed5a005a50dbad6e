"""Does learning from the motion of a loop improve the masks of that same loop?

    python benchmarks/in_loop.py                  # synthetic loops: two hours, one core
    MOTIONSEG_DATA=../angiodata python benchmarks/in_loop.py --loops p1_c2 p5_c1

The button *Learn from motion* begins with random weights. The other starts continue the
default network, with the objective of the button or with flow regression, on the motion
of one loop and without any label; the network keeps its last layer, so it still gives
masks. Controls get the flow of other windows. Each start is tested as it is, and after
the quick recipe on one labelled frame or on ten strokes of the same loop. A run that
was cut goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import here_and_now, processor_name
from real_loops import data_folder
from train import BORDER, draw_of, quality

from napari_motionseg.evaluation.reference_loops import (
    ReferenceLoop,
    read_references,
    synthetic_references,
)
from napari_motionseg.jobs import run
from napari_motionseg.models import load_model, save_model
from napari_motionseg.motion import FlowCache
from napari_motionseg.segmentation import (
    FinetuneSettings,
    finetune_job,
    segment_job,
)
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.training import PretrainSettings, TrainingSettings, pretrain_job
from napari_motionseg.training.engine.loop import train_job
from napari_motionseg.training.pretrain.motion_data import moving_loops_job
from napari_motionseg.training.pretrain.motion_task import Learner, PretrainTask
from napari_motionseg.viewmodel.learning_choices import PretrainChoices

RESULT = Path(__file__).parent / "results" / "in_loop.json"
ROOM = Path(tempfile.gettempdir()) / "motionseg-in-loop"
DEFAULT, BUTTON, STATISTICS = "default", "button", "statistics"
STILL = 1e-9  # learning rate at which only batch norm adapts
REGRESSION = {"objective": "flow-regression"}
# starts that continue the default network: settings of their learning
CONTINUED: Mapping[str, Mapping[str, Any]] = {
    "consistency": {},
    "regression": REGRESSION,
    "regression-shuffled": {**REGRESSION, "shuffled": True},
    "regression-zoom": {**REGRESSION, "zoom": (0.5, 2.0)},
    STATISTICS: {},
}
THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
KINDS = ("none", "dense", "strokes")
# loops that are fixed before any training, far from the seeds of trainings
SEED, LOOPS, SIDE, FRAMES = 93_002_000, 8, 384, 12


def main() -> None:
    options = parse_options()
    keep_rows(options.out, key_of, lambda done: rows(options, done))


def keep_rows(
    out: Path,
    key: Callable[[Mapping[str, Any]], tuple[Any, ...]],
    missing: Callable[[set], Iterator[dict[str, Any]]],
) -> None:
    """Add the rows to a file that it does not hold yet, one after the other."""
    found = json.loads(out.read_text()) if out.exists() else {"rows": []}
    for row in missing({key(row) for row in found["rows"]}):
        print(row, flush=True)
        found["rows"].append(row)
        out.write_text(json.dumps(found, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    named = [f"synthetic-{SEED + k}" for k in range(LOOPS)]
    starts = [DEFAULT, BUTTON, *CONTINUED]
    parser.add_argument("--loops", nargs="+", default=named, help="synthetic, or pN_cM")
    parser.add_argument("--starts", nargs="+", default=starts, choices=starts)
    parser.add_argument("--labels", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--steps", type=int, default=200, help="of the learning")
    parser.add_argument("--rate", type=float, default=1e-3, help="of the learning")
    parser.add_argument("--room", type=Path, default=ROOM, help="keeps checkpoints")
    parser.add_argument("--out", type=Path, default=RESULT)
    return parser.parse_args()


def key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("loop", "start", "labels", "steps", "rate"))


def rows(options: argparse.Namespace, done: set) -> Iterator[dict[str, Any]]:
    """Yield a row for each loop, start and kind of labels that is not done."""
    options.room.mkdir(parents=True, exist_ok=True)
    where = here_and_now() | {"processor": processor_name()}
    for name in options.loops:
        loop = loop_of(name)
        for start in options.starts:
            learns = (options.steps, options.rate) if start in CONTINUED else (0, 0.0)
            for kind in options.labels:
                key = (name, start, kind, *learns)
                if key in done or (start, kind) == (BUTTON, "none"):
                    continue
                network = learnt(start, loop, options)
                named = ("loop", "start", "labels", "steps", "rate")
                row = dict(zip(named, key, strict=True)) | {"group": loop.group}
                yield row | tested(loop, network, kind) | where


def loop_of(name: str) -> ReferenceLoop:
    kind, _, number = name.partition("-")
    if kind == "synthetic":
        config = SynthesisConfig(size=SIDE, frames=FRAMES, bolus=False)
        return synthetic_references(1, int(number), config)[0]
    group = name.partition("_")[0]
    return next(x for x in read_references(data_folder(), [group]) if x.name == name)


def learnt(start: str, loop: ReferenceLoop, options: argparse.Namespace) -> str | Path:
    """Return the network that has learnt from the motion of a loop, made once."""
    if start == DEFAULT:
        return DEFAULT
    name = f"{start}-{options.steps}-{options.rate:g}-{loop.name}.safetensors"
    out: Path = options.room / name
    if out.exists():
        return out
    if start == BUTTON:
        settings = PretrainChoices().settings("auto", min(loop.cine.shape[1:]))
        cache = FlowCache.default()
        return run(
            pretrain_job([loop.cine], settings, out=out, cache=cache, anyway=True)
        )
    return continued(start, loop, out, options)


def continued(
    start: str, loop: ReferenceLoop, out: Path, options: argparse.Namespace
) -> Path:
    """Go on with the default network on the motion of a loop."""
    model, card = load_model(DEFAULT, kind="segmentation")
    rate = STILL if start == STATISTICS else options.rate
    settings = PretrainSettings(
        steps=options.steps,
        batch=2,
        crop=160,
        training=TrainingSettings(
            steps=options.steps, learning_rate=rate, schedule="cosine"
        ),
        **CONTINUED[start],
    )
    loops = run(moving_loops_job([loop.cine], settings.flow, FlowCache.default()))
    learner = Learner(model.embedding, settings.make_objective())
    run(train_job(PretrainTask(learner, loops, settings), settings.training))
    save_model(out, model, card, dtype=torch.float32)
    return out


def tested(loop: ReferenceLoop, network: str | Path, kind: str) -> dict[str, float]:
    """Return the Dice of other frames of the loop, after training on some labels."""
    labels, _, others = draw_of(loop, "strokes" if kind == "strokes" else "dense")
    if kind == "none":
        return as_it_is(loop, network, others)
    settings = FinetuneSettings.recipe("quick")
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / "model.safetensors"
        run(finetune_job([(loop.cine, labels)], settings, start=network, out=out))
        return {"dice": quality(loop, out, others)}


def as_it_is(
    loop: ReferenceLoop, network: str | Path, frames: list[int]
) -> dict[str, float]:
    """Return the Dice at the usual threshold and at the best one, without training.

    A network that only marks more pixels everywhere gains at the usual threshold where
    the default network marks too few, and nothing at the best threshold.
    """
    found = run(segment_job(loop.cine, network, frames=frames))
    inner = slice(BORDER, -BORDER)
    scores = [
        np.mean(
            [
                dice(
                    found.probabilities[t, inner, inner] >= np.float16(threshold),
                    loop.masks[t, inner, inner],
                )
                for t in frames
            ]
        )
        for threshold in (0.5, *THRESHOLDS)
    ]
    return {"dice": float(scores[0]), "best": float(max(scores))}


if __name__ == "__main__":
    main()
