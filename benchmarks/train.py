"""Train and segment in seconds: how long, and how good against training all layers.

    python benchmarks/train.py                    # as the processor is
    python benchmarks/train.py --setting avx2     # as on a laptop without bf16
    python benchmarks/train.py --setting cuda     # on an NVIDIA GPU

Jobs run in a worker process that stands ready, as in the window. Draws are ten
strokes, at most ten corrections of what the default network marks, or one labelled
frame, and the Dice is that of other frames. Synthetic loops can
be measured anywhere; MOTIONSEG_GOLD names the folder of drawn masks, of which one
picture is labelled and others are tested, and MOTIONSEG_DATA the real loops. A run that
was cut goes on where it stopped. Times count on a free machine only: on a busy one,
--busy keeps none, and its rows take no part in any time. --again measures rows anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import here_and_now, processor_name

from napari_motionseg.cine import Cine
from napari_motionseg.evaluation.mask_sets import read_mask_set
from napari_motionseg.evaluation.reference_loops import (
    ReferenceLoop,
    read_references,
    synthetic_references,
)
from napari_motionseg.evaluation.simulated_strokes import (
    StrokeSettings,
    simulated_corrections,
    simulated_strokes,
)
from napari_motionseg.io import Labels
from napari_motionseg.jobs import run
from napari_motionseg.jobs.local_runner import LocalRunner
from napari_motionseg.segmentation import finetune_job, segment_job
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.viewmodel.preview_settings import finetune_settings
from napari_motionseg.viewmodel.worker_modules import WORKER_MODULES

RESULT = Path(__file__).parent / "results" / "train.json"
SETTINGS = {
    "native": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MOTIONSEG_BF16": "off",
    },
    "cuda": {"MOTIONSEG_DEVICE": "cuda"},
}
SIZE, LONG, TESTS, BORDER = 512, 60, 6, 16
# what is labelled, and of which loop; none of them chose a setting
DRAWS = (
    ("synthetic-9310", "strokes"), ("synthetic-9311", "dense"),
    ("synthetic-9312", "strokes"), ("synthetic-9313", "dense"),
    ("cimat40-5", "strokes"), ("cimat40-15", "dense"),
    ("cimat40-25", "strokes"), ("cimat40-35", "dense"),
    ("p2_c2", "strokes"), ("p3_c1", "dense"), ("p4_c2", "strokes"), ("p1_c2", "dense"),
)  # fmt: skip
# only trained with the recipe "quick"
QUICK_DRAWS = (
    *((f"synthetic-{n}", "corrections") for n in (9310, 9311, 9312, 9313)),
    *((f"cimat40-{n}", "corrections") for n in (5, 15, 25, 35)),
    *((loop, "strokes") for loop in
      ("p1_c2", "p2_c1", "p3_c2", "p3_c5", "p4_c3", "p4_c6")),
    *((loop, "corrections") for loop in
      ("p1_c2", "p2_c1", "p2_c2", "p3_c2", "p3_c5", "p4_c2", "p4_c3", "p4_c6")),
)  # fmt: skip
RECIPES = ("quick", "tuned")
STANDBY_S, TICK_S = 120, 0.01


def main() -> None:
    options = parse_options()
    os.environ.update(SETTINGS[options.setting])
    if options.threads:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
    done = set() if options.again else {key_of(row) for row in known_rows()}
    begun = time.perf_counter()
    for row in rows(options, done):
        print(row, flush=True)
        if not options.dry:
            found = {"rows": replaced(known_rows(), row)}
            RESULT.write_text(json.dumps(found, indent=1) + "\n")
        if options.seconds and time.perf_counter() - begun > options.seconds:
            print("the time is over; run again to go on")
            break


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setting", choices=SETTINGS, default="native")
    parser.add_argument("--draws", help="names of loops; all without")
    parser.add_argument("--parts", default="segment,quick,tuned")
    parser.add_argument("--threads", type=int, help="as many as are free without")
    parser.add_argument("--seconds", type=float, help="begin no row after them")
    parser.add_argument("--steps", type=int, help="of the training, to try this out")
    parser.add_argument("--frames", type=int, default=LONG, help="that are segmented")
    parser.add_argument("--busy", action="store_true", help="keep no times")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("--again", action="store_true", help="replace known rows")
    options = parser.parse_args()
    if options.again and options.busy:
        parser.error("--again with --busy would replace times by none")
    return options


def known_rows() -> list[dict[str, Any]]:
    return json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []


def replaced(rows: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows with a new one in the place of that with the same key, or at last."""
    keys = [key_of(row) for row in rows]
    if key_of(new) not in keys:
        return [*rows, new]
    place = keys.index(key_of(new))
    return [*rows[:place], new, *rows[place + 1 :]]


def key_of(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("setting", "what", "loop", "labels"))


def rows(options: argparse.Namespace, done: set) -> Iterator[dict[str, Any]]:
    """Yield a row for each measurement that was not made before."""
    parts = options.parts.split(",")
    where = here_and_now() | {"processor": processor_name()}
    first = (options.setting, "segment", f"{options.frames} frames", "none")
    if "segment" in parts and first not in done:
        yield named(first) | segmented(options.frames) | where
    chosen = options.draws.split(",") if options.draws else None
    for name, kind in (*DRAWS, *QUICK_DRAWS):
        if chosen is not None and name not in chosen:
            continue
        recipes = RECIPES if (name, kind) in DRAWS else RECIPES[:1]
        wanted = [
            key
            for key in ((options.setting, part, name, kind) for part in recipes)
            if key[1] in parts and key not in done
        ]
        loop = loop_of(name) if wanted else None
        for key in wanted if loop is not None else ():
            row = trained(loop, kind, key[1], options.steps)
            if options.busy:
                row = {k: v for k, v in row.items() if not k.endswith("_s")}
            yield named(key) | row | where


