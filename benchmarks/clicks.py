"""How good masks of clicks and guided flow are, against what else answers them.

    python benchmarks/clicks.py                             # synthetic, anywhere
    MOTIONSEG_GOLD=../gold python benchmarks/clicks.py      # and drawn masks
    MOTIONSEG_DATA=../angiodata python benchmarks/clicks.py # and real loops, silver
    python benchmarks/clicks.py --pictures 8 --every 10     # reduced: five minutes

A robot user clicks on the centre of the largest error. For comparison, the same robot
paints there, with the live preview of the Segment dock. Parts whose folder is not named
stay as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from click_peers import INTERPOLATIONS, PEERS
from machine import here_and_now
from scipy import ndimage
from skimage.morphology import skeletonize

from napari_motionseg.cine.field_of_view import find_field_of_view
from napari_motionseg.embedding import embed_frame
from napari_motionseg.evaluation import read_references
from napari_motionseg.evaluation.mask_sets import read_mask_set
from napari_motionseg.evaluation.simulated_clicks import inmost_pixel, next_click
from napari_motionseg.guidance import (
    Arrow,
    Clicks,
    click_scores,
    guided_flow,
    load_propagator,
    mask_of_scores,
    moved_frames,
)
from napari_motionseg.guidance.mask_of_clicks import THRESHOLDS
from napari_motionseg.objectives.guidance import guidance_mask
from napari_motionseg.segmentation.live_preview import LiveHead, view_of
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.segmentation.predict import load_segmentation
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.part_stills import part_stills

RESULTS = Path(__file__).parent / "results" / "clicks.json"
SEED = 93_000_000  # far from the seeds of all trainings
TUNING = 4  # pictures on which the peers' numbers are chosen, not among the measured
LEAST_BRANCH_PX, BRANCHES = 150, 4  # of a picture: the largest ones
GOOD, MOST = 0.8, 12  # Dice to reach, and clicks or strokes after which one gives up
STROKE_PX, BRUSH_PX = 50, 2.0  # of the painting robot, as in `simulated_strokes`
SILVER_STRIDE, BORDER_PX = 12, 16
CROP = 384  # side of the pictures whose flow is guided, as in the paper
PARTS = ("branches", "flow", "trees", "times")


def main() -> None:
    options = parse_options()
    torch.set_num_threads(options.threads)
    report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    propagator = load_propagator(options.model)
    measures: dict[str, Callable] = {
        "branches": branches, "flow": flow, "trees": trees, "times": times,
    }  # fmt: skip
    for part in options.parts.split(","):
        rows = measures[part](propagator, options)
        report.setdefault(part, {}).update(
            {name: row | here_and_now() for name, row in rows.items()}
        )
        print(json.dumps({part: rows}, indent=1), flush=True)
        if not options.dry:
            RESULTS.write_text(json.dumps(report, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="propagation-xa", help="checkpoint")
    parser.add_argument("--pictures", type=int, default=24, help="synthetic ones")
    parser.add_argument("--every", type=int, default=1, help="drawn or real picture")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    return parser.parse_args()


def synthetic(count: int, seed: int) -> list[dict]:
    """Return frames of the package's synthetic loops, with parts and flow."""
    made = part_stills(count, 512, seed, SynthesisConfig.preset("xa-coronary"))
    return [
        {
            "frame": made.pictures[n].numpy(),
            "parts": made.parts[n].numpy(),
            "vessels": made.vessels[n].numpy(),
            "flow": made.flow[n].numpy(),
            "field": find_field_of_view(made.pictures[n].numpy()).mask,
        }
        for n in range(count)
    ]


# One click against the branch


def branches(propagator, options) -> dict:
    """IoU of one click's mask with the clicked branch, for each method."""
    tuning = clicked(synthetic(TUNING, SEED))
    measured = clicked(synthetic(options.pictures, SEED + 1))
    rows = {}
    for name, (method, values) in PEERS.items():
        scores = {v: mean_iou(method, v, tuning) for v in values}
        best = max(scores, key=scores.get)
        rows[name] = summary([ious(method, best, one) for one in measured], best)
    prepared: dict[int, object] = {}

    def ours(frame, click, threshold):
        if id(frame) not in prepared:
            prepared[id(frame)] = propagator.prepare(frame)
        scores = click_scores(propagator, prepared[id(frame)], Clicks((click,)))
        return mask_of_scores(scores, threshold, (click,))

    rows["propagation"] = summary(
        [ious(ours, THRESHOLDS["branch"], one) for one in measured],
        THRESHOLDS["branch"],
    )
    return rows


