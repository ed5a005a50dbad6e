"""The whole path in one window: from a file on disk to exported masks and overlay."""

import shutil

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.widgets.common.open_docks import PLUGIN
from napari_motionseg.widgets.common.viewers import frame_shown, show_frame
from napari_motionseg.widgets.project import export_section as export_module
from napari_motionseg.widgets.project import project_panel
from napari_motionseg.widgets.project.dock import ProjectDock

pytestmark = pytest.mark.child_process
FRAME = 6
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(make_napari_viewer):
    """A viewer that is shown: a mouse needs a canvas that is laid out."""
    return make_napari_viewer(show=True)


pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def brush(viewer, qtbot):
    """Draw a line over pixels of a loop with the mouse, in the active layer."""

    def at(loop, row, column):
        canvas = viewer.window._qt_viewer.canvas
        world = loop.data_to_world((0, row, column))
        x, y = canvas.view.scene.transform.map([world[2], world[1]])[:2]
        return QPoint(round(x), round(y))

    def draw(loop, points):
        native = viewer.window._qt_viewer.canvas.native
        QTest.mousePress(native, LEFT, pos=at(loop, *points[0]))
        for point in points:
            QTest.mouseMove(native, at(loop, *point))
            qtbot.wait(10)
        QTest.mouseRelease(native, LEFT, pos=at(loop, *points[-1]))
        qtbot.wait(10)

    return draw


@pytest.fixture
def finish(qtbot):
    """Press a button of the Segment dock and wait for its job."""

    def press(segment, click, button):
        with qtbot.waitSignal(segment.panel.finished, timeout=LONG):
            click(button)
        qtbot.waitUntil(lambda: not segment.panel.running, timeout=LONG)

    return press


def test_from_a_file_to_exports(
    viewer, segment, dock, brush, click, finish, qtbot, monkeypatch, tmp_path, synthetic
):
    project = dock(ProjectDock)
    write_xa(tmp_path / "loop.dcm", synthetic.cine)
    (loop,) = viewer.open(tmp_path / "loop.dcm", plugin=PLUGIN)
    qtbot.waitUntil(lambda: segment.state.loop is loop, timeout=LONG)
    viewer.reset_view()
    show_frame(viewer, loop, FRAME)
    qtbot.wait(50)

    finish(segment, click, segment.apply.guess_button)
    masks = segment.state.masks.layer
    assert masks.metadata["done"].all()
    masks.visible = False  # the brush paints on what is visible

    rows, columns = np.nonzero(synthetic.masks[FRAME])
    vessel = [(rows[i], columns[i]) for i in (0, 3, 6)]
    click(segment.paint.brushes[1])
    brush(loop, vessel)
    painting = segment.state.painting
    assert (painting.data[FRAME][vessel[0]], painting.data[FRAME].max()) == (1, 1)
    click(segment.paint.brushes[0])
    brush(loop, [(88, 10), (88, 30)])
    assert painting.data[FRAME][88, 20] == 255
    qtbot.waitUntil(lambda: segment.state.preview_classes == (0, 1), timeout=LONG)
    qtbot.waitUntil(lambda: not segment.live.latest.busy, timeout=LONG)
    assert np.asarray(segment.live.overlay(loop).data)[..., 3].any()

    segment.train.steps.setValue(2)
    finish(segment, click, segment.train.train_button)
    first = segment.state.model
    finish(segment, click, segment.apply.apply_button)
    masks = segment.state.masks.layer
    segment.apply.threshold.setValue(2)
    qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)
    wide = np.count_nonzero(masks.data)
    segment.apply.threshold.setValue(98)
    qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)
    assert np.count_nonzero(masks.data) < wide

    t = correct(viewer, segment, loop, brush, click, qtbot)
    finish(segment, click, segment.train.train_button)
    assert segment.state.model.path != first.path
    click(segment.correct.next_button)
    assert segment.correct.reason.text().startswith("Frame ")
    assert frame_shown(viewer, loop) not in (t, FRAME)

    judge(viewer, project, masks, synthetic, qtbot)
    name_project(project, click, qtbot, monkeypatch, tmp_path)
    export(project, masks, click, qtbot, monkeypatch, tmp_path)
    assert first.path.name in (tmp_path / "r.html").read_text()  # what made the masks
    painted, names = painting.data.copy(), (painting.name, masks.name)
    assert painted[[t, FRAME]].any(axis=(1, 2)).all()
    reopen(project, qtbot, tmp_path)
    np.testing.assert_array_equal(viewer.layers[names[0]].data, painted)
    assert viewer.layers[names[1]].data.any()


