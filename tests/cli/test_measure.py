"""`motionseg measure`: from points to numbers, tables and a figure."""

import csv
import json

import numpy as np
import pytest
from helpers.dicom_tools import complaints

from napari_motionseg.cine import Cine
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_seg_writer import write_segmentation
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.program_marks import is_own
from napari_motionseg.measurement import Calibration, catheter
from napari_motionseg.synthesis.vessel_phantom import PhantomConfig, vessel_phantom

SPACING = 0.2


@pytest.fixture(scope="module")
def phantom():
    return vessel_phantom(radius=5.0, depth=0.5, noise=0.004)


def written(path, phantom, spacing=(SPACING, SPACING)):
    frames = (np.clip([phantom.frame] * 3, 0, 1) * 4095).astype(np.uint16)
    cine = Cine.from_array(
        frames, frame_times=np.arange(3) * 40.0, pixel_spacing=spacing,
        intensity_relationship="LOG", bits_stored=12,
    )  # fmt: skip
    write_xa(path, cine)
    return path


@pytest.fixture(scope="module")
def loop(tmp_path_factory, phantom):
    return written(tmp_path_factory.mktemp("phantom") / "loop.dcm", phantom)


def ends(phantom, frame=1):
    (row, column), (last_row, last_column) = phantom.ends()
    return "--from", f"{frame},{row},{column}", "--to", f"{last_row},{last_column}"


def test_numbers_of_a_phantom(motionseg, loop, phantom):
    (row,) = motionseg("measure", loop, *ends(phantom), "--json").rows
    assert row["frame"] == 1
    assert row["mld_mm"] == pytest.approx(1.0, abs=0.05)
    assert row["rvd_mm"] == pytest.approx(2.0, abs=0.05)
    assert row["rvd_method"] == "curve fitted"
    assert row["percent_diameter_stenosis"] == pytest.approx(50, abs=3)
    # within 5 % of the reference: 2 * 8 px * sqrt(ln(0.5 / 0.05)), along a bent vessel
    assert row["lesion_length_mm"] == pytest.approx(4.9, abs=0.6)
    assert len(row["arc_length_mm"]) == len(row["diameters_mm"])
    assert row["spacing_basis"].startswith("isocentre")
    assert "patient" not in json.dumps(row).lower()


def test_without_a_spacing_all_is_in_pixels_and_said(motionseg, tmp_path, phantom):
    path = written(tmp_path / "px.dcm", phantom, spacing=None)
    answer = motionseg("measure", path, *ends(phantom), "--json")
    assert "lengths are in px" in answer.err
    (row,) = answer.rows
    assert row["mld_px"] == pytest.approx(5.0, abs=0.25)
    assert not any(name.endswith("_mm") for name in row)


def test_a_catheter_is_a_ruler(motionseg, tmp_path, phantom):
    """A straight tube of 10 px is a catheter of 6F, which is 2 mm wide."""
    path = written(
        tmp_path / "c.dcm", vessel_phantom(radius=5.0, bend=0, noise=0.004), None
    )
    places = "catheter:6F:63.5,10,63.5,110"
    where = ("--from", "0,63.5,20", "--to", "63.5,100")
    (row,) = motionseg("measure", path, *where, "--calibration", places, "--json").rows
    assert row["spacing_basis"].startswith("catheter 6F")
    assert np.median(row["diameters_mm"]) == pytest.approx(2.0, abs=0.02)


def test_the_shaft_has_the_blur_of_the_vessel(motionseg, loop, phantom, monkeypatch):
    blurs = []

    def calibrated(*_, blur=None):
        blurs.append(blur)
        return Calibration(SPACING, SPACING, "catheter 6F", True)

    monkeypatch.setattr(catheter, "calibration_by_catheter", calibrated)
    shaft = ("--calibration", "catheter:6F:63.5,10,63.5,110")
    motionseg("measure", loop, *ends(phantom), *shaft, "--json")
    assert blurs == [pytest.approx(phantom_blur(), rel=0.15)]


def phantom_blur():
    """Return the phantom's blur in px; the width of a pixel blurs too."""
    return np.hypot(PhantomConfig().blur, 1 / np.sqrt(12))


def test_an_object_that_contradicts_the_header_is_said(motionseg, loop, phantom):
    ruler = "object:40:10,10,10,110"  # 0.4 mm a pixel; the header says 0.2
    answer = motionseg(
        "measure", loop, *ends(phantom), "--calibration", ruler, "--json"
    )
    assert "calibrations differ by 100%" in answer.err
    assert answer.rows[0]["mld_mm"] == pytest.approx(2.0, abs=0.1)


