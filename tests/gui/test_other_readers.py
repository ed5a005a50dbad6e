"""The usual ways in stay open where another plugin claims the same files."""

from importlib.util import find_spec

import numpy as np
import pytest
from napari.errors import MultipleReaderError
from napari.settings import get_settings
from npe2 import DynamicPlugin

from napari_motionseg.io.dicom_writer import write_xa

PLUGIN, RIVAL = "napari-motionseg", "a-rival"


@pytest.fixture(params=["*.dcm", "*"])
def rival(request):
    """A plugin that claims DICOM files, or all files, and reads them as it likes."""
    with DynamicPlugin(RIVAL) as plugin:

        @plugin.contribute.reader(
            filename_patterns=[request.param], accepts_directories=True
        )
        def get_reader(path):
            return lambda path: [(np.zeros((3, 3)), {"name": "rival"}, "image")]

        yield plugin


@pytest.fixture
def loop_path(tmp_path, small_cine):
    write_xa(tmp_path / "loop.dcm", small_cine)
    return str(tmp_path / "loop.dcm")


@pytest.fixture
def asked(monkeypatch):
    """Answer napari's question which reader to take; keep what was offered."""
    from napari._qt.dialogs import qt_reader_dialog

    offered = []

    def choose(dialog):
        offered.append({b.text() for b in dialog.reader_btn_group.buttons()})
        return "MotionSeg", False

    monkeypatch.setattr(qt_reader_dialog.QtReaderDialog, "get_user_choices", choose)
    return offered


@pytest.fixture
def preferred():
    """Prefer this plugin, as Preferences > Plugins > File extension readers does."""
    settings = get_settings().plugins
    before = settings.extension2reader
    settings.extension2reader = {"*.dcm": PLUGIN}
    yield
    settings.extension2reader = before


def is_ours(viewer, small_cine):
    (layer,) = viewer.layers
    return layer.data.shape == small_cine.shape and "cine" in layer.metadata


def test_napari_asks_and_this_plugin_is_offered(
    viewer, rival, loop_path, asked, small_cine
):
    with pytest.raises(MultipleReaderError, match=PLUGIN):
        viewer.open(loop_path, plugin=None)
    # drag and drop, File > Open Files and `napari loop.dcm` go this way
    viewer.window._qt_viewer._qt_open([loop_path], stack=False)
    assert asked[0] >= {"MotionSeg", RIVAL}
    assert is_ours(viewer, small_cine)


def test_a_preference_ends_the_question(
    viewer, rival, loop_path, preferred, small_cine
):
    viewer.window._qt_viewer._qt_open([loop_path], stack=False)
    assert is_ours(viewer, small_cine)


def test_the_plugin_can_be_named(viewer, rival, loop_path, small_cine):
    # `napari --plugin napari-motionseg loop.dcm`
    viewer.window._qt_viewer._qt_open([loop_path], stack=False, plugin=PLUGIN)
    assert is_ours(viewer, small_cine)


def test_files_as_a_stack(viewer, rival, loop_path, asked, small_cine):
    viewer.window._qt_viewer._qt_open([loop_path], stack=True, plugin=PLUGIN)
    assert is_ours(viewer, small_cine)


def test_a_folder(viewer, rival, tmp_path, loop_path, small_cine):
    viewer.open(str(tmp_path), plugin=PLUGIN)
    assert is_ours(viewer, small_cine)


def test_without_a_rival_napari_is_the_only_other_one(
    viewer, loop_path, asked, small_cine
):
    viewer.window._qt_viewer._qt_open([loop_path], stack=False)
    assert asked == [{"MotionSeg", "napari builtins"}]
    assert is_ours(viewer, small_cine)


def test_a_file_without_a_suffix_is_nobody_elses(
    viewer, tmp_path, loop_path, asked, small_cine
):
    medium = (tmp_path / "loop.dcm").rename(tmp_path / "IM0001")
    viewer.window._qt_viewer._qt_open([str(medium)], stack=False)
    assert not asked
    assert is_ours(viewer, small_cine)


@pytest.mark.skipif(
    find_spec("napari_nifti") is None, reason="napari-nifti is not installed"
)
def test_with_napari_nifti_installed(viewer, loop_path, asked, tmp_path, small_cine):
    viewer.window._qt_viewer._qt_open([loop_path], stack=False)
    assert is_ours(viewer, small_cine)
    viewer.layers.clear()
    viewer.open(str(tmp_path), plugin=PLUGIN)
    assert is_ours(viewer, small_cine)
