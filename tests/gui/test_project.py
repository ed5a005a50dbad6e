"""The Project dock by clicks: painted, closed, recovered; judged; exported."""

import dataclasses
import shutil
import threading

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtWidgets import QFileDialog

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import cine_layer, geometry
from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.project import Project, RecentProjects, opening
from napari_motionseg.project import folder as folder_module
from napari_motionseg.project.folder import OPEN
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.project_controller import controller_of
from napari_motionseg.widgets.common.recovery import recovery_of
from napari_motionseg.widgets.project import export_section as export_module
from napari_motionseg.widgets.project import project_panel
from napari_motionseg.widgets.project.dock import ProjectDock


@pytest.fixture(autouse=True)
def state(own_state):
    return RecentProjects.default()


@pytest.fixture
def file_layer(viewer, noise_cine, tmp_path):
    """A loop that was read from a file."""
    write_xa(tmp_path / "loop.dcm", noise_cine)
    data, attributes, _ = cine_layer(read_cine(tmp_path / "loop.dcm"))
    return viewer.add_image(data, **attributes)


def stroke(layer, t, label=1, row=20):
    rows, columns = np.mgrid[row : row + 6, 30:45]
    layer.data_setitem((np.full(rows.shape, t), rows, columns), label)


def on_disk(folder):
    looked_at = Project.open(folder, read_only=True)
    pixels = looked_at.read_layers()
    return {x.name: pixels[x.number] for x in looked_at.manifest.layers}


def test_painted_unsaved_named_killed_and_recovered(
    viewer, dock, click, file_layer, qtbot, tmp_path, monkeypatch, state
):
    project = dock(ProjectDock)
    controller, panel = project.controller, project.panel
    assert controller is dock(CineDock).controller
    assert panel.name.text() == "No project yet"
    assert project.banner.isHidden()
    painting = viewer.add_labels(
        np.zeros(file_layer.data.shape, np.uint8), name="loop labels",
        **geometry(read_cine(tmp_path / "loop.dcm")),
    )  # fmt: skip
    stroke(painting, 3)
    qtbot.waitUntil(lambda: controller.status.state == "saved", timeout=LONG)
    panel.refresh()
    assert "Not named yet" in panel.name.text()
    assert "All changes are kept" in panel.kept.text()
    assert state.is_unsaved(controller.project.folder)

    target = tmp_path / "study.motionseg"
    monkeypatch.setattr(project_panel, "ask_target", lambda *_: target)
    click(panel.save_button)
    qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
    assert panel.name.text() == "study"
    assert state.paths() == [target]
    stroke(painting, 5, label=2)
    painting.name = "renamed"
    painting.metadata["classes"] = {"1": "vessel"}
    assert controller.flush()
    np.testing.assert_array_equal(on_disk(target)["renamed"], painting.data)
    painted = painting.data.copy()
    killed = tmp_path / "killed.motionseg"
    shutil.copytree(target, killed)  # what a kill leaves
    assert (killed / OPEN).exists()
    state.add(killed)

    again = ProjectDock(viewer)
    viewer.window.add_dock_widget(again, name="again")
    recovery_of(viewer).look()  # as when a loop is opened
    qtbot.waitUntil(lambda: not again.banner.isHidden(), timeout=LONG)
    assert "project 'killed' was not closed properly" in again.banner.text.text()
    assert not again.banner.discard_button.isVisibleTo(again)
    click(again.banner.recover_button)
    qtbot.waitUntil(lambda: controller.project.folder == killed, timeout=LONG)
    assert [layer.name for layer in viewer.layers] == ["loop", "renamed"]
    layer = viewer.layers["renamed"]
    np.testing.assert_array_equal(layer.data, painted)
    assert layer.metadata["classes"] == {"1": "vessel"}
    stroke(layer, 6)
    assert controller.flush()
    np.testing.assert_array_equal(on_disk(killed)["renamed"], layer.data)
    assert len(Project.open(killed, read_only=True).manifest.loops) == 1


