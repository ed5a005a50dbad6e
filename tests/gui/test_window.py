"""The manifest's parts in a real window."""

import numpy as np
import pytest

from napari_motionseg.io import write_masks
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.widgets.common.open_docks import DOCKS, PLUGIN, open_docks


def test_all_docks_open_as_tabs(viewer, plugins):
    docks = open_docks(viewer)
    assert tuple(docks) == DOCKS
    sessions = {id(dock.session) for dock in docks.values()}
    assert len(sessions) == 1


def test_a_file_opens_through_the_manifest(viewer, plugins, tmp_path, small_cine):
    write_xa(tmp_path / "loop.dcm", small_cine)
    viewer.open(tmp_path / "loop.dcm", plugin=PLUGIN)
    layer = viewer.layers["loop"]
    np.testing.assert_array_equal(np.asarray(layer.data[3]), small_cine.frames[3])
    np.testing.assert_allclose(layer.scale[1:], small_cine.pixel_spacing, rtol=1e-6)
    assert str(layer.units[1]) in ("millimeter", "mm")


def test_sample_data_opens(viewer, plugins, monkeypatch, synthetic):
    from napari_motionseg import synthesis

    monkeypatch.setattr(synthesis, "synthesize_cine", lambda *a, **k: synthetic)
    viewer.open_sample(PLUGIN, "synthetic-angiogram")
    assert [type(x).__name__ for x in viewer.layers] == ["Image", "Labels"]


def test_masks_are_saved_through_the_manifest(viewer, plugins, tmp_path):
    masks = np.random.default_rng(0).integers(0, 2, (3, 8, 9), dtype=np.uint8)
    viewer.add_labels(masks)
    viewer.layers.save(str(tmp_path / "m.npz"), plugin=PLUGIN)
    with np.load(tmp_path / "m.npz") as stored:
        np.testing.assert_array_equal(stored["labels"], masks)


def test_the_window_opens_a_loop_with_its_masks(
    qtbot, make_napari_viewer, monkeypatch, plugins, tmp_path, small_cine, synthetic
):
    from napari_motionseg.widgets.common import window

    write_xa(tmp_path / "loop.dcm", small_cine)
    write_masks(tmp_path / "masks.npz", synthetic.masks.astype(np.uint8))
    monkeypatch.setattr(window, "Viewer", lambda **_: make_napari_viewer(show=False))
    viewer = window.open_window(tmp_path / "loop.dcm", tmp_path / "masks.npz")
    assert [layer.name for layer in viewer.layers] == ["loop", "loop masks"]
    np.testing.assert_array_equal(viewer.layers[1].data, synthetic.masks)


@pytest.mark.parametrize("name", ["CineDock", "MotionDock", "EmbeddingDock"])
def test_a_dock_that_was_closed_hears_nothing_more(
    viewer, loop_layer, qtbot, tmp_path, name
):
    """Its events came from the viewer and the session, which both live on."""
    from napari_motionseg.viewmodel.session import Model
    from napari_motionseg.widgets.cine.dock import CineDock
    from napari_motionseg.widgets.common.viewers import session_of, show_frame
    from napari_motionseg.widgets.embedding.dock import EmbeddingDock
    from napari_motionseg.widgets.motion.dock import MotionDock

    kinds = {kind.__name__: kind for kind in (CineDock, MotionDock, EmbeddingDock)}
    widget = kinds[name](viewer)
    viewer.window.add_dock_widget(widget, name=name)
    gone = []
    widget.destroyed.connect(lambda: gone.append(1))
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.waitUntil(lambda: bool(gone), timeout=5_000)
    session = session_of(viewer)
    session.flow_changed.emit(session.loop(loop_layer))
    session.add_model(Model(tmp_path / "m.safetensors", "other", "m"))
    show_frame(viewer, loop_layer, 3)
    viewer.layers.remove(loop_layer)
    viewer.add_image(np.zeros((2, 8, 8), np.uint8))
    session.close()