def test_a_folder_of_tables_and_a_figure(motionseg, loop, phantom, tmp_path):
    out = tmp_path / "measured"
    answer = motionseg("measure", loop, *ends(phantom), "--out", out)
    assert answer.code == 0
    assert "stenosis 5" in answer.out or "stenosis 4" in answer.out
    with (out / "profile.csv").open() as file:
        head, *rows = csv.reader(file)
    assert head[0] == "arc length (mm)"
    assert len(rows) > 100
    stored = json.loads((out / "measurement.json").read_text())
    assert "not a medical device" in stored["notice"]
    assert (out / "profile.png").read_bytes().startswith(b"\x89PNG")
    assert is_own(out / "profile.png")  # it is not read as a frame of a loop
    (out / "notes.txt").write_text("mine")
    again = motionseg("measure", loop, *ends(phantom), "--out", out)
    assert again.code == 2
    assert (out / "notes.txt").read_text() == "mine"


def test_masks_guide_the_centreline(motionseg, loop, phantom, tmp_path):
    masks = np.zeros((3, 128, 128), np.uint8)
    rows, columns = np.round(phantom.centre).astype(int).T
    inside = (columns >= 0) & (columns < 128)
    masks[:, rows[inside], columns[inside]] = 1
    np.savez(tmp_path / "masks.npz", labels=masks)
    words = ("--masks", tmp_path / "masks.npz", "--json")
    (row,) = motionseg("measure", loop, *ends(phantom), *words).rows
    assert row["mld_mm"] == pytest.approx(1.0, abs=0.05)


def test_a_followed_vessel_has_tables_of_every_frame(
    motionseg, loop, phantom, tmp_path, monkeypatch
):
    monkeypatch.setenv("MOTIONSEG_CACHE", "off")
    out = tmp_path / "measured"
    words = ("--follow", "--out", out, "--json", "--device", "cpu")
    answer = motionseg("measure", loop, *ends(phantom), *words)
    (row,) = answer.rows
    assert row["followed"]["frames"] == 3
    assert row["followed"]["heart_rate_bpm"] is None
    assert "8 frames or more" in answer.err
    with (out / "diameters.csv").open() as file:
        head, *rows = csv.reader(file)
    assert head[:2] == ["frame", "time (ms)"]
    assert [line[1] for line in rows] == ["0", "40", "80"]
    middle = np.median([[float(v) for v in line[2:]] for line in rows], axis=1)
    np.testing.assert_allclose(middle, 1.9, atol=0.2)
    assert (out / "contrast.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "1,63", "--to", "63,100"), "--from takes 3 numbers"),
        (("--from", "0.5,63,9", "--to", "63,100"), "a frame's index; got 0.5"),
        (
            ("--from", "7,63,9", "--to", "63,100"),
            "frame 7 is outside the loop's 0 to 2",
        ),
        (("--from", "1,63,9", "--to", "63,900"), "lies outside the picture"),
        (("--from", "1,5,40", "--to", "5,62"), "lie on one vessel"),
        (
            ("--from", "1,63,9", "--to", "63,100", "--method", "tubes"),
            "did you mean 'tube'",
        ),
        (
            ("--from", "1,63,9", "--to", "63,100", "--calibration", "cat:6F"),
            "--calibration must be isocentre",
        ),
    ],
)
def test_what_cannot_be_measured(motionseg, loop, words, said):
    answer = motionseg("measure", loop, *words)
    assert answer.code == 2
    assert said in answer.err


def test_a_structured_report_refers_to_the_segmentation(
    motionseg, loop, phantom, tmp_path
):
    hd = pytest.importorskip("highdicom")
    cine = read_cine(loop)
    masks = np.repeat(phantom.mask[None], len(cine), axis=0).astype(np.uint8)
    write_segmentation(tmp_path / "seg.dcm", cine, masks)
    sr = tmp_path / "report.dcm"
    words = ("--sr", sr, "--masks", tmp_path / "seg.dcm", "--json")
    answer = motionseg("measure", loop, *ends(phantom), *words)
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert row["sr"] == str(sr)
    assert complaints(sr) == []
    groups = hd.sr.srread(sr).content.get_planar_roi_measurement_groups()
    names = [group.tracking_identifier for group in groups]
    assert names == ["vessel 1", "vessel 1", "vessel 1, lesion 1"]
    values = {
        m.name.meaning: m.value for group in groups for m in group.get_measurements()
    }
    stenosis = row["percent_diameter_stenosis"]
    assert values["Lumen Diameter Stenosis"] == pytest.approx(stenosis, abs=0.01)


def test_a_report_never_replaces_a_loop(motionseg, loop, phantom):
    before = loop.read_bytes()
    answer = motionseg("measure", loop, *ends(phantom), "--sr", loop)
    assert "reads this file" in answer.err
    assert loop.read_bytes() == before
