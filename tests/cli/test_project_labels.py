"""`motionseg project labels` writes layers as label files."""

import numpy as np

from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.project import Autosaver, Project
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


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


def test_implied_background_is_background_in_a_file(motionseg, tmp_path, loop_file):
    cine = read_cine(loop_file)
    stored = np.zeros(cine.shape, np.uint8)
    stored[2] = 255  # of a frame that was called right
    stored[2, 4:6, 4:9] = 2
    saver = Autosaver(Project.create(tmp_path / "study"))
    loop = WatchedLoop("loop", cine, "loop")
    named = {"metadata": {"classes": ["background", "vessel"]}}
    layer = WatchedLayer("l", loop, "labels", "painted", lambda: stored, named)
    saver.watch(layer)
    layer.edited = True
    assert saver.flush()
    saver.close()
    answer = motionseg(
        "project", "labels", saver.project.folder, "--out", tmp_path / "out", "--json"
    )
    (row,) = answer.rows
    read = read_labels(row["file"], shape=cine.shape, mode="scribbles")
    expected = np.where(stored[2] == 255, 0, 1)
    np.testing.assert_array_equal(read.target(2), expected)
