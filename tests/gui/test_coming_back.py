"""A project that is opened again, or recovered, goes on where it was."""

import json
import shutil
import threading

import numpy as np
import pytest
from helpers.patience import LONG
from napari.utils.notifications import notification_manager

from napari_motionseg.contributions import cine_layer
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.project import RecentProjects
from napari_motionseg.viewmodel.mask_corrections import UNTOUCHED
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.loop_display import loop_display_of
from napari_motionseg.widgets.common.project_controller import controller_of
from napari_motionseg.widgets.common.recovery import recovery_of
from napari_motionseg.widgets.common.viewers import show_frame
from napari_motionseg.widgets.segment.resumed_masks import ResumedMasks


@pytest.fixture(autouse=True)
def state(own_state):
    return RecentProjects.default()


@pytest.fixture
def open_file(viewer, small_cine, tmp_path):
    def opened(name="loop"):
        path = tmp_path / f"{name}.dcm"
        if not path.exists():
            write_xa(path, small_cine)
        data, attributes, _ = cine_layer(read_cine(path))
        return viewer.add_image(data, **attributes)

    return opened


def paint(segment, t=3):
    layer = segment.paint.painting_for_strokes()
    rows, columns = np.mgrid[20:26, 30:45]
    layer.data_setitem((np.full(rows.shape, t), rows, columns), 2)
    return layer


def saved_as(viewer, qtbot, folder):
    controller = controller_of(viewer)
    controller.save_as(folder)
    qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
    assert controller.flush()
    return controller


def test_threshold_model_masks_and_frame_of_before(
    viewer, segment, open_file, qtbot, click, tmp_path, light
):
    loop = open_file()
    second = open_file("second")
    loop_display_of(viewer).show(loop)
    qtbot.waitUntil(lambda: segment.state.loop is loop, timeout=LONG)
    paint(segment)
    with qtbot.waitSignal(segment.panel.finished, timeout=LONG):
        click(segment.apply.guess_button)
    qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)
    shutil.copy(light, segment.session.folder / "vessel-9.safetensors")
    trained = segment.session.folder / "vessel-9.safetensors"
    segment.session.add_model(Model(trained, "segmentation", "vessel-9"))
    segment.state.trained = trained
    segment.apply.threshold.setValue(37)
    qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)
    hidden = viewer.layers["loop labels"]
    hidden.visible = False
    show_frame(viewer, loop, 5)
    controller = saved_as(viewer, qtbot, tmp_path / "a.motionseg")
    before = segment.state.masks
    masks = before.layer.data.copy()
    saved_as(viewer, qtbot, tmp_path / "b.motionseg")
    shutil.copytree(tmp_path / "b.motionseg", tmp_path / "c.motionseg")
    # something else is done meanwhile
    loop_display_of(viewer).show(second)
    segment.apply.threshold.setValue(80)
    segment.state.trained, segment.state.unlearned = None, False
    segment.session.settings = {}  # as in a new window

    controller.open(tmp_path / "c.motionseg")
    folder = tmp_path / "c.motionseg"
    qtbot.waitUntil(lambda: controller.project.folder == folder, timeout=LONG)
    state = segment.state
    assert loop_display_of(viewer).loop is viewer.layers["loop"]
    assert state.loop is viewer.layers["loop"]
    assert viewer.dims.current_step[0] == 5
    assert segment.apply.threshold.value() == 37
    assert state.trained.parent == folder / "models"
    assert segment.train.train_button.text() == "Train on"
    assert state.unlearned  # the next step is to train
    paint(segment)
    assert controller.flush()  # what docks chose before is not written to this project
    stored = json.loads((folder / "project.json").read_text())["settings"]["segment"]
    assert stored["trained"] == trained.name
    assert stored["threshold"] == 0.37
    assert not viewer.layers["loop labels"].visible
    qtbot.waitUntil(lambda: state.masks is not None, timeout=LONG)
    assert state.masks is not before
    assert state.masks.model == before.model != ""
    assert state.masks.layer is viewer.layers["loop masks"]
    qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)
    np.testing.assert_array_equal(state.masks.layer.data, masks)
    strokes = viewer.layers["loop labels"].data.copy()
    segment.apply.layers.take_corrections()
    for t, found in state.masks.corrections.items():  # strokes are, and nothing else
        assert ((found == UNTOUCHED) | (strokes[t] > 0)).all()
    np.testing.assert_array_equal(viewer.layers["loop labels"].data, strokes)
    segment.apply.threshold.setValue(98)  # the threshold has what it needs
    qtbot.waitUntil(
        lambda: (state.masks.layer.data > 0).sum() < (masks > 0).sum(), timeout=LONG
    )


