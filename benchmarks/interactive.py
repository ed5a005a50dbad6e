"""Paint a little, see it everywhere: how good and how fast, against the bars.

    python benchmarks/interactive.py                    # synthetic loops, anywhere
    MOTIONSEG_DATA=../angiodata python benchmarks/interactive.py --groups p5,p6
    xvfb-run -a python benchmarks/interactive_window.py # what the window needs

Strokes are drawn from the masks with a fixed seed: five on the vessel and five on the
background of the middle frame that shows contrast. Frames of the same loop are tested.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from machine import here_and_now
from real_loops import data_folder

from napari_motionseg.embedding import embed_frame
from napari_motionseg.evaluation.methods import RandomForest
from napari_motionseg.evaluation.reference_loops import (
    ReferenceLoop,
    read_references,
    synthetic_references,
)
from napari_motionseg.evaluation.simulated_strokes import (
    StrokeSettings,
    simulated_strokes,
)
from napari_motionseg.io import Labels
from napari_motionseg.jobs import ChildJob, run
from napari_motionseg.segmentation import FinetuneSettings, finetune_job, segment_job
from napari_motionseg.segmentation.flow_propagation import CarrySettings
from napari_motionseg.segmentation.live_preview import LiveHead, view_of
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.segmentation.predict import load_segmentation
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.viewmodel.preview_settings import finetune_settings

RESULTS = Path(__file__).parent / "results"
SEED = 0
PARTS = ("live", "strokes", "forest", "dense", "carried")


def main() -> None:
    options = parse_options()
    torch.set_num_threads(options.threads)
    rows = []
    for loop in loops_of(options):
        row = {"loop": loop.name, "group": loop.group}
        for name, value in measured(loop, options):
            if not (options.busy and name.endswith(("_s", "_ms_median", "_ms_worst"))):
                row[name] = value
            print(loop.name, name, value, flush=True)
        rows.append(row)
        if not options.dry:
            kept = {"rows": rows, "words": words_of(options)} | here_and_now()
            name = "interactive_real" if options.groups else "interactive_synthetic"
            text = json.dumps(kept, indent=1) + "\n"
            (RESULTS / f"{name}.json").write_text(text)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--groups", help="patients; synthetic loops without")
    parser.add_argument("--loops", help="names, to measure some of them")
    parser.add_argument("--count", type=int, default=4, help="of synthetic loops")
    parser.add_argument("--steps", type=int, help="at most; the recipe's if unset")
    parser.add_argument("--tests", type=int, default=8, help="frames a loop; 0: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--recipe", default="quick", help="of the trainings")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--busy", action="store_true", help="keep no times")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    return parser.parse_args()


def words_of(options: argparse.Namespace) -> dict:
    return {k: v for k, v in vars(options).items() if k not in ("dry",)}


def loops_of(options: argparse.Namespace) -> list[ReferenceLoop]:
    if options.groups:
        loops = read_references(data_folder(), options.groups.split(","))
    else:
        config = SynthesisConfig(size=512, frames=30, bolus=False)
        loops = synthetic_references(options.count, 9000, config)
    wanted = options.loops.split(",") if options.loops else None
    return [loop for loop in loops if wanted is None or loop.name in wanted]


def measured(loop: ReferenceLoop, options) -> Iterator[tuple[str, float]]:
    """Yield what was asked for, part by part."""
    shown = loop.shown
    t = int(shown[len(shown) // 2])
    count = options.tests or len(shown)
    places = np.linspace(0, len(shown) - 1, count).round().astype(int)
    others = [int(o) for o in dict.fromkeys(shown[places].tolist()) if o != t]
    strokes = simulated_strokes(loop.masks[t], StrokeSettings(), SEED)
    painted = np.zeros(loop.cine.shape, np.uint8)
    painted[t] = np.max(strokes, axis=0)
    scribbles = Labels.from_painted(painted, "scribbles")
    dense = loop.labels([t])
    parts = options.parts.split(",")
    yield "zero_shot", shot(loop, "default", others)[0]
    if "live" in parts:
        yield from live(loop, t, strokes, others)
    if "strokes" in parts:
        yield from trained("strokes", loop, scribbles, others, options)
    if "forest" in parts:
        predict = run(RandomForest().fit_job([(loop.cine, scribbles)], SEED))
        found = [dice(predict(loop.cine.normalized(o)), loop.masks[o]) for o in others]
        yield "forest", float(np.mean(found))
    if "dense" in parts:
        yield from trained("dense", loop, dense, others, options)
    if "carried" in parts:
        carry = CarrySettings()
        yield from trained("carried", loop, dense, others, options, carry)


def live(loop, t, strokes, others) -> Iterator[tuple[str, float]]:
    """Dice of the preview, and its time after each stroke, the window left out."""
    network = load_segmentation("default")
    head = LiveHead(2)

    def view(frame):
        embedding = embed_frame(network, loop.cine.normalized(frame))
        return view_of(network, embedding.astype(np.float16))

    seen, times = view(t), []
    target = np.full(loop.masks[t].shape, -1, np.int16)
    for stroke in strokes:
        target[stroke > 0] = stroke[stroke > 0].astype(np.int16) - 1
        begun = time.perf_counter()
        head.paint(t, seen, target)
        answer = head.predict(seen, t)
        times.append(time.perf_counter() - begun)
    yield "live_same", float(dice(answer.probabilities[1] > 0.5, loop.masks[t]))
    found = [
        dice(head.predict(view(o), o).probabilities[1] > 0.5, loop.masks[o])
        for o in others
    ]
    yield "live_others", float(np.mean(found))
    yield "live_ms_median", 1e3 * float(np.median(times))
    yield "live_ms_worst", 1e3 * float(np.max(times))


def trained(
    name: str, loop, labels: Labels, others, options, carry=None
) -> Iterator[tuple[str, float]]:
    """Dice on other frames after Train, as the window does it, and the times."""
    settings = finetune_settings(options.recipe, options.steps)
    settings = dataclasses.replace(settings, carry=carry)
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / "model.safetensors"
        begun = time.perf_counter()
        first = child([(loop.cine, labels)], settings, out)
        took = time.perf_counter() - begun
        quality, applied = shot(loop, out, others)
    yield name, quality
    yield f"{name}_train_s", took
    yield f"{name}_first_preview_s", first
    yield f"{name}_frame_s", applied


def child(examples, settings: FinetuneSettings, out: Path) -> float:
    """Train as the window does; return the seconds until the first preview."""
    begun = time.perf_counter()
    job = ChildJob(finetune_job, examples, settings, start="default", out=out)
    first = 0.0
    while job.running:
        for progress in job.poll():
            if progress.preview is not None and not first:
                first = time.perf_counter() - begun
        time.sleep(0.02)
    if job.error is not None:
        raise job.error
    return first


def shot(loop: ReferenceLoop, model, frames) -> tuple[float, float]:
    """Return Dice on frames, and the seconds that one took."""
    begun = time.perf_counter()
    found = run(segment_job(loop.cine, model, frames=frames))
    took = (time.perf_counter() - begun) / len(frames)
    scores = [dice(found.masks[t] > 0, loop.masks[t]) for t in frames]
    return float(np.mean(scores)), took


if __name__ == "__main__":
    main()
