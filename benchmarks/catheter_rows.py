"""Measure how exactly catheters of known size calibrate drawn pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from measure import MM, interval
from moving_loops import DEEPEST, SIZE

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import (
    calibration_by_catheter,
    measure_diameters,
    trace_centreline,
)
from napari_motionseg.measurement.centreline import vessel_cost
from napari_motionseg.synthesis.catheter_phantom import (
    CatheterConfig,
    catheter_phantom,
)
from napari_motionseg.synthesis.vessel_phantom import (
    PhantomConfig,
    vessel_phantom,
)

CALIBRATIONS = ("blur from a vessel", "blur unknown", "a solid tube")


def catheter_rows(count: int, seed: int, digest: Any) -> list[dict[str, Any]]:
    """Return errors of calibration by drawn shafts in per cent, empty and filled.

    The blur is told by a vessel of another picture with the same blur, as a loop shows
    one; the naive diameter is that of a solid tube.
    """
    rows = []
    for number in range(count):
        french, config, wide = draw_catheter(seed + number, filled=number % 2 == 1)
        shaft = catheter_phantom(config, seed + number)
        digest.update(np.round(shaft.frame * 1024).astype(np.int16).tobytes())
        vessel = vessel_phantom(wide, seed + number)
        ends = vessel.ends(14)
        line = trace_centreline(vessel_cost(vessel.frame), ends)
        blur = measure_diameters(vessel.frame, line).fit.blur
        cine = Cine.from_array(
            np.clip(shaft.frame, 0, 1)[None].astype(np.float32),
            intensity_relationship="LOG",
        )
        row = {"filled": number % 2 == 1}
        for name, known in (("blur from a vessel", blur), ("blur unknown", None)):
            try:
                found = calibration_by_catheter(
                    cine, 0, french, *shaft.ends(14), blur=known
                )
                row[name] = 100 * (found.column_mm / MM - 1)
            except MeasurementError:
                row[name] = None
        try:
            line = trace_centreline(vessel_cost(shaft.frame), shaft.ends(14))
            width = np.median(measure_diameters(shaft.frame, line).diameters)
            row["a solid tube"] = 100 * (french / 3 / width / MM - 1)
        except MeasurementError:
            row["a solid tube"] = None
        rows.append(row)
    return rows


def draw_catheter(
    seed: int, *, filled: bool
) -> tuple[float, CatheterConfig, PhantomConfig]:
    """Draw a shaft of 5 to 8 French, and a vessel seen by the same detector."""
    rng = np.random.default_rng([seed, 3])
    french = float(rng.choice([5, 6, 7, 8]))
    contrast, radius = rng.uniform(0.02, 0.05), french / 6 / MM
    contrast = min(contrast, DEEPEST / (2 * radius))
    picture = PhantomConfig(
        radius=radius, blur=rng.uniform(0.6, 1.3), noise=rng.uniform(0.004, 0.016),
        contrast=contrast, bend=rng.uniform(0, 8),
        tissue=contrast * 2 * radius * rng.uniform(0, 0.1), size=SIZE,
    )  # fmt: skip
    shaft = CatheterConfig(
        picture,
        lumen=rng.uniform(0.65, 0.9),
        wall=contrast * rng.uniform(0.3, 0.8),
        filled=rng.uniform(0.5, 1) if filled else 0.0,
    )
    return french, shaft, replace(picture, radius=rng.uniform(5, 9), bend=10.0)


def catheter_report(rows: list[dict]) -> dict[str, Any]:
    """Return the summary of each way to calibrate, by empty and filled shafts."""
    return {
        f"{name}, {'filled' if filled else 'empty'}":
            catheter_summary(rows, name, filled)
        for name in CALIBRATIONS for filled in (False, True)
    }  # fmt: skip


def catheter_summary(rows: list[dict], name: str, filled: bool) -> dict[str, Any]:
    """Return bias and root mean square error in per cent, and what was not found."""
    some = [r for r in rows if r["filled"] == filled and r[name] is not None]
    lost = sum(r["filled"] == filled for r in rows) - len(some)
    return {
        "bias": interval(some, lambda s: float(np.mean([r[name] for r in s]))),
        "error": interval(
            some, lambda s: float(np.sqrt(np.mean([r[name] ** 2 for r in s])))
        ),
        "lost": lost,
    }
