"""A measurement of an archive finds its vessel alone."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from napari_motionseg.batch import measurement_task as module
from napari_motionseg.batch.measurement_task import MeasurementTask
from napari_motionseg.batch.records import Draft
from napari_motionseg.cine import Cine
from napari_motionseg.segmentation import Segmentation

MM, BLUR = 0.2, 1.0


def tube(diameter_mm, frames=3):
    """A horizontal vessel of known diameter, which is dark on the second frame."""
    rows = np.arange(160)[:, None] - 79.5
    radius = diameter_mm / 2 / MM
    depth = 2 * np.sqrt(np.clip(radius**2 - rows**2, 0, None))
    gray = 0.8 * np.exp(-0.6 * depth / (2 * radius)) * np.ones((1, 200))
    gray = gaussian_filter1d(gray, BLUR, axis=0)
    loop = np.full((frames, 160, 200), 0.8)
    loop[1] = gray
    cine = Cine.from_array(loop, pixel_spacing=(MM, MM), name="tube")
    return cine, (np.abs(rows) <= radius) & np.ones((1, 200), bool)


@pytest.fixture
def masks_are(monkeypatch):
    def give(cine, mask):
        likeliest = np.zeros(cine.shape, np.uint8)
        likeliest[1] = mask
        found = Segmentation(
            likeliest, likeliest.astype(np.float16), likeliest,
            np.ones(len(cine), bool),
        )  # fmt: skip

        monkeypatch.setattr(module, "segmented", lambda *_: found)

    return give


def test_diameter_of_a_tube(masks_are, tmp_path):
    cine, mask = tube(3.0)
    masks_are(cine, mask)
    draft = Draft(tmp_path)
    told = MeasurementTask().run(cine, "f" * 64, draft)
    assert told["fullest_frame"] == 1
    assert told["mean_diameter_mm"] == pytest.approx(3.0, abs=0.1)
    assert told["percent_diameter_stenosis"] == pytest.approx(0, abs=5)
    assert told["vessel_length_mm"] == pytest.approx(0.9 * 185 * MM, abs=1)
    whole = json.loads((tmp_path / draft.names[0]).read_text())
    assert whole["spacing_basis"]
    assert len(whole["diameters_mm"]) == len(whole["arc_length_mm"])


def test_a_catheter_beside_the_vessel_draws_no_line(masks_are, tmp_path, monkeypatch):
    cine, mask = tube(3.0)
    masks_are(cine, mask)
    found = module.segmented(cine)
    found.likeliest[1, 100:110] = 2  # marked, but no vessel
    found.masks[1, 100:110] = 2
    found.probabilities[1, 100:110] = 1
    seen = []
    measure = module.measure_vessel

    def noted(*arguments, probability):
        seen.append(probability)
        return measure(*arguments, probability=probability)

    monkeypatch.setattr(module, "measure_vessel", noted)
    told = MeasurementTask().run(cine, "f" * 64, Draft(tmp_path))
    assert (seen[0] == mask).all()
    assert told["mean_diameter_mm"] == pytest.approx(3.0, abs=0.1)


def test_no_vessel_is_a_result_and_no_failure(masks_are, tmp_path):
    cine, mask = tube(3.0)
    masks_are(cine, mask & False)
    draft = Draft(tmp_path)
    told = MeasurementTask().run(cine, "f" * 64, draft)
    assert "no vessel" in told["not_measured"]
    assert [name[-14:] for name in draft.names] == ["_thumbnail.png"]


def test_lengths_are_in_px_where_no_spacing_is_known(masks_are, tmp_path):
    cine, mask = tube(3.0)
    cine = dataclasses.replace(cine, pixel_spacing=None)
    masks_are(cine, mask)
    told = MeasurementTask().run(cine, "f" * 64, Draft(tmp_path))
    assert told["mean_diameter_px"] == pytest.approx(15, abs=0.5)
    assert "mean_diameter_mm" not in told
