"""Overlays and pages of a result."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.io import read_cine
from napari_motionseg.jobs import run
from napari_motionseg.report.exporting import Result, overlay_job, report_job
from napari_motionseg.report.overlays import RESULT_RGB, overlay_frames

SHAPE = (6, 24, 32)


@pytest.fixture
def result():
    pixels = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    masks = np.zeros(SHAPE, np.uint8)
    masks[1:, 5:9, 4:28] = 1
    masks[1:, 12:18, 4:10] = 2
    cine = Cine.from_array(pixels, frame_times=np.arange(6) * 66.7)
    return Result(dataclasses.replace(cine, patient={"PatientName": "Doe^Jane"}), masks)


def test_classes_have_their_colours_and_tint_covers_the_mask(result):
    red, blue = (250, 10, 10), (10, 10, 250)
    plain = overlay_frames(result.cine, result.masks * 0)
    lines = overlay_frames(result.cine, result.masks, colors={2: blue})
    tinted = overlay_frames(result.cine, result.masks, filled=True, colors={1: red})
    changed = (lines != plain).any(axis=-1)
    found = {tuple(c) for c in lines[changed]}
    assert found == {RESULT_RGB, blue}
    inside = np.kron(result.masks[2] == 1, np.ones((2, 2))) > 0
    expected = np.round(0.55 * plain[2][inside] + 0.45 * np.asarray(red, np.float32))
    np.testing.assert_array_equal(tinted[2][inside], expected)
    assert not changed[0].any()


def test_progress_counts_frames_and_cancelling_writes_nothing(result, tmp_path):
    job = overlay_job(result, tmp_path / "o.gif")
    assert next(job).step == 1
    job.close()
    assert not list(tmp_path.iterdir())
    told = []
    assert run(overlay_job(result, tmp_path / "o.gif"), told.append).name == "o.gif"
    assert [p.step for p in told] == list(range(1, 8))
    assert read_cine(tmp_path / "o.gif").shape == (6, 48, 64)


def test_the_page_says_where_it_comes_from_and_nothing_of_the_patient(result, tmp_path):
    painted = np.zeros(SHAPE, np.uint8)
    painted[[1, 3]] = 1
    whole = dataclasses.replace(result, painted=painted, reference=result.masks)
    run(report_job(whole, tmp_path / "r.html"))
    page = (tmp_path / "r.html").read_text()
    assert result.cine.content_hash() in page
    assert "2 were labelled: 1, 3." in page
    assert "Dice, 3 other frames" in page  # 5 with a reference, less the labelled
    assert "1.000" in page
    assert "data:video/mp4" in page
    assert "Research use only" in page
    assert "Doe" not in page


def test_without_a_reference_there_is_no_agreement(result, tmp_path):
    run(report_job(result, tmp_path / "r.html"))
    page = (tmp_path / "r.html").read_text()
    assert "Agreement" not in page
    assert "none was labelled" in page


@pytest.mark.parametrize("name", ["masks", "painted", "reference"])
def test_what_does_not_fit_is_refused(result, name):
    with pytest.raises(SettingsError, match=name):
        dataclasses.replace(result, **{name: np.zeros((6, 24, 31), np.uint8)})
