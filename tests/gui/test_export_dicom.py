"""The Project dock writes DICOM: a segmentation, and a capture of the overlay."""

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import seg_loops
from helpers.patience import LONG
from npe2 import PluginManager, PluginManifest

from napari_motionseg.contributions import cine_layer, geometry
from napari_motionseg.errors import LabelError
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_seg_writer import (
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.io.label_numbers import BACKGROUND
from napari_motionseg.widgets.common import mask_loading
from napari_motionseg.widgets.common.open_docks import PLUGIN
from napari_motionseg.widgets.project import export_section as export_module
from napari_motionseg.widgets.project.dock import ProjectDock

SHAPE = (3, 40, 36)


@pytest.fixture
def opened(viewer, tmp_path):
    """A loop of a DICOM file in the window."""
    cine, (data,) = seg_loops.loop(tmp_path, shape=SHAPE)
    layer, attributes, _ = cine_layer(cine)
    viewer.add_image(layer, **attributes)
    return cine, data


def test_a_segmentation_is_opened_onto_its_loop(
    viewer, opened, export, tmp_path, monkeypatch
):
    """The other loop has the same size, and the file is named after it."""
    manager = PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(PluginManifest.from_distribution(PLUGIN))
    told = []
    monkeypatch.setattr(mask_loading, "show_info", told.append)
    cine, _ = opened
    (tmp_path / "other").mkdir()
    other, _ = seg_loops.loop(tmp_path / "other", shape=SHAPE, seed=3)
    layer, attributes, _ = cine_layer(other)
    viewer.add_image(layer, **attributes | {"name": "other"})
    masks = np.zeros(SHAPE, np.uint8)
    masks[1, 5:9, 4:30] = 1
    path = tmp_path / "other_masks.dcm"
    settings = SegmentationSettings(names=("stent=left", "guide wire"))
    write_segmentation(path, cine, masks, labelled=np.arange(3) == 1, settings=settings)
    (added,) = viewer.open(path, plugin=PLUGIN)
    np.testing.assert_array_equal(added.data, masks)
    assert "whose images the file refers to" in told[0]
    assert added.metadata["loop"] == viewer.layers[0].name
    np.testing.assert_array_equal(added.metadata["done"], [False, True, False])
    export("Masks…", tmp_path / "again.dcm")
    again = read_segmentation(tmp_path / "again.dcm", cine)
    assert [s.name for s in again.segments] == ["stent=left", "guide wire"]
    viewer.layers.remove(viewer.layers[0])
    with pytest.raises(LabelError, match="segmentation of other images"):
        viewer.open(path, plugin=PLUGIN)


def masks_layer(viewer, cine, **metadata):
    masks = np.zeros(SHAPE, np.uint8)
    masks[:, 5:9, 4:30] = 1
    masks[1, 20:30, 10:14] = 2
    viewer.add_labels(
        masks, name="masks", metadata={"cine": cine, **metadata}, **geometry(cine)
    )
    return masks


@pytest.fixture
def export(dock, click, qtbot, monkeypatch):
    """Click a button of the Export section and wait for what it says."""

    def run(name, path):
        section = dock(ProjectDock).export
        monkeypatch.setattr(export_module, "ask_target", lambda *_: path)
        click(section.buttons[name])
        qtbot.waitUntil(lambda: not section.panel.running, timeout=LONG)
        return section.panel.status.text()

    return run


def test_masks_are_written_as_a_segmentation(viewer, opened, export, tmp_path):
    cine, data = opened
    done = np.array([True, True, False])
    masks = masks_layer(viewer, cine, motionseg="masks", done=done)
    assert export("Masks…", tmp_path / "m.dcm") == f"Wrote {tmp_path / 'm.dcm'}"
    found = read_segmentation(tmp_path / "m.dcm", cine)
    np.testing.assert_array_equal(found.labels[:2], masks[:2])
    np.testing.assert_array_equal(found.labelled, done)
    shown = viewer.layers["masks"].get_color(1)[:3]
    color = found.segments[0].color
    said = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    np.testing.assert_allclose(said, shown, atol=0.02)
    written = files.reread(tmp_path / "m.dcm")
    assert written.PatientName == data.PatientName
    assert written.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"


def test_masks_are_offered_before_strokes(viewer, opened, dock):
    """Strokes lie above the masks that were trained from them, and were added later."""
    cine, _ = opened
    masks_layer(viewer, cine, motionseg="masks")
    strokes = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="labels")
    project = dock(ProjectDock)
    section = project.export
    assert section.masks.layer.name == "masks"
    assert project.agreement.masks.layer.name == "masks"
    section.masks.choose(strokes)
    section.masks.refresh()
    assert section.masks.layer is strokes


def test_painted_classes_keep_their_names_and_lose_the_background(
    viewer, opened, export, tmp_path
):
    """Background that was drawn is no segment."""
    cine, _ = opened
    masks = masks_layer(viewer, cine, classes=["background", "vessel", "my catheter"])
    masks[masks == 1] = BACKGROUND
    viewer.layers["masks"].data = masks
    export("Masks…", tmp_path / "m.dcm")
    found = read_segmentation(tmp_path / "m.dcm", cine)
    painted = viewer.layers["masks"].data
    np.testing.assert_array_equal(found.labels > 0, painted == 2)
    assert [s.label for s in found.segments] == ["vessel", "my catheter"]
    item = files.reread(tmp_path / "m.dcm").SegmentSequence[0]
    assert item.SegmentAlgorithmType == "MANUAL"


def test_an_overlay_is_written_as_a_capture(viewer, opened, export, tmp_path):
    cine, data = opened
    masks_layer(viewer, cine, motionseg="masks")
    export("Overlay…", tmp_path / "o.dcm")
    written = files.reread(tmp_path / "o.dcm")
    assert written.pixel_array.shape == (*SHAPE, 3)
    assert written.StudyInstanceUID == data.StudyInstanceUID


def test_a_loop_of_no_file_is_told(
    viewer, loop_layer, export, tmp_path, notified, synthetic
):
    viewer.add_labels(
        synthetic.masks.astype(np.uint8), name="masks",
        metadata={"motionseg": "masks"}, **geometry(synthetic.cine),
    )  # fmt: skip
    for button in ("Masks…", "Overlay…"):
        assert export(button, tmp_path / "m.dcm").startswith("Nothing was written.")
        assert "not read from DICOM files" in notified[-1]
    assert not (tmp_path / "m.dcm").exists()
