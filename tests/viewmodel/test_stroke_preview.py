"""The preview of strokes, without a window."""

import dataclasses

import numpy as np
import pytest
from helpers.plain_layers import PlainLayer

from napari_motionseg.cine import Cine
from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.errors import LabelError
from napari_motionseg.viewmodel.class_colors import color_of
from napari_motionseg.viewmodel.stroke_preview import PaintedFrame, Previewer

SHAPE = (6, 20, 24)
DAMAGED = 4


@pytest.fixture
def loop(session):
    pixels = np.random.default_rng(0).integers(1, 255, SHAPE, dtype=np.uint8)
    pixels[DAMAGED] = 0
    cine = Cine.from_array(pixels, name="noise")
    frames = FrameStack.from_array(pixels, damaged=[DAMAGED])
    cine = dataclasses.replace(cine, frames=frames)
    return session.loop(PlainLayer(cine.frames, metadata={"cine": cine}))


@pytest.fixture
def previewer(session, embedding_file):
    return Previewer(session, embedding_file, 2)


def painted(loop, t, **rows):
    """A frame with strokes: ``background=2`` paints row 2 as background."""
    target = np.full(SHAPE[1:], -1, np.int16)
    for name, row in rows.items():
        target[row] = ("background", "vessel").index(name)
    return PaintedFrame(loop, t, target)


def test_a_stroke_shows_on_its_frame_and_on_others(loop, previewer):
    shown = painted(loop, 1, background=2, vessel=9)
    preview = previewer.answer(shown)
    assert preview.frame is shown
    assert preview.classes == (0, 1)
    assert preview.picture.shape == (*SHAPE[1:], 4)
    alpha = preview.picture[..., 3].astype(float)
    assert alpha[9].min() > 100 > alpha[2].max()
    red, green, blue = (int(part) for part in preview.picture[9, 0, :3])
    assert f"#{red:02x}{green:02x}{blue:02x}" == color_of(1)
    other = previewer.answer(painted(loop, 3))
    assert other.classes == (0, 1)
    assert (other.picture != preview.picture).any()


def test_frames_that_wait_are_taken_one_a_time(loop, previewer):
    previewer.waiting = [painted(loop, 0, vessel=3), painted(loop, 1, background=3)]
    found = [previewer.answer(painted(loop, 2)).classes for _ in range(3)]
    assert found == [(0,), (0, 1), (0, 1)]
    assert previewer.waiting == []


def test_a_stroke_that_is_undone_is_forgotten(loop, previewer):
    previewer.answer(painted(loop, 2, background=3, vessel=5))
    assert previewer.answer(painted(loop, 2, vessel=5)).classes == (1,)
    assert previewer.answer(painted(loop, 2)).classes == ()


def test_strokes_on_a_damaged_frame_teach_nothing(loop, previewer):
    with pytest.raises(LabelError, match="frame 4 is damaged: strokes on it teach"):
        previewer.answer(painted(loop, DAMAGED, vessel=3))
    previewer.waiting = [painted(loop, DAMAGED, vessel=3)]
    assert previewer.answer(painted(loop, 5, background=1)).classes == (0,)


def test_a_frame_is_the_same_only_with_the_same_paint(session, loop):
    frame = painted(loop, 1, vessel=3)
    assert frame.same(painted(loop, 1, vessel=3))
    other = session.loop(PlainLayer(np.zeros(SHAPE, np.uint8)))
    for unlike in (
        painted(loop, 2, vessel=3), painted(loop, 1, vessel=4),
        painted(other, 1, vessel=3), None,
    ):  # fmt: skip
        assert not frame.same(unlike)


def test_outside_the_field_of_view_only_strokes_are_shown(session, embedding_file):
    shape = (3, 64, 64)
    pixels = np.random.default_rng(0).integers(90, 200, shape, dtype=np.uint8)
    pixels[:, :, 44:] = 0  # behind a collimator
    cine = Cine.from_array(pixels, name="collimated")
    loop = session.loop(PlainLayer(cine.frames, metadata={"cine": cine}))
    target = np.full(shape[1:], -1, np.int16)
    target[10, 5:30], target[30, 5:30], target[20, 50:60] = 0, 1, 1
    preview = Previewer(session, embedding_file, 2).answer(
        PaintedFrame(loop, 0, target)
    )
    assert (preview.mask[20, 50:60] == 1).all()
    behind = preview.mask[:, 46:].copy()
    behind[20] = 0
    assert not behind.any()
    assert preview.mask[30, 5:30].all()
