"""`motionseg project` and `motionseg export`."""

import numpy as np
import pytest

from napari_motionseg.io import read_cine, read_labels, write_masks
from napari_motionseg.project import Autosaver, Project
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


@pytest.fixture
def painted(tmp_path, loop_file):
    """A project of one loop with a stroke on frame 3."""
    cine = read_cine(loop_file)
    labels = np.zeros(cine.shape, np.uint8)
    saver = Autosaver(Project.create(tmp_path / "study"))
    loop = WatchedLoop("loop", cine, "loop")
    saver.watch(WatchedLayer("l", loop, "labels", "my labels", lambda: labels))
    labels[3, 10:20, 30:40] = 2
    assert saver.flush()
    saver.close()
    return saver.project.folder, labels


def test_info_says_what_there_is(motionseg, painted):
    folder, _ = painted
    answer = motionseg("project", "info", folder, "--check")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "loop loop: 8 frames of 96 x 96, there",
        "labels my labels: on 1 frames of loop",
    ]
    loop, layer = motionseg("project", "info", folder, "--json").rows
    assert loop["state"] == "there"
    assert layer["frames"] == [3]


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


@pytest.mark.parametrize("word", ["info", "labels"])
def test_what_is_no_project_is_refused(motionseg, tmp_path, word):
    more = ("--out", tmp_path / "out") if word == "labels" else ()
    answer = motionseg("project", word, tmp_path, *more)
    assert answer.code == 2
    assert "is no project" in answer.err


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


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--out", "x.pdf"), "x.pdf"),
        (("--out", "x.gif", "--style", "filled"), "tinted"),
        (("--out", "x.gif", "--reference", "m.npz"), "are for .html"),
    ],
)
def test_bad_exports_cost_one_line(motionseg, loop_file, masks_file, options, word):
    answer = motionseg("export", loop_file, "--masks", masks_file, *options)
    assert answer.code == 2
    assert word in answer.err
    assert len(answer.err.strip().splitlines()) == 1