def test_a_loop_that_moved_is_asked_for_and_deleted_labels_come_back(
    viewer, dock, click, file_layer, qtbot, tmp_path, monkeypatch, notified
):
    controller = controller_of(viewer)
    painting = viewer.add_labels(
        np.zeros(file_layer.data.shape, np.uint8), name="loop labels",
        **geometry(read_cine(tmp_path / "loop.dcm")),
    )  # fmt: skip
    stroke(painting, 2)
    controller.save_as(tmp_path / "study.motionseg")
    qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
    viewer.layers.remove(painting)
    qtbot.waitUntil(lambda: controller.deleted() == ["loop labels"], timeout=LONG)
    panel = dock(ProjectDock).panel
    click(panel.back_button)
    assert viewer.layers["loop labels"].data.any()
    assert controller.flush()
    assert controller.deleted() == []

    folder = tmp_path / "deep" / "sent.motionseg"
    shutil.copytree(controller.project.folder, folder)  # to where the loop is not found
    controller.open(folder)
    qtbot.waitUntil(lambda: controller.opened is not None, timeout=LONG)
    panel.refresh()
    assert [layer.name for layer in viewer.layers] == ["loop labels"]
    assert panel.find_button.text() == "Find the loop loop…"
    assert "say where it is now" in panel.find_button.toolTip()
    threads = []
    read = opening.read_loop

    def noted(*given):
        threads.append(threading.current_thread())
        return read(*given)

    monkeypatch.setattr(opening, "read_loop", noted)
    for chosen in ("nowhere.dcm", "loop.dcm"):
        answer = (str(tmp_path / chosen), "")
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, a=answer: a)
        click(panel.find_button)
        qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
        panel.refresh()
    assert len(notified) == 1
    assert "nowhere.dcm" in notified[0]
    assert threading.main_thread() not in threads
    assert not panel.find_button.isVisibleTo(panel)
    assert [layer.name for layer in viewer.layers] == ["loop", "loop labels"]
    assert controller.flush()
    assert controller.project.manifest.loops[0].path == "../../loop.dcm"


def test_a_loop_s_pixels_are_hashed_and_stored_beside_the_window(
    viewer, loop_layer, qtbot, monkeypatch, tmp_path
):
    threads = []

    def beside(function):
        def noted(*given):
            threads.append(threading.current_thread())
            return function(*given)

        return noted

    monkeypatch.setattr(Cine, "content_hash", beside(Cine.content_hash))
    monkeypatch.setattr(
        folder_module, "store_pixels", beside(folder_module.store_pixels)
    )
    controller = controller_of(viewer)
    painting = viewer.add_labels(np.zeros(loop_layer.data.shape, np.uint8))
    stroke(painting, 2)
    controller.save_as(tmp_path / "study.motionseg")
    qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
    qtbot.waitUntil(lambda: controller.status.state == "saved", timeout=LONG)
    assert controller.flush()
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_a_newer_project_is_refused_in_words(
    viewer, dock, click, qtbot, tmp_path, monkeypatch, notified
):
    made = Project.create(tmp_path / "new")
    made.close()
    file = made.folder / "project.json"
    file.write_text(file.read_text().replace('"version": 1', '"version": 7'))
    panel = dock(ProjectDock).panel
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *_: str(made.folder)
    )
    click(panel.open_button)
    qtbot.waitUntil(lambda: bool(notified), timeout=LONG)
    assert "update napari-motionseg" in notified[0]


def test_a_full_disk_is_said_and_nothing_is_lost(
    viewer, dock, file_layer, qtbot, tmp_path, monkeypatch
):
    import errno
    import os

    project = dock(ProjectDock)
    controller = project.controller
    painting = viewer.add_labels(
        np.zeros(file_layer.data.shape, np.uint8),
        **geometry(read_cine(tmp_path / "loop.dcm")),
    )
    stroke(painting, 2)
    assert controller.flush()

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        stroke(painting, 3)
        assert not controller.flush()
        project.panel.refresh()
        assert "No space left on device" in project.panel.kept.text()
        assert "stays in memory" in project.panel.kept.text()
    assert controller.flush()
    project.panel.refresh()
    assert "All changes are kept" in project.panel.kept.text()
    (pixels,) = on_disk(controller.project.folder).values()
    np.testing.assert_array_equal(pixels, painting.data)


