"""What a closed loop leaves in a window: no pixels, no flow, no open file."""

import contextlib
import dataclasses
import gc
import os
import shutil
import weakref

import numpy as np
import pytest
from helpers.patience import LONG

from napari_motionseg.contributions import cine_layer, geometry
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.motion import FlowSequence
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.project_controller import controller_of
from napari_motionseg.widgets.motion.dock import MotionDock
from napari_motionseg.widgets.project.dock import ProjectDock

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def loop_file(noise_cine, tmp_path):
    cine = dataclasses.replace(noise_cine, pixel_spacing=(0.3, 0.2))
    write_xa(tmp_path / "loop.dcm", cine)
    return tmp_path / "loop.dcm"


def show(viewer, cine):
    """Show a loop and empty labels on it."""
    data, attributes, _ = cine_layer(cine)
    image = viewer.add_image(data, **attributes)
    labels = viewer.add_labels(
        np.zeros(cine.shape, np.uint8), name=f"{image.name} labels", **geometry(cine)
    )
    return image, labels


def paint(labels, label):
    labels.data_setitem(tuple(np.mgrid[2:3, 20:26, 30:45].reshape(3, -1)), label)


def alive(reference):
    if reference() is not None:
        gc.collect()
    return reference() is not None


def gone(qtbot, *references):
    """Wait until nobody holds what the references are to."""
    qtbot.waitUntil(lambda: not any(map(alive, references)), timeout=LONG)
    return True


@pytest.mark.parametrize("painted", [True, False])
@pytest.mark.parametrize("from_file", [True, False])
def test_its_pixels_are_held_by_nobody(
    viewer, dock, loop_file, noise_cine, qtbot, painted, from_file
):
    controller = controller_of(viewer)
    dock(ProjectDock)
    # a copy: the fixture holds its own
    cine = read_cine(loop_file) if from_file else dataclasses.replace(noise_cine)
    image, labels = show(viewer, cine)
    if painted:
        paint(labels, 2)
    assert controller.flush()
    left = weakref.ref(image.metadata["cine"])  # the one that all parts are given
    del cine, image, labels
    assert alive(left)
    viewer.layers.clear()
    assert gone(qtbot, left)
    assert (controller.project is not None) == painted


@pytest.mark.parametrize("painted", [True, False])
def test_a_segmented_loop_is_released_too(
    viewer, segment, loop_file, qtbot, click, painted
):
    controller = controller_of(viewer)
    image, labels = show(viewer, read_cine(loop_file))
    qtbot.waitUntil(lambda: segment.state.loop is not None, timeout=LONG)
    with qtbot.waitSignal(segment.panel.finished, timeout=LONG):
        click(segment.apply.guess_button)
    qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)
    if painted:
        paint(labels, 2)
    assert controller.flush()
    left = weakref.ref(image.metadata["cine"])
    masks = weakref.ref(segment.state.masks.layer)
    del image, labels
    viewer.layers.clear()
    viewer.add_points(np.zeros((1, 3)))  # so that the window is not about to close
    assert gone(qtbot, left, masks)


def test_labels_that_stay_keep_their_loop_s_number_and_place(viewer, loop_file, qtbot):
    controller = controller_of(viewer)
    cine = read_cine(loop_file)
    image, labels = show(viewer, cine)
    paint(labels, 2)
    assert controller.flush()
    left = weakref.ref(image.metadata["cine"])
    viewer.layers.remove(image)
    del cine, image
    assert gone(qtbot, left)
    paint(labels, 3)  # its loop is closed, and the work goes on
    assert controller.flush()
    viewer.add_points(np.zeros((1, 3)))  # so that the window is not about to close
    viewer.layers.remove(labels)
    del labels
    qtbot.waitUntil(lambda: controller.deleted() == ["loop labels"], timeout=LONG)
    controller.bring_back()
    back = viewer.layers["loop labels"]
    np.testing.assert_allclose(back.scale, (1, 0.3, 0.2))
    assert back.data[2].max() == 3


def test_a_loop_that_is_opened_again_is_the_same_of_the_project(
    viewer, loop_file, qtbot
):
    controller = controller_of(viewer)
    for label in (1, 2):
        image, labels = show(viewer, read_cine(loop_file))
        paint(labels, label)
        assert controller.flush()
        left = weakref.ref(image.metadata["cine"])
        del image, labels
        viewer.layers.clear()
        assert gone(qtbot, left)
    (record,) = controller.project.manifest.loops
    assert record.content == read_cine(loop_file).content_hash()
    assert {layer.loop for layer in controller.project.manifest.layers} == {
        record.number
    }


def test_layers_that_come_back_at_once_are_kept(viewer, loop_file):
    """As a plugin does that takes layers out and puts them in again, in other order."""
    controller = controller_of(viewer)
    image, labels = show(viewer, read_cine(loop_file))
    paint(labels, 1)
    assert controller.flush()
    for layer in (image, labels):
        viewer.layers.remove(layer)
        viewer.layers.append(layer)
    controller._layers._let_go()
    paint(labels, 2)
    assert controller.flush()
    (record,) = controller.project.manifest.layers
    assert not record.removed
    assert controller.project.read_layers()[record.number][2].max() == 2


def test_a_project_that_was_opened_holds_no_closed_loop(
    viewer, loop_file, qtbot, tmp_path
):
    controller = controller_of(viewer)
    paint(show(viewer, read_cine(loop_file))[1], 1)
    controller.save_as(tmp_path / "a.motionseg")
    qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
    controller.save_as(tmp_path / "b.motionseg")
    qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
    shutil.copytree(tmp_path / "b.motionseg", tmp_path / "c.motionseg")
    controller.open(tmp_path / "c.motionseg")
    qtbot.waitUntil(lambda: controller.opened is not None, timeout=LONG)
    left = weakref.ref(viewer.layers["loop"].metadata["cine"])
    pixels = weakref.ref(viewer.layers["loop labels"].data)
    assert alive(left)
    viewer.layers.clear()
    assert gone(qtbot, left, pixels)


class Asked:
    """Something that a request is about."""


def test_a_request_that_was_answered_is_held_by_nobody(viewer, qtbot):
    """napari keeps its tasks, and what they were given, as long as the window."""
    shown, asked = [], Asked()
    latest = Latest(viewer.window._qt_window, shown.append)
    latest.ask(lambda about: type(about).__name__, asked)
    left = weakref.ref(asked)
    del asked
    qtbot.waitUntil(lambda: shown == ["Asked"] and not latest.busy, timeout=LONG)
    assert gone(qtbot, left)


def open_files():
    """Return the paths that this process has open; threads of Qt come and go there."""
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            yield os.readlink(f"/proc/self/fd/{number}")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts files of Linux")
def test_flow_that_was_looked_at_leaves_no_open_file(
    viewer, dock, loop_file, qtbot, tmp_path
):
    session, judge = dock(MotionDock).session, dock(ProjectDock).agreement
    for number in range(5):
        cine = read_cine(loop_file)
        image, labels = show(viewer, cine)
        paint(labels, 1)
        path = tmp_path / f"flow{number}.npy"
        np.save(path, np.ones((len(cine) - 1, 2, *cine.shape[1:]), np.float32))
        flow = FlowSequence(np.load(path, mmap_mode="r"), None, 1, "ilk")
        session.set_flow(session.loop(image), flow)
        qtbot.waitUntil(lambda: judge.consistency is not None, timeout=LONG)
        left = weakref.ref(flow)
        del image, labels, flow, cine
        viewer.layers.clear()
        assert gone(qtbot, left)
        assert not any(name.startswith(str(tmp_path / "flow")) for name in open_files())
