"""Measure the longest vessel of each loop, on the frame that shows most vessel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_motionseg.batch.records import Draft
from napari_motionseg.batch.segmentation_task import facts, identity_of, segmented
from napari_motionseg.batch.thumbnails import THUMBNAIL, write_thumbnail
from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import VesselMeasurement, measure_vessel
from napari_motionseg.measurement.longest_path import longest_path
from napari_motionseg.models.class_names import VESSEL
from napari_motionseg.segmentation.predict import require_batch, require_threshold
from napari_motionseg.segmentation.temporal_smoothing import postprocess
from napari_motionseg.text import as_json

TAIL = "_measurement.json"
DIAMETERS = ("mld", "rvd")


@dataclass(frozen=True)
class MeasurementTask:
    """Settings of a measurement, which another process can be sent.

    Parameters
    ----------
    model
        Path of the checkpoint that finds the vessels, or ``default``.
    threshold
        Probability from which a pixel is vessel.
    batch
        Number of frames that go through the network at once.
    device
        Device of the network: ``auto`` or a name that torch knows.

    Raises
    ------
    SettingsError
        If a number is outside its range.
    """

    model: str = "default"
    threshold: float = 0.5
    batch: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        require_threshold(self.threshold)
        require_batch(self.batch)

    def settings(self) -> dict[str, Any]:
        """Return the JSON values that the results depend on."""
        name, sha256 = identity_of(self.model)
        return {
            "task": "measure", "model": name, "model_sha256": sha256,
            "threshold": self.threshold,
        }  # fmt: skip

    def run(self, cine: Cine, key: str, draft: Draft) -> dict[str, Any]:
        """Measure a loop, write the measurement, and return its facts.

        Parameters
        ----------
        cine
            The loop.
        key
            Key of its place.
        draft
            Where the measurement is written to.
        """
        found = segmented(cine, self.model, self.threshold, self.batch, self.device)
        masks = postprocess(found, 0)
        told = facts(cine, masks, found)
        t = told["fullest_frame"]
        vessel = masks[t] == VESSEL
        of_vessel = np.where(found.likeliest[t] == VESSEL, found.probabilities[t], 0)
        try:
            measured = measure_vessel(
                cine, t, longest_path(vessel), probability=of_vessel
            )
        except MeasurementError as error:  # no vessel to be measured is a result
            told["not_measured"] = str(error)
        else:
            path = draft.path(cine.name, key, TAIL)
            text = as_json({**told, **measured.as_dict()})
            path.write_text(text + "\n", encoding="ascii")
            told |= measurement_facts(measured)
        write_thumbnail(draft.path(cine.name, key, THUMBNAIL), cine, t, vessel)
        return told


def measurement_facts(measured: VesselMeasurement) -> dict[str, Any]:
    """Return what the table says of a measured vessel.

    Parameters
    ----------
    measured
        The measurement.
    """
    row, unit = measured.as_dict(), measured.profile.calibration.unit
    names = [f"{name}_{unit}" for name in DIAMETERS]
    length = float(measured.profile.arc_length[-1])
    return {
        **{name: row[name] for name in names},
        f"vessel_length_{unit}": round(length, 2),
        f"mean_diameter_{unit}": round(float(np.mean(measured.profile.diameters)), 4),
        "percent_diameter_stenosis": row["percent_diameter_stenosis"],
        "lesions": len(measured.lesions),
        "rvd_method": row["rvd_method"],
        "diameter_method": row["diameter_method"],
        "warnings": "; ".join(row["warnings"]),
    }
