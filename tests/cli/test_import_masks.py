"""`motionseg import` reads a DICOM Segmentation as labels of its loop."""

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import seg_loops

from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.io.dicom_seg_writer import write_segmentation


@pytest.fixture
def segmentation(tmp_path):
    """A segmentation of loop.dcm beside it."""
    cine, _ = seg_loops.loop(tmp_path)
    masks, labelled = seg_loops.masks()
    write_segmentation(tmp_path / "seg.dcm", cine, masks, labelled=labelled)
    return tmp_path / "seg.dcm"


@pytest.mark.parametrize("name", ["m.npz", "m.tiff", "m"])
def test_a_segmentation_becomes_labels(motionseg, segmentation, tmp_path, name):
    loop, out = tmp_path / "loop.dcm", tmp_path / "out" / name
    answer = motionseg("import", segmentation, "--of", loop, "--out", out, "--json")
    assert answer.code == 0, answer.err
    assert answer.rows[0]["segments"] == {"1": "artery", "2": "catheter"}
    assert answer.rows[0]["frames"] == 5
    masks, labelled = seg_loops.masks()
    found = read_labels(out, shape=masks.shape)
    np.testing.assert_array_equal(found.labels, masks)
    np.testing.assert_array_equal(found.labelled, labelled)


def test_one_segment_of_several(motionseg, segmentation, tmp_path):
    loop, out = tmp_path / "loop.dcm", tmp_path / "m.npz"
    answer = motionseg("import", segmentation, "--of", loop, "--out", out,
                       "--segment", 2)  # fmt: skip
    assert answer.code == 0, answer.err
    masks, _ = seg_loops.masks()
    found = read_labels(out, shape=masks.shape).labels
    np.testing.assert_array_equal(found == 2, masks == 2)
    assert not (found == 1).any()


@pytest.mark.parametrize("case", ["another loop", "no segmentation", ".dcm"])
def test_what_cannot_be_imported_costs_one_line(
    motionseg, segmentation, tmp_path, case
):
    loop, out, given = tmp_path / "loop.dcm", tmp_path / "m.npz", segmentation
    words = {
        "another loop": "open the loop whose",
        "no segmentation": "no Segmentation",
        ".dcm": "name a label file",
    }[case]
    if case == "another loop":
        loop = files.save(seg_loops.dataset(seed=7), tmp_path / "other.dcm")
    elif case == "no segmentation":
        given = files.save(seg_loops.dataset(seed=7), tmp_path / "other.dcm")
    else:
        out = tmp_path / "new.dcm"
    answer = motionseg("import", given, "--of", loop, "--out", out)
    assert answer.code == 2
    assert words in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not out.exists()


def test_a_segmentation_serves_wherever_labels_do(motionseg, segmentation, tmp_path):
    loop = tmp_path / "loop.dcm"
    out = tmp_path / "again.npz"
    answer = motionseg("export", loop, "--masks", segmentation, "--out", out)
    assert answer.code == 0, answer.err
    cine = read_cine(loop)
    np.testing.assert_array_equal(
        read_labels(out, shape=cine.shape).labels, seg_loops.masks()[0]
    )
