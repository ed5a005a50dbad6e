"""Saved masks come back: opened or loaded, they become labels on their loop."""

import shutil

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtWidgets import QFileDialog

from napari_motionseg.contributions import cine_layer
from napari_motionseg.io import write_masks
from napari_motionseg.widgets.common import mask_loading
from napari_motionseg.widgets.common.layer_arrivals import arrivals_of
from napari_motionseg.widgets.common.mask_loading import LoadMasksButton
from napari_motionseg.widgets.common.open_docks import PLUGIN
from napari_motionseg.widgets.common.project_controller import controller_of
from napari_motionseg.widgets.common.project_layers import is_network_masks, lies_on
from napari_motionseg.widgets.common.viewers import show_frame
from napari_motionseg.widgets.project.dock import ProjectDock
from napari_motionseg.widgets.segment.dock import SegmentDock

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def said(monkeypatch):
    told = []
    monkeypatch.setattr(mask_loading, "show_info", told.append)
    return told


@pytest.fixture
def masks(synthetic):
    return synthetic.masks.astype(np.uint8)


@pytest.fixture
def two_loops(viewer, small_cine):
    """Two loops of one size, which lie at different scales."""
    layers = []
    for name in ("p1", "p2"):
        data, attributes, _ = cine_layer(small_cine)
        if name == "p2":
            attributes |= {"scale": (1, 1, 1), "units": ("pixel",) * 3}
        layers.append(viewer.add_image(data, **(attributes | {"name": name})))
    return layers


@pytest.mark.parametrize("suffix", [".npz", ".tiff", ".nii.gz", ""])
def test_opened_masks_become_labels_on_their_loop(
    viewer, plugins, two_loops, masks, tmp_path, said, suffix, qtbot
):
    arrivals_of(viewer)  # as when a loop was opened, or a dock
    path = tmp_path / f"p1_masks{suffix}"
    write_masks(path, masks)
    reader = "napari" if suffix == ".tiff" else PLUGIN  # TIFF is napari's own
    viewer.open(path, plugin=reader)
    qtbot.waitUntil(lambda: "p1 masks" in viewer.layers, timeout=LONG)
    (layer,) = [x for x in viewer.layers if x not in two_loops]  # no image is left
    assert is_network_masks(layer)
    assert lies_on(layer, two_loops[0])
    assert not lies_on(layer, two_loops[1])
    np.testing.assert_array_equal(layer.data, masks)
    assert "on p1, which the file is named after" in said[0]


def test_one_png_is_taken_for_the_shown_frame(
    viewer, plugins, loop_layer, masks, tmp_path, said, qtbot
):
    arrivals_of(viewer)
    show_frame(viewer, loop_layer, 5)
    write_masks(tmp_path / "one.png", masks[2])
    viewer.open(tmp_path / "one.png", plugin="napari")
    name = f"{loop_layer.name} masks"
    qtbot.waitUntil(lambda: name in viewer.layers, timeout=LONG)
    np.testing.assert_array_equal(viewer.layers[name].data[5], masks[2])
    assert not viewer.layers[name].data[2].any()


def test_images_of_others_stay_images(viewer, loop_layer, masks, tmp_path, qtbot):
    import tifffile

    arrivals_of(viewer)
    tifffile.imwrite(tmp_path / "theirs.tif", masks)
    viewer.open(tmp_path / "theirs.tif", plugin="napari")
    qtbot.wait(50)
    assert [type(x).__name__ for x in viewer.layers] == ["Image", "Image"]


def test_masks_of_no_open_loop_are_refused_in_words(
    viewer, plugins, loop_layer, tmp_path, masks
):
    from napari_motionseg.errors import LabelError

    write_masks(tmp_path / "m.npz", masks[:3])
    with pytest.raises(LabelError, match="fits no open loop"):
        viewer.open(tmp_path / "m.npz", plugin=PLUGIN)
    viewer.layers.clear()
    with pytest.raises(LabelError, match="open the loop of these masks first"):
        viewer.open(tmp_path / "m.npz", plugin=PLUGIN)


def choose(monkeypatch, *paths):
    answer = ([str(path) for path in paths], "")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: answer)


def test_masks_and_a_reference_are_loaded_and_compared(
    viewer, dock, loop_layer, masks, tmp_path, monkeypatch, said, click, qtbot
):
    wrong = np.roll(masks, 3, axis=2)
    write_masks(tmp_path / "mine.npz", wrong)
    write_masks(tmp_path / "theirs.npz", masks)
    project = dock(ProjectDock)
    judge = project.agreement
    choose(monkeypatch, tmp_path / "mine.npz")
    click(project.load_button)
    assert judge.masks.layer.name == f"{loop_layer.name} masks"
    choose(monkeypatch, tmp_path / "theirs.npz")
    click(judge.load_button)
    reference = viewer.layers[f"{loop_layer.name} reference"]
    assert judge.reference.layer is reference
    assert judge.masks.layer.name == f"{loop_layer.name} masks"  # not the reference
    assert project.export.masks.layer is judge.masks.layer
    qtbot.waitUntil(
        lambda: judge.answer is not None and judge.answer.complete, timeout=LONG
    )
    assert 0 < judge.answer.mean()["dice"] < 1


@pytest.mark.parametrize("kind", [ProjectDock, SegmentDock])
def test_what_cannot_be_loaded_is_said(
    viewer, dock, loop_layer, tmp_path, monkeypatch, click, notified, kind
):
    (tmp_path / "m.npz").write_bytes(b"no")
    choose(monkeypatch, tmp_path / "m.npz")
    (button,) = [
        found
        for found in dock(kind).findChildren(LoadMasksButton)
        if found.text() == "Load masks…"
    ]
    click(button)
    assert "m.npz" in notified[0]
    assert list(viewer.layers) == [loop_layer]


def test_a_reference_comes_back_with_its_project(
    viewer, dock, loop_layer, masks, tmp_path, monkeypatch, said, click, qtbot
):
    controller, loop = controller_of(viewer), loop_layer.name
    project = dock(ProjectDock)
    for name in ("mine", "theirs"):
        write_masks(tmp_path / f"{name}.npz", masks)
    choose(monkeypatch, tmp_path / "mine.npz")
    click(project.load_button)
    choose(monkeypatch, tmp_path / "theirs.npz")
    click(project.agreement.load_button)
    controller.save_as(tmp_path / "a.motionseg")
    qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
    assert controller.flush()
    controller.save_as(tmp_path / "b.motionseg")
    qtbot.waitUntil(lambda: not controller.busy, timeout=LONG)
    copied = tmp_path / "c.motionseg"
    shutil.copytree(tmp_path / "b.motionseg", copied)
    controller.open(copied)
    qtbot.waitUntil(lambda: controller.project.folder == copied, timeout=LONG)
    judge = project.agreement
    assert judge.reference.layer.name == f"{loop} reference"
    assert judge.masks.layer.name == f"{loop} masks"
    assert not is_network_masks(judge.reference.layer)
