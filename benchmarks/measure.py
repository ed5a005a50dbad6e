"""How exactly diameters and stenoses are measured, on a phantom (Keane et al. 1995).

    python benchmarks/measure.py

Each phantom is one vessel whose every diameter is known: blur, noise, contrast, tissue
and course are drawn and are unknown to the methods. A pixel is 0.2 mm. Peers measure
on the exact mask of the vessel, which no network reaches: twice the distance to the
edge along the skeleton (scikit-image's medial axis), and the mask's area across the
line. Intervals come from a bootstrap over phantoms.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from itertools import product
from pathlib import Path

import numpy as np
from machine import here_and_now
from scipy.spatial import cKDTree
from skimage.morphology import medial_axis

from napari_motionseg.measurement import (
    Calibration,
    measure_diameters,
    reference_diameters,
    trace_centreline,
)
from napari_motionseg.measurement.centreline import vessel_cost
from napari_motionseg.measurement.straightening import straighten
from napari_motionseg.synthesis.vessel_phantom import VesselPhantom, vessel_phantom

RESULTS = Path(__file__).parent / "results" / "measure.json"
MM = 0.2
METHODS = ("tube", "edges", "densitometry")
PEERS = ("medial axis of the exact mask", "width of the exact mask")
SEED = 950_000
BOOTSTRAP = 2000
CONDITIONS = ("radius", "blur", "noise", "contrast", "tissue")
TURNED = ("spacing", "angle")  # of phantoms in which these two are drawn too
DEEPEST = 0.55  # of a vessel, in gray values; the tissue about it is at 0.6
MARGIN = 20  # sections left out at each end, where the line begins
# SHA-256 over the test phantoms' pictures rounded to 1/4096, frozen before the last
# choice of a constant; last digits differ between processors
# the same over the phantoms of drawn pixel spacing and direction
FROZEN_TURNED = "9cca691c44935308a3d9d599b25916c578534e6f93e3c07721b1e5fb770d718c"
SPACINGS_MM, STEEPEST_DEG = (0.15, 0.35), 30.0
FROZEN = "c643e14a548064b692c121cfaf58c3b2cc7c285b3c2f033ebaddb6280efe652b"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phantoms", type=int, default=40, help="of each kind")
    parser.add_argument("--seed", type=int, default=SEED, help="of the test phantoms")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--hashes", action="store_true", help="print them alone")
    options = parser.parse_args()
    digests = {False: hashlib.sha256(), True: hashlib.sha256()}
    found: dict[tuple[str, bool], list[dict]] = {}
    seconds = []
    for number, turned, kind in product(
        range(options.phantoms), (False, True), ("uniform", "narrowed")
    ):
        phantom, drawn = draw(kind, options.seed + number, turned=turned)
        rounded = np.round(phantom.frame * 4096).astype(np.int16)
        digests[turned].update(rounded.tobytes())
        if options.hashes:
            continue
        begun = time.perf_counter()
        profiles = measured(phantom, drawn["spacing"])
        seconds.append(time.perf_counter() - begun)
        row = {**drawn, **compared(phantom, profiles, drawn["spacing"])}
        found.setdefault((kind, turned), []).append(row)
        print(number, kind, flush=True)
    digest, other = digests[False], digests[True]
    if options.hashes:
        print(digest.hexdigest(), other.hexdigest())
        return
    uniform, narrowed = found["uniform", False], found["narrowed", False]
    report = {
        **here_and_now(),
        "phantoms": options.phantoms, "mm_per_px": MM,
        "hash": digest.hexdigest(), "frozen": digest.hexdigest() == FROZEN,
        "hash_turned": other.hexdigest(),
        "frozen_turned": other.hexdigest() == FROZEN_TURNED,
        "seconds_a_vessel": statistics.median(seconds) / len(METHODS),
        "diameters": {m: diameter_row(uniform, m) for m in (*METHODS, *PEERS)},
        "stenoses": {m: stenosis_row(narrowed, m) for m in (*METHODS, *PEERS)},
        "conditions": {
            **conditions(uniform, narrowed, CONDITIONS),
            **conditions(found["uniform", True], found["narrowed", True], TURNED),
        },
    }  # fmt: skip
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    for name in ("diameters", "stenoses"):
        for method, row in report[name].items():
            print(name, method, row)


def draw(
    kind: str, seed: int, *, turned: bool = False
) -> tuple[VesselPhantom, dict[str, float]]:
    """Draw a phantom; conditions are uniform over what angiograms show.

    Vessels that are not `turned` run along the rows, at 0.2 mm a pixel.
    """
    extra = (5,) if turned else ()
    rng = np.random.default_rng([seed, kind == "narrowed", *extra])
    mm = rng.uniform(*SPACINGS_MM) if turned else MM
    angle = rng.uniform(0, STEEPEST_DEG) if turned else 0.0
    contrast = rng.uniform(0.02, 0.05)
    chosen = {
        "blur": rng.uniform(0.6, 1.3),
        "contrast": contrast,
        "noise": rng.uniform(0.004, 0.016),
        "bend": rng.uniform(0, 14),
        "angle": angle,
    }
    if kind == "uniform":
        chosen["radius"] = rng.uniform(1.0, 5.0) / mm / 2
    else:
        chosen["radius"] = rng.uniform(2.5, 4.5) / mm / 2
        chosen["depth"] = 1 - rng.uniform(0.5, 1.9) / (2 * mm * chosen["radius"])
        chosen["width"] = rng.uniform(6, 16)
    # tissue as uneven as a sixth of the vessel's depth
    chosen["tissue"] = contrast * 2 * chosen["radius"] * rng.uniform(0, 0.16)
    if turned:  # black that the picture cannot show
        chosen["contrast"] = min(contrast, DEEPEST / (2 * chosen["radius"]))
    return vessel_phantom(seed=seed, **chosen), {**chosen, "spacing": mm}


def measured(
    phantom: VesselPhantom, mm: float
) -> dict[str, tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """Return points ``(N, 2)`` and diameters ``(N,)`` in mm by every method."""
    line = trace_centreline(vessel_cost(phantom.frame), phantom.ends())
    unit = Calibration(mm, mm, "phantom", known=True)
    found = {}
    for method in METHODS:
        profile = measure_diameters(phantom.frame, line, unit, method)
        found[method] = profile.line.points, profile.diameters
    middle = profile.line
    skeleton, distance = medial_axis(phantom.mask, return_distance=True)
    pixels = np.argwhere(skeleton)
    nearest = cKDTree(pixels).query(middle.points)[1]
    found[PEERS[0]] = middle.points, 2 * mm * distance[tuple(pixels[nearest].T)]
    half = 1.5 * phantom.radius.max() + 3
    across = straighten(phantom.mask.astype(float), middle, half, 0.25)
    found[PEERS[1]] = middle.points, mm * 0.25 * (across.values > 0.5).sum(axis=1)
    return found


def compared(
    phantom: VesselPhantom, found: dict[str, tuple[np.ndarray, np.ndarray]], mm: float
) -> dict[str, object]:
    """Return errors of diameters, MLD and percent stenosis of every method."""
    row: dict[str, object] = {"mld": 2 * mm * float(phantom.radius.min())}
    row["ds"] = 100 * (1 - float(phantom.radius.min() / phantom.radius.max()))
    for method, (points, diameters) in found.items():
        inner = slice(MARGIN, -MARGIN)
        truth = 2 * mm * phantom.radius_at(points[inner])
        length = np.arange(len(diameters), dtype=float)
        reference = reference_diameters(length, diameters)
        smallest = int(diameters[inner].argmin()) + MARGIN
        row[method] = {
            "bias": float((diameters[inner] - truth).mean()),
            "square": float(((diameters[inner] - truth) ** 2).mean()),
            "mld": float(diameters[smallest]),
            "ds": 100 * (1 - float(diameters[smallest] / reference[smallest])),
        }
    return row


def diameter_row(rows: list[dict], method: str) -> dict[str, object]:
    """Return bias and precision of all sections of uniform vessels."""

    def bias(some: list[dict]) -> float:
        return statistics.fmean(one[method]["bias"] for one in some)

    def precision(some: list[dict]) -> float:
        square = statistics.fmean(one[method]["square"] for one in some)
        return float(np.sqrt(max(square - bias(some) ** 2, 0)))

    return {"bias_mm": interval(rows, bias), "precision_mm": interval(rows, precision)}


def stenosis_row(rows: list[dict], method: str) -> dict[str, object]:
    """Return bias, precision and slope of the MLD, and precision of % stenosis."""

    def errors(some: list[dict], name: str) -> np.ndarray:
        return np.array([one[method][name] - one[name] for one in some])

    def slope(some: list[dict]) -> float:
        true = np.array([one["mld"] for one in some])
        return float(np.polyfit(true, true + errors(some, "mld"), 1)[0])

    def correlation(some: list[dict]) -> float:
        true = np.array([one["mld"] for one in some])
        return float(np.corrcoef(true, true + errors(some, "mld"))[0, 1])

    return {
        "mld_correlation": interval(rows, correlation),
        "mld_bias_mm": interval(rows, lambda some: errors(some, "mld").mean()),
        "mld_precision_mm": interval(rows, lambda some: errors(some, "mld").std()),
        "mld_slope": interval(rows, slope),
        "ds_bias": interval(rows, lambda some: errors(some, "ds").mean()),
        "ds_precision": interval(rows, lambda some: errors(some, "ds").std()),
    }


def conditions(
    uniform: list[dict], narrowed: list[dict], names: tuple[str, ...]
) -> dict[str, object]:
    """Return the tube method's figures in both halves of each condition."""
    found: dict[str, object] = {}
    for name in names:
        middle = statistics.median(row[name] for row in uniform)
        other = statistics.median(row[name] for row in narrowed)
        for half, low in (("lower", True), ("upper", False)):
            some = [row for row in uniform if (row[name] <= middle) == low]
            lesions = [row for row in narrowed if (row[name] <= other) == low]
            found[f"{name}, {half} half"] = {
                **diameter_row(some, "tube"), **stenosis_row(lesions, "tube"),
            }  # fmt: skip
    return found


def interval(rows: list[dict], value) -> list[float]:
    """Return a value of rows and its 95 % interval by bootstrap."""
    rng = np.random.default_rng(0)
    drawn = [
        value([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        for _ in range(BOOTSTRAP)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return [round(float(v), 4) for v in (value(rows), low, high)]


if __name__ == "__main__":
    main()