def clicked(pictures: list[dict]) -> list[tuple]:
    """Return frame, clicks and masks of the largest branches of each picture."""
    found = []
    for one in pictures:
        branches = one["parts"] * one["vessels"]
        sizes = np.bincount(branches.ravel())
        sizes[0] = 0
        large = [int(n) for n in np.argsort(-sizes)[:BRANCHES]]
        masks = [branches == n for n in large if sizes[n] >= LEAST_BRANCH_PX]
        if masks:
            found.append((one["frame"], [inmost_pixel(m) for m in masks], masks))
    return found


def ious(method, value, one: tuple) -> list[float]:
    frame, clicks, masks = one
    found = [method(frame, click, value) for click in clicks]
    return [
        float((f & m).sum() / (f | m).sum()) for f, m in zip(found, masks, strict=True)
    ]


def mean_iou(method, value, examples: list[tuple]) -> float:
    return float(np.mean([np.mean(ious(method, value, one)) for one in examples]))


def summary(found: list[list[float]], value: float) -> dict:
    """Return the mean over clicks, with its interval over pictures."""
    means = np.array([np.mean(one) for one in found])
    low, high = interval(means)
    return {
        "iou": float(means.mean()), "low": low, "high": high, "number": value,
        "clicks": sum(map(len, found)), "pictures": len(found),
    }  # fmt: skip


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


# Guided flow


def flow(propagator, options) -> dict:
    """End-point error of flow from watershed guidance, for each method."""
    rows: dict[str, list] = {name: [] for name in ("propagation", *INTERPOLATIONS)}
    points = []
    generator = torch.Generator().manual_seed(SEED)
    for one in synthetic(options.pictures, SEED + 2):
        cut = (slice(64, 64 + CROP),) * 2
        frame, truth = one["frame"][cut], one["flow"][(slice(None), *cut)]
        field, vessels = one["field"][cut], one["vessels"][cut]
        mask = guidance_mask(
            torch.from_numpy(np.ascontiguousarray(truth)).float()[None],
            nms_kernel=15, grid_stride=80, generator=generator,
        )[0].numpy() & field  # fmt: skip
        places = np.argwhere(mask)
        points.append(len(places))
        vectors = truth[:, mask].T.astype(float)
        arrows = [
            Arrow(*map(float, p), v[1], v[0])
            for p, v in zip(places, vectors, strict=True)
        ]
        answer = guided_flow(propagator, propagator.prepare(frame), arrows).flow
        found = {"propagation": answer}
        for name, method in INTERPOLATIONS.items():
            found[name] = method(places, vectors, frame.shape)
        for name, field_found in found.items():
            error = np.linalg.norm(field_found - truth, axis=0)
            rows[name].append((error[field].mean(), error[vessels].mean()))
    return {
        name: {
            "error_px": float(np.mean([a for a, _ in values])),
            "vessel_error_px": float(np.nanmean([b for _, b in values])),
            "points": float(np.mean(points)),
            "pictures": len(values),
        }
        for name, values in rows.items()
    }


# Clicks and strokes until the tree is good


def trees(propagator, options) -> dict:
    """Clicks and strokes to a Dice of .8, for each set and way."""
    sets = {"synthetic": tree_pictures(options)}
    sets |= drawn_pictures(options) | silver_pictures(options)
    network = load_segmentation("default")
    rows = {}
    for name, pictures in sets.items():
        counts: dict[str, list] = {"clicks": [], "strokes": [], "corrections": []}
        for frame, truth in pictures:
            guess, view = first_guess(network, frame)
            prepared = propagator.prepare(frame)
            counts["clicks"].append(clicks_needed(propagator, prepared, truth, None))
            counts["corrections"].append(
                clicks_needed(propagator, prepared, truth, guess)
            )
            counts["strokes"].append(strokes_needed(view, truth))
            print(name, {k: v[-1] for k, v in counts.items()}, flush=True)
        rows[name] = {key: counted(values) for key, values in counts.items()}
        rows[name]["pictures"] = len(pictures)
    return rows


def counted(values: list[tuple[int, float]]) -> dict:
    needed = np.array([count for count, _ in values])
    return {
        "median": float(np.median(needed)),
        "reached": float(np.mean([score >= GOOD for _, score in values])),
    }


def clicks_needed(propagator, prepared, truth, guess) -> tuple[int, float]:
    """Return the number of clicks until the mask is good, and its Dice.

    A click on something missing adds what moves with it; a click on something
    superfluous takes away what moves with that.
    """
    found = np.zeros_like(truth) if guess is None else guess.copy()
    count, score = 0, dice(found, truth)
    while score < GOOD and count < MOST:
        click = next_click(found, truth)
        if click is None:
            break
        clicks = Clicks(((click.row, click.column),))
        extent = "tree" if click.missing else "branch"
        scores = click_scores(propagator, prepared, clicks, extent=extent)
        if click.missing:
            found = found | mask_of_scores(scores, THRESHOLDS[extent])
        else:
            found = found & ~mask_of_scores(scores, THRESHOLDS[extent], clicks.positive)
            found[click.row, click.column] = False
        count, score = count + 1, dice(found, truth)
    return count, float(score)