@pytest.fixture
def judged(viewer, loop_layer, synthetic, dock):
    """A loop with its truth and masks that are wrong on one frame."""
    truth = synthetic.masks.astype(np.uint8)
    masks = truth.copy()
    masks[6] = np.roll(masks[6], 4, axis=1)
    place = geometry(synthetic.cine)
    project = dock(ProjectDock)
    viewer.add_labels(truth, name="truth", **place)
    viewer.add_labels(masks, name="masks", metadata={"motionseg": "masks"}, **place)
    return project


def test_masks_are_written_and_measured_before_strokes(viewer, judged, loop_layer):
    place = {"scale": loop_layer.scale, "units": loop_layer.units}
    viewer.add_labels(np.ones(loop_layer.data.shape, np.uint8), name="strokes", **place)
    for section in (judged.agreement, judged.export):
        assert section.masks.layer.name == "masks"
        section.masks.choose(viewer.layers["strokes"])
        section.masks.refresh()
        assert section.masks.layer.name == "strokes"  # the user's choice stays


def complete(judge):
    return judge.answer is not None and judge.answer.complete


def test_the_curve_follows_the_playhead_and_the_brush(viewer, judged, qtbot, synthetic):
    from napari_motionseg.segmentation import evaluate
    from napari_motionseg.widgets.common.viewers import show_frame

    judge = judged.agreement
    assert judge.masks.layer.name == "masks"
    assert "Choose a reference" in judge.words.text()
    judge.reference.choose(viewer.layers["truth"])
    qtbot.waitUntil(lambda: complete(judge), timeout=LONG)
    frames = np.flatnonzero(judge.answer.compared)
    masks, truth = viewer.layers["masks"].data, viewer.layers["truth"].data
    wanted = evaluate(
        masks, truth, valid=judge.answer.compared,
        spacing=synthetic.cine.pixel_spacing,
    )  # fmt: skip
    np.testing.assert_allclose(judge.answer.hd95[frames], wanted.hd95)
    assert np.argmin(judge.curve.curves["Dice"][frames]) == list(frames).index(6)
    show_frame(viewer, viewer.layers["masks"], 6)
    assert judge.curve.playhead.value() == 6
    assert judge.words.text().startswith("Frame 6: Dice 0.")
    judge.shown.setCurrentText("HD95")
    assert list(judge.curve.curves) == ["HD95"]
    judge.curve.clicked.emit(5)
    assert viewer.dims.current_step[0] == 5
    viewer.layers["masks"].data = truth.copy()
    qtbot.waitUntil(lambda: judge.answer.mean()["dice"] == 1, timeout=LONG)


def test_frames_that_were_not_segmented_are_not_judged(viewer, judged, qtbot):
    judge, masks = judged.agreement, viewer.layers["masks"]
    judge.reference.choose(viewer.layers["truth"])
    qtbot.waitUntil(lambda: complete(judge), timeout=LONG)
    before = int(judge.answer.compared.sum())
    masks.metadata["done"] = np.arange(8) != 5
    pixels = np.asarray(masks.data).copy()
    pixels[5] = 0
    masks.data = pixels
    qtbot.waitUntil(
        lambda: complete(judge) and judge.answer.compared.sum() == before - 1,
        timeout=LONG,
    )
    assert not judge.answer.compared[5]


def test_without_a_reference_consistency_along_the_motion(
    viewer, judged, qtbot, loop_layer
):
    from napari_motionseg.motion import FlowSequence

    judge, session = judged.agreement, judged.session
    loop = session.loop(loop_layer)
    forward = np.zeros((7, 2, *loop.cine.shape[1:]), np.float32)
    session.set_flow(loop, FlowSequence(forward, None, 1, "made", ()))
    qtbot.waitUntil(lambda: judge.consistency is not None, timeout=LONG)
    assert np.isnan(judge.consistency[7])
    assert "It finds flicker" in judge.words.text()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Masks…", "m.nii.gz"),
        ("Overlay…", "o.gif"),
        ("Report…", "r.html"),
    ],
)
def test_exports_are_written(
    viewer, judged, click, qtbot, tmp_path, monkeypatch, name, file, synthetic
):
    export = judged.export
    monkeypatch.setattr(export_module, "ask_target", lambda *_: tmp_path / file)
    judged.agreement.reference.choose(viewer.layers["truth"])
    click(export.buttons[name])
    qtbot.waitUntil(lambda: not export.panel.running, timeout=LONG)
    assert export.panel.status.text() == f"Wrote {tmp_path / file}"
    if name == "Masks…":
        read = read_labels(tmp_path / file, shape=synthetic.cine.shape)
        np.testing.assert_array_equal(read.labels, viewer.layers["masks"].data)
    if name == "Overlay…":
        assert read_cine(tmp_path / file).shape == (8, 192, 192)
    if name == "Report…":
        page = (tmp_path / file).read_text()
        assert synthetic.cine.content_hash() in page
        assert "Agreement with the truth" in page


