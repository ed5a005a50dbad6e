"""`motionseg export` writes masks, overlays and reports."""

import numpy as np
import pytest
from pydicom import dcmread

from napari_motionseg.io import read_cine, read_labels, write_masks
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.result_folders import fingerprint


@pytest.fixture
def masks_file(tmp_path, synthetic):
    write_masks(tmp_path / "m.npz", synthetic.masks.astype(np.uint8))
    return tmp_path / "m.npz"


@pytest.mark.parametrize("name", ["m.nii.gz", "m.tiff", "o.gif", "r.html"])
def test_masks_are_exported(
    motionseg, loop_file, masks_file, tmp_path, name, synthetic
):
    out = tmp_path / "out" / name
    answer = motionseg("export", loop_file, "--masks", masks_file, "--out", out)
    assert answer.code == 0, answer.err
    assert answer.out.strip() == str(out)
    if name in ("m.nii.gz", "m.tiff"):
        read = read_labels(out, shape=synthetic.cine.shape)
        np.testing.assert_array_equal(read.labels, synthetic.masks)
    else:
        assert out.stat().st_size > 1000


def test_masks_are_exported_as_a_dicom_segmentation(
    motionseg, loop_file, masks_file, tmp_path, synthetic, vessel
):
    out = tmp_path / "m.dcm"
    answer = motionseg(
        "export", loop_file, "--masks", masks_file, "--out", out, "--model", vessel,
        "--segments", "coronary artery=LAD", "--seg-type", "labelmap", "--compress",
        "--oriented",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    found = read_segmentation(out, read_cine(loop_file))
    np.testing.assert_array_equal(found.labels, synthetic.masks)
    assert found.segments[0].label == "LAD"
    assert found.kind == "LABELMAP"
    data = dcmread(out)
    assert "PlaneOrientationSequence" in data.SharedFunctionalGroupsSequence[0]
    said = data.SegmentSequence[1]
    assert said.SegmentAlgorithmType == "SEMIAUTOMATIC"
    item = said.SegmentationAlgorithmIdentificationSequence[0]
    assert fingerprint(vessel)[1] in item.AlgorithmParameters


def test_an_overlay_is_exported_as_a_dicom_capture(
    motionseg, loop_file, masks_file, tmp_path, synthetic
):
    out = tmp_path / "o.dcm"
    words = ("export", loop_file, "--masks", masks_file, "--out", out)
    assert motionseg(*words, "--format", "dicom-capture", "--compress").code == 0
    pictures = dcmread(out).pixel_array
    assert pictures.shape == (*synthetic.cine.shape, 3)
    assert (pictures[..., 0] != pictures[..., 2]).any()  # something is in color


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--out", "x.pdf"), "x.pdf"),
        (("--out", "x.gif", "--style", "filled"), "tinted"),
        (("--out", "x.gif", "--reference", "m.npz"), "are for .html"),
        (("--out", "x.gif", "--model", "m.npz"), "for .html and .dcm"),
        (("--out", "x.dcm", "--seg-type", "surface"), "labelmap"),
        (("--out", "x.dcm", "--segments", "arterie"), "did you mean 'artery'"),
        (("--out", "x.dcm", "--format", "dicom"), "dicom-seg"),
    ],
)
def test_bad_exports_cost_one_line(motionseg, loop_file, masks_file, options, word):
    answer = motionseg("export", loop_file, "--masks", masks_file, *options)
    assert answer.code == 2
    assert word in answer.err
    assert len(answer.err.strip().splitlines()) == 1