def test_labels_that_come_with_a_project_are_those_of_the_open_loop(
    viewer, segment, open_file, qtbot, tmp_path
):
    """They are painted on, marked, and learnt from, without a brush being taken."""
    loop = open_file()
    qtbot.waitUntil(lambda: segment.state.loop is loop, timeout=LONG)
    paint(segment)
    saved_as(viewer, qtbot, tmp_path / "a.motionseg")
    shutil.copytree(tmp_path / "a.motionseg", tmp_path / "b.motionseg")
    viewer.layers.remove("loop labels")
    qtbot.waitUntil(lambda: segment.state.painting is None, timeout=LONG)
    controller = controller_of(viewer)
    controller.open(tmp_path / "b.motionseg")
    folder = tmp_path / "b.motionseg"
    qtbot.waitUntil(lambda: controller.project.folder == folder, timeout=LONG)
    state = segment.state
    qtbot.waitUntil(lambda: state.painting is not None, timeout=LONG)
    assert state.painting is viewer.layers["loop labels"]
    qtbot.waitUntil(lambda: state.session.marks.labelled == {3}, timeout=LONG)
    assert len(segment.train.examples()) == 1


def corrected(segment, t, rows, columns, number):
    """Correct a block of the masks, as a brush does."""
    where = np.mgrid[rows, columns].reshape(2, -1)
    layer = segment.state.masks.layer
    layer.data_setitem((np.full(where.shape[1], t), *where), number)


def guess(segment, qtbot, click):
    with qtbot.waitSignal(segment.panel.finished, timeout=LONG):
        click(segment.apply.guess_button)
    qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)


def adjust(segment, qtbot, *percents):
    for percent in percents:
        segment.apply.threshold.setValue(percent)
        qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)


@pytest.mark.parametrize("release", ["this", "before corrections were stored"])
def test_corrections_and_confirmed_frames_outlive_the_threshold(
    viewer, segment, open_file, qtbot, click, tmp_path, release
):
    loop = open_file()
    qtbot.waitUntil(lambda: segment.state.loop is loop, timeout=LONG)
    guess(segment, qtbot, click)
    adjust(segment, qtbot, 40)
    show_frame(viewer, loop, 2)
    corrected(segment, 2, slice(5, 9), slice(10, 30), 2)
    corrected(segment, 2, slice(50, 64), slice(0, 64), 0)
    qtbot.waitUntil(lambda: 2 in segment.state.masks.corrections, timeout=LONG)
    show_frame(viewer, loop, 4)
    segment.correct.confirm()
    right = segment.state.masks.mask(4).copy()
    erased = segment.state.masks.corrections[2][50:64] == 0
    controller = saved_as(viewer, qtbot, tmp_path / "a.motionseg")
    shutil.copytree(tmp_path / "a.motionseg", tmp_path / "b.motionseg")
    if release != "this":  # confirmed frames were stored with the next segmentation
        (file,) = (tmp_path / "b.motionseg" / "probabilities").glob("*.corr*")
        file.unlink()
    folder, warned = tmp_path / "b.motionseg", []
    notification_manager.notification_ready.connect(warned.append)
    controller.open(folder)
    qtbot.waitUntil(lambda: controller.project.folder == folder, timeout=LONG)
    qtbot.waitUntil(lambda: segment.state.masks is not None, timeout=LONG)
    notification_manager.notification_ready.disconnect(warned.append)
    assert not warned  # of layers in other units than their loop, for example
    order = [layer.name for layer in viewer.layers if layer.visible]
    assert order.index("loop masks") < order.index("loop labels")
    assert segment.apply.threshold.value() == 40
    corrected(segment, 2, slice(12, 14), slice(10, 30), 2)  # and one of this session
    for percent in (2, 98, 40):
        adjust(segment, qtbot, percent)
        mask = segment.state.masks.mask(2)
        assert (mask[5:9, 10:30] == 2).all()
        assert (mask[12:14, 10:30] == 2).all()
        assert (mask[50:64][erased] == 0).all()
        if release == "this":
            np.testing.assert_array_equal(segment.state.masks.mask(4), right)


def test_corrections_outlive_a_look_at_another_loop(
    viewer, segment, open_file, qtbot, click
):
    first = open_file("first")
    qtbot.waitUntil(lambda: segment.state.loop is first, timeout=LONG)
    guess(segment, qtbot, click)
    show_frame(viewer, first, 0)
    corrected(segment, 0, slice(5, 9), slice(10, 30), 2)
    qtbot.waitUntil(lambda: bool(segment.state.masks.corrections), timeout=LONG)
    second = open_file("second")
    loop_display_of(viewer).show(second)
    qtbot.waitUntil(lambda: segment.state.loop is second, timeout=LONG)
    guess(segment, qtbot, click)
    loop_display_of(viewer).show(first)
    qtbot.waitUntil(lambda: segment.state.masks.loop is first, timeout=LONG)
    adjust(segment, qtbot, 98)
    assert (segment.state.masks.mask(0)[5:9, 10:30] == 2).all()