def strokes_needed(view, truth) -> tuple[int, float]:
    """Return the number of strokes until the live preview is good, and its Dice."""
    head = LiveHead(2)
    target = np.full(truth.shape, -1, np.int16)
    found, count, score = np.zeros_like(truth), 0, 0.0
    while score < GOOD and count < MOST:
        click = next_click(found, truth)
        if click is None:
            break
        stroke = stroke_at(click, truth)
        target[stroke] = int(click.missing)
        head.paint(0, view, target)
        found = head.predict(view, 0).probabilities[1] > 0.5
        count, score = count + 1, dice(found, truth)
    return count, float(score)


def stroke_at(click, truth) -> np.ndarray:
    """Return the pixels of a stroke that begins at the centre of an error."""
    own = truth if click.missing else ~truth
    line = skeletonize(own) if click.missing else own
    seed = np.zeros_like(truth)
    seed[click.row, click.column] = True
    line = line | seed
    reach = STROKE_PX // 2 if click.missing else 6
    grown = ndimage.binary_dilation(seed, np.ones((3, 3)), iterations=reach, mask=line)
    brushed = ndimage.distance_transform_edt(~grown) <= BRUSH_PX
    return (brushed & own) | seed


def first_guess(network, frame):
    """Return the mask of the default network, and the view for the live preview."""
    embedding = embed_frame(network, frame)
    view = view_of(network, embedding.astype(np.float16))
    field = find_field_of_view(frame).inner()
    return (view.probabilities.argmax(axis=0) == 1) & field, view


def tree_pictures(options) -> list[tuple]:
    made = synthetic(options.pictures, SEED + 3)
    pairs = [(one["frame"], one["vessels"]) for one in made]
    return [(frame, truth) for frame, truth in pairs if truth.sum() >= 500]


def drawn_pictures(options) -> dict:
    folder = os.environ.get("MOTIONSEG_GOLD")
    if not folder:
        print("MOTIONSEG_GOLD is not set: rows of drawn masks stay as they are")
        return {}
    found = {}
    for path in sorted(Path(folder).glob("*.npz")):
        pictures = read_mask_set(path, path)[:: options.every]
        found[f"drawn: {path.stem}"] = [
            (p.image.astype(np.float32) / 255, p.mask) for p in pictures
        ]
    return found


def silver_pictures(options) -> dict:
    folder = os.environ.get("MOTIONSEG_DATA")
    if not folder:
        print("MOTIONSEG_DATA is not set: rows of real loops stay as they are")
        return {}
    found = []
    inner = slice(BORDER_PX, -BORDER_PX)
    for loop in read_references(folder, ["p5", "p6"]):
        for t in loop.shown[:: SILVER_STRIDE * options.every]:
            frame = loop.cine.normalized(int(t))[inner, inner]
            found.append((frame, loop.masks[t][inner, inner].astype(bool)))
    return {"silver: p5, p6": found}


# Times


def times(propagator, options) -> dict:
    """Seconds of the encoder, a click, and a guided loop."""
    small = synthetic(1, SEED + 4)[0]["frame"]
    rows = {}
    for side in (CROP, 512):
        frame = np.ascontiguousarray(small[:side, :side])
        prepared, encoder = timed(lambda f=frame: propagator.prepare(f))
        clicks = Clicks(((side / 2, side / 2),))
        for directions in (2, 4):
            _, took = timed(
                lambda p=prepared, c=clicks, d=directions: click_scores(
                    propagator, p, c, d
                )
            )
            rows[f"{side} px, {directions} directions"] = {
                "encoder_s": encoder, "click_s": took,
            }  # fmt: skip
    prepared = propagator.prepare(small)
    arrows = [Arrow(256, 256, 8, 8)]
    moved, took = timed(lambda: guided_flow(propagator, prepared, arrows))
    frames, played = timed(lambda: list(moved_frames(small, moved.flow)), repeats=1)
    rows["guided loop, 30 frames of 512 px"] = {
        "flow_s": took, "loop_s": took + played,
        "finite": bool(np.isfinite(frames).all()),
    }  # fmt: skip
    return rows


def timed(call: Callable, repeats: int = 5) -> tuple:
    """Return the last answer, and the median of the seconds after a first call."""
    call()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        answer = call()
        taken.append(time.perf_counter() - begun)
    return answer, float(np.median(taken))


if __name__ == "__main__":
    main()