def test_an_export_can_be_cancelled_and_refused(
    viewer, judged, click, qtbot, tmp_path, monkeypatch, notified
):
    export = judged.export
    monkeypatch.setattr(export_module, "ask_target", lambda *_: tmp_path / "o.gif")
    monkeypatch.setattr(export_module, "overlay_job", lambda *_: _endless())
    click(export.buttons["Overlay…"])
    assert not export.buttons["Overlay…"].isEnabled()
    click(export.panel.cancel_button)
    qtbot.waitUntil(lambda: not export.panel.running, timeout=LONG)
    assert "Cancelled" in export.panel.status.text()
    assert not (tmp_path / "o.gif").exists()
    viewer.layers.remove("truth")
    for layer in [x for x in viewer.layers if x.name not in ("masks",)]:
        viewer.layers.remove(layer)
    click(export.buttons["Report…"])
    assert "open the loop first" in notified[-1]


def _endless():
    from napari_motionseg.jobs import Progress

    while True:
        yield Progress(1, 2, "frame 1")


def test_layers_keep_their_looks(viewer, loop_layer, small_cine):
    from napari.utils.colormaps import DirectLabelColormap

    from napari_motionseg.project import LayerRecord
    from napari_motionseg.widgets.common.project_layers import add_labels, attributes_of

    pixels = np.zeros(small_cine.shape, np.uint8)
    colors = {0: "transparent", 1: "#ff5c33", None: "gold"}
    layer = viewer.add_labels(
        pixels, opacity=0.4, colormap=DirectLabelColormap(color_dict=colors),
        metadata={"mode": "dense", "cine": small_cine, "done": np.ones(8, bool)},
        **geometry(small_cine),
    )  # fmt: skip
    attributes = attributes_of(layer)
    record = LayerRecord(1, 1, "a", "labels", small_cine.shape, "uint8",
                         attributes=attributes)  # fmt: skip
    again = add_labels(viewer, record, pixels, dataclasses.replace(small_cine))
    assert again.opacity == 0.4
    assert again.metadata == {"mode": "dense", "done": [True] * 8}
    np.testing.assert_allclose(again.get_color(1), layer.get_color(1))
    np.testing.assert_allclose(again.scale, layer.scale)


def test_a_painting_with_named_classes_has_its_background_above_all_classes():
    from types import SimpleNamespace

    from napari_motionseg.widgets.common.project_layers import (
        background_of,
        class_numbers,
    )

    named = SimpleNamespace(metadata={"classes": ["background", "vessel"]})
    assert background_of(SimpleNamespace(metadata={})) == 0
    pixels = np.asarray([0, 1, 2, 254, 255], np.uint8)
    assert class_numbers(pixels, background_of(named)).tolist() == [0, 1, 2, 0, 0]
    assert class_numbers(pixels, 0) is pixels


def test_a_window_that_closes_deletes_nothing(viewer, file_layer, tmp_path):
    controller = controller_of(viewer)
    painting = viewer.add_labels(
        np.zeros(file_layer.data.shape, np.uint8), name="loop labels",
        **geometry(read_cine(tmp_path / "loop.dcm")),
    )  # fmt: skip
    stroke(painting, 2)
    viewer.layers.clear()  # as napari does before its window goes
    controller._layers._let_go()
    assert controller.flush()
    assert controller.deleted() == []
    controller.close()
    (pixels,) = on_disk(controller.project.folder).values()
    assert pixels[2].any()
