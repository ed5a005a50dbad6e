"""napari decodes the frames it shows, not the loop."""

import warnings

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cine.frame_stack import FrameCache, FrameStack
from napari_motionseg.contributions import cine_layer, read_layers
from napari_motionseg.errors import DamagedFrameError, LabelError, ReadError
from napari_motionseg.io import dicom_pixels
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.viewmodel.stroke_preview import PaintedFrame, Previewer
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.viewers import session_of
from napari_motionseg.widgets.embedding.dock import EmbeddingDock
from napari_motionseg.widgets.motion.dock import MotionDock
from napari_motionseg.widgets.project.dock import ProjectDock
from napari_motionseg.widgets.segment.dock import SegmentDock

FRAMES, FEW = 45, 3  # the first is shown; the middle one is for the contrast limits


class Counted:
    """A loop of noise that counts what is decoded, and can lose its file."""

    def __init__(self, dtype="u1", damaged=()):
        rng = np.random.default_rng(0)
        most = 255 if dtype == "u1" else 4095
        self.pixels = rng.integers(0, most, (FRAMES, 40, 48)).astype(dtype)
        self.asked = []
        self.gone = False
        self.damaged = set(damaged)
        frames = FrameStack(self, self.pixels.shape, dtype, FrameCache())
        self.cine = Cine(frames, bits_stored=8 if dtype == "u1" else 12, name="noise")

    def __call__(self, t):
        self.asked.append(t)
        if self.gone:
            raise ReadError("noise.dcm: no such file or folder")
        if t in self.damaged:
            raise DamagedFrameError(f"noise.dcm: frame {t} cannot be decoded", t)
        return self.pixels[t]


def add(viewer, cine):
    data, attributes, _ = cine_layer(cine)
    return viewer.add_image(data, **attributes)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_opening_decodes_what_is_shown(viewer, dtype):
    loop = Counted(dtype)
    layer = add(viewer, loop.cine)
    assert not layer.multiscale
    assert len(set(loop.asked)) <= FEW
    assert len(loop.asked) == len(set(loop.asked))


def test_opening_a_file_decodes_what_is_shown(viewer, tmp_path, monkeypatch):
    loop = Counted("u2")
    write_xa(tmp_path / "loop.dcm", loop.cine)
    asked = []
    decode = dicom_pixels.PixelSource.__call__

    def counting(source, t):
        asked.append(t)
        return decode(source, t)

    monkeypatch.setattr(dicom_pixels.PixelSource, "__call__", counting)
    ((data, attributes, _),) = read_layers(str(tmp_path / "loop.dcm"))
    layer = viewer.add_image(data, **attributes)
    assert layer.data.shape == (FRAMES, 40, 48)
    assert len(asked) <= FEW


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_looking_decodes_what_is_looked_at(viewer, dtype):
    loop = Counted(dtype)
    layer = add(viewer, loop.cine)
    before = len(loop.asked)
    viewer.dims.set_point(0, 7)
    layer.reset_contrast_limits()
    layer._update_thumbnail()
    layer.visible = False
    layer.visible = True
    assert layer.data[7].shape == (40, 48)
    assert layer.data[7, 3, 4] == loop.pixels[7, 3, 4]
    layer.get_value((7, 3, 4))
    assert loop.asked[before:] == [7]
    np.testing.assert_array_equal(layer.data[30:33], loop.pixels[30:33])
    assert loop.asked[before:] == [7, 30, 31, 32]


@pytest.mark.parametrize(
    "kind", [CineDock, MotionDock, EmbeddingDock, SegmentDock, ProjectDock]
)
def test_a_dock_that_is_opened_decodes_nothing_more(viewer, dock, kind, qtbot):
    loop = Counted()
    add(viewer, loop.cine)
    dock(kind)
    qtbot.wait(50)  # timers of docks
    assert len(set(loop.asked)) <= FEW


def test_a_volume_and_a_saved_layer_decode_each_frame_once(viewer, tmp_path):
    loop = Counted()
    layer = add(viewer, loop.cine)
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    layer.save(str(tmp_path / "saved.tif"))
    assert sorted(loop.asked) == list(range(FRAMES))


@pytest.fixture
def told():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        yield seen


def test_a_damaged_frame_is_shown_blank(viewer, told):
    loop = Counted(damaged=[4])
    layer = add(viewer, loop.cine)
    for t in (3, 4, 5):
        viewer.dims.set_point(0, t)
        shown = layer._slice.image.raw
        expected = np.zeros((40, 48)) if t == 4 else loop.pixels[t]
        np.testing.assert_array_equal(shown, expected)
    assert len([w for w in told if "frame 4 cannot be decoded" in str(w.message)]) == 1


def test_a_file_that_goes_and_comes_back(viewer, told):
    loop = Counted()
    layer = add(viewer, loop.cine)
    loop.gone = True
    for t in (10, 11):
        viewer.dims.set_point(0, t)
        assert not layer._slice.image.raw.any()
    loop.gone = False
    viewer.dims.set_point(0, 10)
    np.testing.assert_array_equal(layer._slice.image.raw, loop.pixels[10])
    assert len([w for w in told if "no such file" in str(w.message)]) == 1


def test_strokes_on_a_damaged_frame_teach_nothing(viewer, told, embedding_file):
    loop = Counted(damaged=[4])
    layer = add(viewer, loop.cine)
    session = session_of(viewer)
    previewer = Previewer(session, embedding_file, 2)
    target = np.full((40, 48), -1, np.int16)
    target[:4], target[-4:] = 0, 1
    with pytest.raises(LabelError, match="frame 4 is damaged: strokes on it teach"):
        previewer.answer(PaintedFrame(session.loop(layer), 4, target))
    good = PaintedFrame(session.loop(layer), 5, target)
    previewer.waiting = [PaintedFrame(session.loop(layer), 4, target)]
    preview = previewer.answer(good)
    assert preview.picture.shape[:2] == (40, 48)
    assert preview.classes == (0, 1)
    assert previewer._head.frames == (good.key,)
    session.close()