def test_masks_are_those_of_the_chosen_loop(viewer, segment, open_file, qtbot, click):
    first, second = open_file("first"), open_file("second")
    made = {}
    for loop in (first, second):
        loop_display_of(viewer).show(loop)
        with qtbot.waitSignal(segment.panel.finished, timeout=LONG):
            click(segment.apply.guess_button)
        qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)
        made[loop.name] = segment.state.masks.layer
    assert isinstance(segment.resumed, ResumedMasks)
    loop_display_of(viewer).show(first)
    assert segment.state.masks.layer is made["first"]
    assert made["first"].visible
    assert not made["second"].visible
    other = made["second"].data.copy()
    segment.apply.threshold.setValue(2)
    qtbot.waitUntil(lambda: not segment.apply.layers.busy, timeout=LONG)
    np.testing.assert_array_equal(made["second"].data, other)


def test_recovery_is_offered_in_any_dock_once_its_loop_is_open(
    viewer, dock, segment, open_file, qtbot, tmp_path, click, state
):
    loop = open_file()
    qtbot.waitUntil(lambda: segment.state.loop is loop, timeout=LONG)
    painted = paint(segment).data.copy()
    saved_as(viewer, qtbot, tmp_path / "a.motionseg")
    killed = tmp_path / "killed.motionseg"
    shutil.copytree(tmp_path / "a.motionseg", killed)
    state.add(killed)
    viewer.layers.clear()
    other = open_file("other")
    cine = dock(CineDock)
    qtbot.waitUntil(lambda: not recovery_of(viewer).busy, timeout=LONG)
    assert cine.banner.isHidden()  # of no loop that is open
    viewer.layers.remove(other)
    again = open_file()
    qtbot.waitUntil(lambda: not cine.banner.isHidden(), timeout=LONG)
    assert not segment.banner.isHidden()
    assert "'killed' was not closed properly" in cine.banner.text.text()
    click(cine.banner.recover_button)
    controller = controller_of(viewer)
    qtbot.waitUntil(lambda: controller.project.folder == killed, timeout=LONG)
    assert cine.banner.isHidden()
    assert [x.name for x in viewer.layers] == ["loop", "loop labels"]
    assert viewer.layers["loop"] is again  # not shown a second time
    np.testing.assert_array_equal(viewer.layers["loop labels"].data, painted)


def test_the_list_of_recoverable_work_is_read_in_a_thread(
    viewer, dock, monkeypatch, qtbot, state
):
    readers, read = [], RecentProjects.recoverable

    def noted(recent):
        readers.append(threading.current_thread())
        return read(recent)

    monkeypatch.setattr(RecentProjects, "recoverable", noted)
    dock(CineDock)
    assert not readers, "the dock is drawn first"
    qtbot.waitUntil(lambda: bool(readers), timeout=LONG)
    qtbot.waitUntil(lambda: not recovery_of(viewer).busy, timeout=LONG)
    assert threading.main_thread() not in readers


def test_not_now_holds_for_all_docks(
    viewer, dock, segment, open_file, qtbot, tmp_path, click, state
):
    loop = open_file()
    qtbot.waitUntil(lambda: segment.state.loop is loop, timeout=LONG)
    paint(segment)
    saved_as(viewer, qtbot, tmp_path / "a.motionseg")
    killed = tmp_path / "killed.motionseg"
    shutil.copytree(tmp_path / "a.motionseg", killed)
    state.add(killed)
    viewer.layers.remove(loop)
    open_file()
    cine = dock(CineDock)
    qtbot.waitUntil(lambda: not cine.banner.isHidden(), timeout=LONG)
    click(cine.banner.later_button)
    assert cine.banner.isHidden()
    assert segment.banner.isHidden()
    assert killed.is_dir()


@pytest.mark.parametrize(
    "kept",
    [
        "text",
        {"threshold": "much", "smallest": -3, "label_mode": "odd", "model": 7},
        {"threshold": float("nan"), "smallest": True, "trained": ["x"]},
        {"threshold": 7, "smallest": 1e30},
    ],
)
def test_choices_of_a_strange_file_change_nothing(segment, kept):
    state = segment.state
    before = (state.threshold, state.smallest, state.label_mode, state.model)
    segment.session.restore_settings(
        {"segment": kept, "shown": kept, "agreement": kept}
    )
    assert (state.threshold, state.smallest, state.label_mode, state.model) == before