def correct(viewer, segment, loop, brush, click, qtbot):
    """Paint over the masks of another frame with the mouse; the masks follow."""
    masks, t = segment.state.masks.layer, 2
    show_frame(viewer, loop, t)
    assert segment.state.brush.paints(0)  # from before
    click(segment.paint.brushes[1])
    painting = segment.state.painting
    assert viewer.layers.selection.active is painting
    masks.data[t, 36:54, 36:54] = 0
    brush(loop, [(40, 40), (40, 50)])
    qtbot.waitUntil(lambda: painting.data[t].any(), timeout=LONG)
    qtbot.waitUntil(lambda: masks.data[t][40, 45] == 1, timeout=LONG)
    assert painting.data[t][40, 45] == 1
    labelled = np.count_nonzero(painting.data[t])
    assert labelled < 0.1 * painting.data[t].size
    show_frame(viewer, loop, 3)
    click(segment.correct.right_button)
    assert painting.data[3].all()
    np.testing.assert_array_equal(painting.data[3] == 1, masks.data[3] == 1)
    return t


def judge(viewer, project, masks, synthetic, qtbot):
    """Compare with the loop's truth."""
    truth = viewer.add_labels(
        synthetic.masks.astype(np.uint8), name="truth", scale=masks.scale,
        units=masks.units, axis_labels=masks.axis_labels, visible=False,
    )  # fmt: skip
    project.agreement.masks.choose(masks)
    project.agreement.reference.choose(truth)
    qtbot.waitUntil(
        lambda: (
            project.agreement.answer is not None and project.agreement.answer.complete
        ),
        timeout=LONG,
    )
    assert np.isfinite(project.agreement.answer.mean()["dice"])


def name_project(project, click, qtbot, monkeypatch, tmp_path):
    """Give the project a name and a place."""
    target = tmp_path / "study.motionseg"
    monkeypatch.setattr(project_panel, "ask_target", lambda *_: target)
    click(project.panel.save_button)
    qtbot.waitUntil(
        lambda: target.exists() and not project.controller.busy, timeout=LONG
    )
    assert project.controller.flush()


def reopen(project, qtbot, tmp_path):
    """Open a copy of the project, as a kill leaves it."""
    copy = tmp_path / "killed.motionseg"
    shutil.copytree(tmp_path / "study.motionseg", copy)
    project.controller.open(copy)
    qtbot.waitUntil(
        lambda: (
            project.controller.project.folder == copy
            and project.controller.opened is not None
        ),
        timeout=LONG,
    )


def export(project, masks, click, qtbot, monkeypatch, tmp_path):
    """Write masks, overlay and report."""
    project.export.masks.choose(masks)
    for name, file in (
        ("Masks…", "m.nii.gz"), ("Overlay…", "o.gif"), ("Report…", "r.html"),
    ):  # fmt: skip
        target = tmp_path / file
        monkeypatch.setattr(export_module, "ask_target", lambda *_, t=target: t)
        click(project.export.buttons[name])
        qtbot.waitUntil(lambda: not project.export.panel.running, timeout=LONG)
        assert project.export.panel.status.text() == f"Wrote {target}"
    stored = read_labels(tmp_path / "m.nii.gz", shape=masks.data.shape)
    np.testing.assert_array_equal(stored.labels, masks.data)
    assert len(read_cine(tmp_path / "o.gif")) == len(masks.data)
    assert "Agreement with the truth" in (tmp_path / "r.html").read_text()
