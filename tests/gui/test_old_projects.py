"""Projects of older versions, in which the background of labels had the number 1."""

import shutil

import numpy as np
import pytest
from helpers.patience import LONG

from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.project import Autosaver, Project
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop
from napari_motionseg.widgets.common.project_controller import controller_of

BLUE, RED, GREEN = (0, 0, 1, 1), (1, 0, 0, 1), (0, 1, 0, 1)
CLEAR = (0, 0, 0, 0)


def old_labels(shape):
    """Strokes on frame 2; frame 5 was corrected once, and filled with background."""
    labels = np.zeros(shape, np.uint8)
    labels[2, 10:14, 5:20] = 2
    labels[2, 30:33, 5:20] = 1
    labels[2, 40:43, 5:20] = 3
    labels[5] = 1
    labels[5, 20:24, 20:40] = 2
    return labels


@pytest.fixture
def old_project(tmp_path, small_cine, monkeypatch):
    """A project as version 0.0 of the format left it: labels and masks of one loop."""
    monkeypatch.setenv("MOTIONSEG_STATE", str(tmp_path / "state"))
    write_xa(tmp_path / "loop.dcm", small_cine)
    cine = read_cine(tmp_path / "loop.dcm")
    labels, masks = old_labels(cine.shape), np.zeros(cine.shape, np.uint8)
    masks[:, 20:24, 20:40] = 1
    colors = {"rest": CLEAR, "0": CLEAR, "1": BLUE, "2": RED, "3": GREEN}
    attributes = {
        "looks": {"colors": colors, "selected_label": 2, "opacity": 0.7},
        "metadata": {"classes": ["background", "vessel", "stent"], "loop": "loop"},
    }
    saver = Autosaver(Project.create(tmp_path / "old.motionseg"))
    loop = WatchedLoop("loop", cine, "loop")
    saver.watch_loop(loop)
    for kind, pixels, kept in (
        ("labels", labels, attributes), ("masks", masks, {"metadata": {}}),
    ):  # fmt: skip
        name = f"loop {kind}"
        saver.watch(WatchedLayer(kind, loop, kind, name, lambda p=pixels: p, kept))
    saver.touch()
    assert saver.flush()
    saver.close()
    return tmp_path / "old.motionseg"


def on_disk(folder):
    project = Project.open(folder, read_only=True)
    pixels = project.read_layers()
    return {x.name: pixels[x.number] for x in project.manifest.layers}


@pytest.fixture
def opened(viewer, dock, old_project, qtbot, segment):
    """The window with the Segment dock and the project in it."""
    controller = controller_of(viewer)
    controller.open(old_project)
    qtbot.waitUntil(lambda: "loop labels" in viewer.layers, timeout=LONG)
    qtbot.waitUntil(lambda: segment.state.painting is not None, timeout=LONG)
    return controller


def test_labels_of_an_older_project_have_the_numbers_of_the_masks(
    viewer, opened, segment
):
    labels = viewer.layers["loop labels"]
    assert set(np.unique(labels.data[2])) == {0, 1, 2, 255}
    assert set(np.unique(labels.data[5])) == {1, 254}  # no fill of blue any more
    np.testing.assert_array_equal(labels.get_color(1), RED)
    np.testing.assert_array_equal(labels.get_color(2), GREEN)
    np.testing.assert_array_equal(labels.get_color(255), BLUE)
    assert labels.get_color(254)[3] == 0
    assert labels.selected_label == 1
    np.testing.assert_array_equal(viewer.layers["loop masks"].data.max(), 1)


def test_training_learns_the_same_from_an_older_project(opened, segment):
    ((_, labels),) = segment.train.examples()
    expected = old_labels(labels.shape).astype(int) - 1
    assert labels.frames == (2, 5)
    for t in labels.frames:
        np.testing.assert_array_equal(labels.target(t), expected[t])


def test_an_older_project_is_saved_with_the_numbers_that_it_had(
    viewer, opened, old_project, qtbot, tmp_path
):
    labels = viewer.layers["loop labels"]
    labels.data_setitem((np.array([3]), np.array([7]), np.array([8])), 1)
    labels.data_setitem((np.array([3]), np.array([9]), np.array([9])), 255)
    assert opened.flush()
    stored = on_disk(old_project)["loop labels"]
    assert (stored[3, 7, 8], stored[3, 9, 9]) == (2, 1)
    np.testing.assert_array_equal(stored[2], old_labels(stored.shape)[2])
    shown = labels.data.copy()
    shutil.copytree(old_project, tmp_path / "again.motionseg")
    opened.open(tmp_path / "again.motionseg")
    qtbot.waitUntil(
        lambda: opened.project.folder.name == "again.motionseg" and not opened.busy,
        timeout=LONG,
    )
    again = viewer.layers["loop labels"]
    assert again is not labels
    np.testing.assert_array_equal(again.data, shown)
    np.testing.assert_array_equal(again.get_color(1), RED)
