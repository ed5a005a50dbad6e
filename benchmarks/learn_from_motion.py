"""What does *Learn from motion* show of the loop that it learns from?

    python benchmarks/learn_from_motion.py                  # synthetic loops
    MOTIONSEG_DATA=../angiodata python benchmarks/learn_from_motion.py --loops p1_c2

The button trains an embedding from random weights on the motion of one loop, without
any label. Points on vessels are drawn in frames with contrast agent. Measured is how
well the similarity to such a point tells vessels from everything else. The embeddings
that ship, untrained weights and a training with the flow of other windows are the
controls. A run that was cut goes on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from in_loop import LOOPS, SEED, keep_rows, loop_of
from machine import here_and_now, processor_name

from napari_motionseg.embedding import embed_frame
from napari_motionseg.embedding.frame_vectors import FrameVectors
from napari_motionseg.embedding.separation import area_under_curve
from napari_motionseg.evaluation.reference_loops import ReferenceLoop
from napari_motionseg.jobs import run
from napari_motionseg.models import UNet, UNetConfig, load_model
from napari_motionseg.motion import FlowCache
from napari_motionseg.training import PretrainSettings, pretrain_job
from napari_motionseg.training.engine.initial_networks import with_seed
from napari_motionseg.viewmodel.learning_choices import PretrainChoices

RESULT = Path(__file__).parent / "results" / "learn_from_motion.json"
RANDOM, BUTTON, SHUFFLED, PAPER = "random", "button", "button-shuffled", "consistency"
SHIPPED = ("motion-xa", "default")
STARTS = (RANDOM, PAPER, BUTTON, SHUFFLED, *SHIPPED)
TESTED_FRAMES, POINTS, BORDER = 4, 12, 16
KEY = ("loop", "start", "steps")


def main() -> None:
    options = parse_options()
    keep_rows(
        options.out,
        lambda row: tuple(row[name] for name in KEY),
        lambda done: rows(options, done),
    )


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    named = [f"synthetic-{SEED + k}" for k in range(LOOPS)]
    parser.add_argument("--loops", nargs="+", default=named, help="synthetic, or pN_cM")
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    parser.add_argument("--steps", type=int, default=PretrainChoices().steps)
    parser.add_argument("--out", type=Path, default=RESULT)
    return parser.parse_args()


def rows(options: argparse.Namespace, done: set) -> Iterator[dict[str, Any]]:
    """Yield a row for each loop and start that is not done."""
    where = here_and_now() | {"processor": processor_name()}
    for name in options.loops:
        loop = loop_of(name)
        for start in options.starts:
            learns = start not in (RANDOM, *SHIPPED)
            key = (name, start, options.steps if learns else 0)
            if key in done:
                continue
            began = time.perf_counter()
            network = network_of(start, loop, options.steps)
            seconds = time.perf_counter() - began
            row = dict(zip(KEY, key, strict=True)) | {"group": loop.group}
            yield row | {"auc": shown_by(network, loop), "train_s": seconds} | where


def network_of(start: str, loop: ReferenceLoop, steps: int) -> UNet:
    """Return a network that ships, an untrained one, or one that the loop taught."""
    if start in SHIPPED:
        return embedding_of(start)
    settings = settings_of(start, loop, steps)
    if start == RANDOM:
        return with_seed(lambda: UNet(settings.network), settings.training.seed)
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / "embedding.safetensors"
        cache = FlowCache.default()
        run(pretrain_job([loop.cine], settings, out=out, cache=cache, anyway=True))
        return embedding_of(out)


def embedding_of(name: str | Path) -> UNet:
    model, _ = load_model(name)
    return model if isinstance(model, UNet) else model.embedding


def settings_of(start: str, loop: ReferenceLoop, steps: int) -> PretrainSettings:
    """Return the settings of the button, of its control, or of Ma et al."""
    side = min(loop.cine.shape[1:])
    settings = PretrainChoices(steps=steps).settings("auto", side)
    if start == PAPER:
        settings = PretrainSettings(
            steps=steps,
            crop=min(256, side),
            network=UNetConfig(flat_field=True),
            training=settings.training,
        )
    return replace(settings, shuffled=start == SHUFFLED)


def shown_by(network: UNet, loop: ReferenceLoop) -> float:
    """Return the mean AUC of the similarity to points on vessels."""
    shown: Any = loop.shown
    chosen = shown[np.linspace(0, len(shown) - 1, TESTED_FRAMES).round().astype(int)]
    rng = np.random.default_rng(0)  # the same points for every network
    found = []
    inner = np.zeros(loop.masks.shape[1:], bool)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    for t in chosen.tolist():
        vectors = FrameVectors(embed_frame(network, loop.cine.normalized(t)))
        vessel, rest = inner & loop.masks[t], inner & ~loop.masks[t]
        places = np.argwhere(vessel)
        for row, column in places[rng.choice(len(places), POINTS)].tolist():
            similar = vectors.similarity([(row, column)])[0]
            found.append(area_under_curve(similar[vessel], similar[rest]))
    return float(np.mean(found))


if __name__ == "__main__":
    main()
