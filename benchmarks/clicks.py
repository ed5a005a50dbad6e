"""How good masks of clicks and guided flow are, against what else answers them.

    python benchmarks/clicks.py                             # synthetic, anywhere
    MOTIONSEG_GOLD=../gold python benchmarks/clicks.py      # and drawn masks
    MOTIONSEG_DATA=../angiodata python benchmarks/clicks.py # and real loops, silver
    python benchmarks/clicks.py --pictures 8 --every 20     # reduced: five minutes

A robot user clicks on the centre of the largest error. For comparison, the same robot
paints there, with the live preview of the Segment dock. Parts whose folder is not named
stay as they were.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from click_ceilings import ceilings
from click_peers import INTERPOLATIONS, PEERS
from click_pictures import (
    SEED,
    drawn_pictures,
    silver_pictures,
    synthetic,
    tree_pictures,
)
from click_robot import GOOD, clicks_needed, strokes_needed
from machine import here_and_now

from napari_motionseg.cine.field_of_view import find_field_of_view
from napari_motionseg.embedding import embed_frame
from napari_motionseg.evaluation.simulated_clicks import inmost_pixel
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
from napari_motionseg.segmentation.live_preview import view_of
from napari_motionseg.segmentation.predict import load_segmentation

RESULTS = Path(__file__).parent / "results" / "clicks.json"
TUNING = 4  # pictures on which the peers' numbers are chosen, not among the measured
LEAST_BRANCH_PX, BRANCHES = 150, 4  # of a picture: the largest ones
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
        kept = report.get(part, {}) if part == "trees" else {}
        new = {name: row | here_and_now() for name, row in rows.items()}
        report[part] = kept | new
        print(json.dumps({part: rows}, indent=1), flush=True)
        if not options.dry:
            RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    options.partial.end()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="propagation-xa", help="checkpoint")
    parser.add_argument("--pictures", type=int, default=24, help="synthetic ones")
    parser.add_argument(
        "--every", type=int, default=4, help="n-th drawn or real picture"
    )
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    options.partial = Partial(RESULTS.with_name("clicks_partial.json"))
    return options


class Partial:
    """Results of single pictures in a file, from which an interrupted run goes on.

    Parameters
    ----------
    path
        The file; it is removed at the end of a run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = json.loads(path.read_text()) if path.exists() else {}

    def once(self, name: str, make: Callable):
        """Return what was made under a name before, or make it now."""
        if name not in self._known:
            self._known[name] = make()
            self._path.write_text(json.dumps(self._known))
        return self._known[name]

    def end(self) -> None:
        """Remove the file: all parts are written."""
        self._path.unlink(missing_ok=True)


# One click against the branch


def branches(propagator, options) -> dict:
    """IoU of one click's mask with the clicked branch, for each method."""
    tuning = clicked(synthetic(TUNING, SEED))
    measured = clicked(synthetic(options.pictures, SEED + 1))
    rows = {}
    for name, (method, values) in PEERS.items():
        scores = {
            v: options.partial.once(
                f"{name} {v} tuning", lambda m=method, v=v: mean_iou(m, v, tuning)
            )
            for v in values
        }
        best = max(scores, key=scores.get)
        found = [
            options.partial.once(
                f"{name} {best} {number}",
                lambda m=method, b=best, o=one: ious(m, b, o),
            )
            for number, one in enumerate(measured)
        ]
        rows[name] = summary(found, best)
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
    sets = {"synthetic": tree_pictures(options.pictures)}
    sets |= drawn_pictures(options.every) | silver_pictures(options.every)
    network = load_segmentation("default")
    rows: dict[str, dict[str, list]] = {}
    for name, number, (frame, truth) in in_turn(sets):
        ways = options.partial.once(
            f"{name} {number} of every {options.every}",
            lambda f=frame, t=truth: tree_counts(propagator, network, f, t),
        )
        print(name, number, ways, flush=True)
        for way, count in ways.items():
            rows.setdefault(name, {}).setdefault(way, []).append(count)
    return {
        name: {way: counted(values) for way, values in ways.items()}
        | {"pictures": len(sets[name])}
        for name, ways in rows.items()
    }


def in_turn(sets: dict[str, list]):
    """Yield name, number and picture of the sets, so that all of them advance."""
    for number in range(max(map(len, sets.values()))):
        for name, pictures in sets.items():
            if number < len(pictures):
                yield name, number, pictures[number]


def tree_counts(propagator, network, frame, truth) -> dict[str, tuple[int, float]]:
    """Return the clicks or strokes of each way, and the Dice that they reach."""
    view = view_of(network, embed_frame(network, frame).astype(np.float16))
    field = find_field_of_view(frame)
    guess = (view.probabilities.argmax(axis=0) == 1) & field.inner()
    prepared, seen = propagator.prepare(frame), field.mask
    best = ceilings(view.probabilities[1] * seen, truth)
    return {
        "clicks": clicks_needed(propagator, prepared, seen, truth, None),
        "strokes": strokes_needed(view, truth),
        "corrections": clicks_needed(propagator, prepared, seen, truth, guess),
        # an oracle needs no clicks
        **{f"best {what}": (0, dice) for what, dice in best.items()},
    }


def counted(values: list[tuple[int, float]]) -> dict:
    """Return the median number, the share that is good, and the mean Dice."""
    needed, scores = np.array(values).T
    return {
        "median": float(np.median(needed)),
        "reached": float(np.mean(scores >= GOOD)),
        "dice": float(np.mean(scores)),
    }


# Times


def times(propagator, options) -> dict:
    """Seconds of the encoder, a click, and a guided loop."""
    small = synthetic(1, SEED + 4)[0]["frame"]
    rows = {}
    for side in (CROP, 512):
        frame = np.ascontiguousarray(small[:side, :side])
        prepared, encoder = timed(lambda f=frame: propagator.prepare(f))
        clicks = Clicks(((side / 2, side / 2),))
        _, took = timed(lambda p=prepared, c=clicks: click_scores(propagator, p, c))
        rows[f"{side} px"] = {"encoder_s": encoder, "click_s": took}
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
