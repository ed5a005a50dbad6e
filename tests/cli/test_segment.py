"""`motionseg segment` writes masks and goes on after a loop that fails."""

import numpy as np
import pytest
import tifffile
from helpers.commands import refused
from pydicom import dcmread
from scipy import ndimage

from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.result_folders import fingerprint
from napari_motionseg.models import (
    read_card,
)


def test_finetuning_and_segmentation(motionseg, loop_file, vessel, tmp_path, synthetic):
    assert read_card(vessel).kind == "segmentation"
    for form in ("npz", "tiff", "png"):
        answer = motionseg(
            "segment", loop_file, "--model", vessel, "--out", tmp_path / form,
            "--format", form, "--json",
        )  # fmt: skip
        assert answer.code == 0, answer.err
        (row,) = answer.rows
        assert row["frames"] == 8
    with np.load(tmp_path / "npz" / "loop_masks.npz") as stored:
        masks = stored["labels"]
    assert masks.shape == synthetic.masks.shape
    tiff = tifffile.imread(tmp_path / "tiff" / "loop_masks.tiff")
    np.testing.assert_array_equal(tiff, masks)
    assert len(list((tmp_path / "png" / "loop_masks").glob("*.png"))) == 8


@pytest.mark.parametrize("seg_type", ["binary", "labelmap", "fractional"])
def test_masks_are_written_as_dicom_segmentations(
    motionseg, loop_file, vessel, tmp_path, seg_type
):
    words = ("segment", loop_file, "--model", vessel, "--out", tmp_path)
    assert motionseg(*words).code == 0
    answer = motionseg(
        *words, "--format", "dicom-seg", "--seg-type", seg_type, "--json",
        "--segments", "coronary artery",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    found = read_segmentation(answer.rows[0]["masks"], read_cine(loop_file))
    assert found.segments[0].label == "coronary artery"
    masks = read_labels(tmp_path / "loop_masks.npz", shape=found.labels.shape).labels
    if seg_type == "fractional":  # a half is stored as 128 of 255
        assert (found.labels != masks).mean() < 0.01
    else:
        np.testing.assert_array_equal(found.labels, masks)
    data = dcmread(answer.rows[0]["masks"])
    segment = data.SegmentSequence[-1]
    said = segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert fingerprint(vessel)[1] in said
    assert "threshold=0.5" in said


def test_two_loops_of_one_name_keep_their_masks(
    motionseg, loop_file, small_cine, vessel, tmp_path
):
    """Archives call everything IM0001; some loops even have the same pixels."""
    loops = [tmp_path / folder / "IM0001" for folder in "ab"]
    for path in loops:
        write_xa(path, small_cine)
    words = ("--model", vessel, "--out", tmp_path / "out", "--json")
    found = {}
    for loop in (*loops, loops[0]):
        (row,) = motionseg("segment", loop, *words).rows
        assert row["source"] == str(loop)
        found.setdefault(loop, []).append(row["masks"])
    assert found[loops[0]] == [str(tmp_path / "out" / "IM0001_masks.npz")] * 2
    assert found[loops[1]][0] not in found[loops[0]]
    assert len(list((tmp_path / "out").glob("*.npz"))) == 2


def test_a_bad_loop_does_not_stop_the_others(motionseg, loop_file, vessel, tmp_path):
    (tmp_path / "bad.dcm").write_bytes(b"no")
    words = ("--model", vessel, "--out", tmp_path / "o")
    answer = motionseg("segment", tmp_path / "bad.dcm", loop_file, *words)
    assert answer.code == 2
    assert (tmp_path / "o" / "loop_masks.npz").exists()
    assert "1 of 2 loops failed" in answer.err


def test_an_embedding_segments_nothing(motionseg, loop_file, embedding, tmp_path):
    words = ("--model", embedding, "--out", tmp_path)
    assert refused(motionseg("segment", loop_file, *words), "segmentation")


def test_segment_refuses_an_unknown_format(motionseg, loop_file, vessel, tmp_path):
    words = ("--model", vessel, "--out", tmp_path, "--format", "gif")
    assert refused(motionseg("segment", loop_file, *words), "gif")


def test_smooth_masks_without_specks(
    motionseg, loop_file, light, tmp_path, exact_flow, synthetic
):
    plain = ("segment", loop_file, "--model", light, "--out")
    assert motionseg(*plain, tmp_path / "a").code == 0
    answer = motionseg(*plain, tmp_path / "b", "--smooth", "--smallest", 40)
    assert answer.code == 0, answer.err
    masks = [
        read_labels(tmp_path / f / "loop_masks.npz", shape=(8, 96, 96)).labels > 0
        for f in "ab"
    ]
    assert (masks[0] != masks[1]).any()

    def changes(mask):  # of a pixel from one frame to the next
        return np.mean(mask[1:] != mask[:-1])

    # 0.44 in float32 and 0.47 in bf16, whatever the processor
    assert changes(masks[1]) < 0.7 * changes(masks[0])
    for mask in masks[1]:
        parts, _ = ndimage.label(mask, np.ones((3, 3)))
        assert (np.bincount(parts.ravel())[1:] >= 40).all()


def test_painted_pixels_have_their_classes(motionseg, loop_file, vessel, tmp_path):
    shape = read_cine(loop_file).shape
    painted = np.zeros(shape, np.uint8)
    painted[2, 3:6, 4:20], painted[2, 40:44] = 2, 1
    np.savez(tmp_path / "strokes.npz", labels=painted)
    words = ("segment", loop_file, "--model", vessel, "--label-mode", "scribbles")
    for name, more in (
        ("free", ()),
        ("obeyed", ("--labels", tmp_path / "strokes.npz")),
    ):
        answer = motionseg(*words, *more, "--out", tmp_path / name, "--smallest", "60")
        assert answer.code == 0, answer.err
    free, obeyed = (
        read_labels(tmp_path / name / "loop_masks.npz", shape=shape).labels
        for name in ("free", "obeyed")
    )
    assert (free != obeyed).any()
    np.testing.assert_array_equal(obeyed[2][painted[2] > 0], painted[painted > 0] - 1)
    np.testing.assert_array_equal(obeyed[painted == 0], free[painted == 0])


def test_each_loop_needs_its_own_label_file(motionseg, loop_file, vessel, tmp_path):
    words = ("segment", loop_file, "--model", vessel, "--out", tmp_path / "out")
    answer = motionseg(*words, "--labels", "a.npz", "--labels", "b.npz")
    assert refused(answer, "got 1 CINE and 2 --labels")
