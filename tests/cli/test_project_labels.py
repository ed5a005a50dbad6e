"""`motionseg project labels` writes layers as label files."""

import numpy as np

from napari_motionseg.io import read_labels


def test_labels_can_be_trained_on(motionseg, painted, tmp_path, loop_file):
    folder, labels = painted
    (row,) = motionseg(
        "project", "labels", folder, "--out", tmp_path / "out", "--json"
    ).rows
    read = read_labels(row["file"], shape=labels.shape)
    assert read.frames == (3,)
    np.testing.assert_array_equal(read.labels, labels)
    answer = motionseg(
        "project", "labels", folder, "--out", tmp_path, "--format", "nifti"
    )
    assert answer.code == 2
    assert "nii" in answer.err
    answer = motionseg(
        "project", "labels", folder, "--out", tmp_path, "--format", "dicom-seg"
    )
    assert answer.code == 2
    assert "motionseg export" in answer.err
