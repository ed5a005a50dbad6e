"""`motionseg time-density`: contrast over time in labelled regions."""

import csv

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.io.dicom_writer import write_xa


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bolus")
    frames = np.full((8, 24, 24), 3000, np.uint16)
    frames[3:6, :, :12] = 1800
    cine = Cine.from_array(
        frames, frame_times=np.arange(8) * 100.0, bits_stored=12,
        intensity_relationship="LOG",
    )  # fmt: skip
    write_xa(folder / "loop.dcm", cine)
    labels = np.zeros((8, 24, 24), np.uint8)
    labels[2, :, 2:6], labels[2, :, 14:20] = 1, 4
    known = np.ones(8, bool)
    np.savez(folder / "regions.npz", labels=labels, labelled=known)
    return folder


def test_each_label_has_a_curve(motionseg, loop, tmp_path):
    out = tmp_path / "curves.csv"
    given = (loop / "loop.dcm", "--regions", loop / "regions.npz", "--frame", 2)
    (row,) = motionseg("time-density", *given, "--out", out, "--json").rows
    first, other = row["regions"]
    assert (first["region"], other["region"]) == ("region 1", "region 4")
    assert first["arrival_ms"] == pytest.approx(250, abs=2)
    assert first["wash_out_ms"] == pytest.approx(550, abs=2)
    assert other["arrival_ms"] is None
    head, *rows = csv.reader(out.read_text().splitlines())
    assert head[2:] == ["region 1: darkness", "region 4: darkness"]
    assert len(rows) == 8


def test_a_frame_without_regions_is_refused(motionseg, loop):
    given = (loop / "loop.dcm", "--regions", loop / "regions.npz", "--frame", 0)
    answer = motionseg("time-density", *given)
    assert answer.code == 2
    assert "regions.npz: frame 0 has no labelled pixel" in answer.err