def named(key: tuple[str, ...]) -> dict[str, Any]:
    return dict(zip(("setting", "what", "loop", "labels"), key, strict=True))


def loop_of(name: str) -> ReferenceLoop | None:
    """Return a loop, or None if its folder is not named."""
    kind, _, number = name.partition("-")
    if kind == "synthetic":
        config = SynthesisConfig(size=SIZE, frames=12, bolus=False)
        return synthetic_references(1, int(number), config)[0]
    if kind == "cimat40":
        folder = os.environ.get("MOTIONSEG_GOLD")
        return None if folder is None else drawn(Path(folder), name, int(number))
    folder = os.environ.get("MOTIONSEG_DATA")
    if folder is None:
        return None
    group = name.partition("_")[0]
    return next(x for x in read_references(folder, [group]) if x.name == name)


def drawn(folder: Path, name: str, number: int) -> ReferenceLoop:
    """Return a picture with drawn masks and others of the set as one loop."""
    file = folder / "cimat40_dev.npz"
    found = read_mask_set(file, file)
    every = [found[(number + 4 * k) % len(found)] for k in range(TESTS + 1)]
    pixels = np.stack([x.image for x in every])
    masks = np.stack([x.mask for x in every])
    cine = Cine.from_array(pixels, name=name)
    return ReferenceLoop(name, name, cine, masks, np.ones(len(every), bool))


def draw_of(loop: ReferenceLoop, kind: str) -> tuple[Labels, int, list[int]]:
    """Return labels, the labelled frame, and the frames to test."""
    shown = loop.shown
    t = 0 if loop.name.startswith("cimat") else int(shown[len(shown) // 2])
    places = np.linspace(0, len(shown) - 1, TESTS + 1).round().astype(int)
    others = [int(o) for o in dict.fromkeys(shown[places].tolist()) if o != t]
    if kind == "dense":
        return loop.labels([t]), t, others
    mask, how = loop.masks[t], StrokeSettings()
    if kind == "corrections":
        marked = run(segment_job(loop.cine, "default", frames=[t])).masks[t] > 0
        strokes = simulated_corrections(mask, marked, how, 0)
    else:
        strokes = simulated_strokes(mask, how, 0)
    painted = np.zeros(loop.cine.shape, np.uint8)
    painted[t] = np.max(strokes, axis=0)
    return Labels.from_painted(painted, "scribbles"), t, others


def trained(
    loop: ReferenceLoop, kind: str, recipe: str, steps: int | None
) -> dict[str, Any]:
    """Return times and Dice of a training from the network that ships."""
    labels, t, others = draw_of(loop, kind)
    settings = finetune_settings(recipe, steps)
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / "model.safetensors"
        times = timed(
            finetune_job, [(loop.cine, labels)], settings, start="default", out=out
        )
        return {
            "train_s": times["whole_s"],
            "first_preview_s": times["first_s"],
            "dice": quality(loop, out, others),
            "before": quality(loop, "default", others),
            "disobeyed": disobeyed(loop, out, labels, t),
        }


def segmented(frames: int) -> dict[str, float]:
    """Return the times of segmenting a loop: to the first frame, and to the last."""
    config = SynthesisConfig(size=SIZE, frames=12)
    short = synthetic_references(1, 9320, config)[0].cine
    pixels = np.concatenate([short.frames[:]] * (frames // 12 + 1))[:frames]
    cine = dataclasses.replace(Cine.from_array(pixels), name="long")
    return timed(segment_job, cine, "default")


def timed(function, *args, **kwargs) -> dict[str, float]:
    """Run a job in a process that stands ready; return its times in seconds."""
    runner = LocalRunner(preload=WORKER_MODULES)
    runner.keep_ready()
    begun = time.perf_counter()
    while not runner._standby.ready and time.perf_counter() - begun < STANDBY_S:
        time.sleep(TICK_S)
    begun, first = time.perf_counter(), None
    job = runner.start(function, *args, **kwargs)
    while job.running:
        for progress in job.poll():
            if progress.preview is not None and first is None:
                first = time.perf_counter() - begun
        time.sleep(TICK_S)
    if job.error is not None:
        raise job.error
    took = time.perf_counter() - begun
    runner.release()
    return {"first_s": first or took, "whole_s": took}


def quality(loop: ReferenceLoop, model, frames: list[int]) -> float:
    """Return the mean Dice of frames, without their border."""
    found = run(segment_job(loop.cine, model, frames=frames))
    inner = slice(BORDER, -BORDER)
    pairs = [(found.masks[t] > 0, loop.masks[t]) for t in frames]
    return float(np.mean([dice(a[inner, inner], b[inner, inner]) for a, b in pairs]))


def disobeyed(loop: ReferenceLoop, model, labels: Labels, t: int) -> list[int]:
    """Return how many labelled pixels the network alone, and the result, disobey."""
    target = labels.target(t)
    known = target >= 0
    found = [
        run(segment_job(loop.cine, model, frames=[t], labels=given)).masks[t]
        for given in (None, labels)
    ]
    return [int((mask[known] != target[known]).sum()) for mask in found]


if __name__ == "__main__":
    main()
