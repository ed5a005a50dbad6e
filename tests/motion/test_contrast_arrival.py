import numpy as np
import pytest
from helpers.painted_loops import background, band, loop

from napari_motionseg.motion.contrast_arrival import (
    density,
    frames_before_contrast,
    scaled,
)


def before(cine, painted=4):
    return frames_before_contrast(
        cine, painted, band() > 0, background().astype(np.float32)
    )


def test_the_first_frames_are_free_until_contrast_comes():
    assert before(loop()) == [0, 1, 2]


def test_a_loop_that_begins_with_contrast_has_none():
    assert before(loop((0.3, 0.4, 0.4, 0.4, 0.4))) == []


def test_contrast_that_came_and_went_is_not_skipped():
    assert before(loop((0.0, 0.3, 0.0, 0.0, 0.4))) == [0]


def test_gray_level_and_brightness_do_not_matter():
    """A frame that is darker as a whole shows no contrast by that."""
    import dataclasses

    from napari_motionseg.cine import FrameStack

    cine = loop(noise=0)
    dim = np.asarray(cine.frames[:]).astype(float)
    dim[1] *= 0.8
    stack = FrameStack.from_array(dim.astype(cine.frames.dtype))
    assert before(dataclasses.replace(cine, frames=stack)) == [0, 1, 2]


def test_a_painted_frame_without_contrast_ends_the_search_without_error():
    assert before(loop((0.0, 0.0, 0.0, 0.0, 0.0), noise=0)) in ([], [0, 1, 2, 3])


def test_density_adds_what_transmission_multiplies():
    frame = np.asarray([[0.5, 0.25]], np.float32)
    half = density(frame * np.float32(0.5), logarithmic=False)
    np.testing.assert_allclose(
        half, density(frame, logarithmic=False) - np.log(2), atol=1e-6
    )
    assert density(frame, logarithmic=True) is frame
    assert np.isfinite(density(np.zeros((1, 1), np.float32), logarithmic=False)).all()


@pytest.mark.parametrize(
    ("shape", "wanted"), [((512, 512), 20), ((1024, 2048), 40), ((8, 600), 1)]
)
def test_lengths_go_with_the_shorter_side(shape, wanted):
    assert scaled(20, shape) == wanted
