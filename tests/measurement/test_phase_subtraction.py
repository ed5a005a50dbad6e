"""Subtraction of chosen masks and of masks of the same phase."""

import numpy as np
import pytest
from scipy import ndimage

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.phase_subtraction import (
    masks_of_phase,
    subtract_chosen,
    subtract_phase,
)

PHASE = np.array([0.0, 0.25, 0.5, 0.75, 0.0, 0.3, 0.97])
SHIFT = 2.0  # px that the tissue has moved between two beats


def test_the_nearest_phase_is_taken_across_the_end_of_the_beat():
    assert masks_of_phase(PHASE, [0, 1, 2, 3]).tolist() == [0, 1, 2, 3, 0, 1, 0]
    rng = np.random.default_rng(0)
    phase = rng.random(40)
    found = masks_of_phase(phase, range(12))
    for t in range(40):
        apart = phase[t] - phase[:12]
        slow = [min(abs(one + turn) for turn in (-1, 0, 1)) for one in apart]
        assert found[t] == int(np.argmin(slow))


def tissue():
    rng = np.random.default_rng(0)
    return 0.6 + 0.1 * ndimage.gaussian_filter(rng.standard_normal((96, 130)), 6) * 20


def loop():
    """Tissue that moves with the phase; frames 4 to 6 show a vessel too."""
    still, frames = tissue(), []
    for t, share in enumerate(PHASE):
        frame = ndimage.shift(
            still, (12 * np.sin(2 * np.pi * share), SHIFT * (t > 3)), order=1,
            mode="nearest",
        )  # fmt: skip
        if t > 3:
            frame = frame - 0.2 * (np.abs(np.arange(96) - 48) < 3)[:, None]
        frames.append(frame)
    return Cine.from_array(
        np.clip(frames, 0, 1).astype(np.float32), intensity_relationship="LOG"
    )


class Known:
    """An estimator that knows that tissue has moved by `SHIFT` to the right."""

    def prepare(self, frame):
        return frame

    def flow(self, first, second):
        found = np.zeros((2, *first.shape))
        found[0] = -SHIFT * first.shape[1] / 130
        return found


def edges(stack, t):
    """Return what is left of tissue beside the vessel, away from the borders."""
    frame = np.asarray(stack[t])[12:-12, 12:-12]
    beside = np.abs(np.arange(12, 84) - 48) > 4
    return float(frame[beside].std())


def test_masks_of_the_same_phase_leave_less_tissue_and_warped_ones_least():
    cine = loop()
    chosen = subtract_chosen(cine, [0, 1, 2, 3])
    phase = subtract_phase(cine, PHASE, [0, 1, 2, 3])
    warped = subtract_phase(cine, PHASE, [0, 1, 2, 3], Known())
    left = [edges(stack, 4) for stack in (chosen, phase, warped)]
    assert left[1] < 0.8 * left[0]
    assert left[2] < 0.5 * left[1]
    vessel = np.asarray(warped[4])[48, 20:-20]
    assert vessel.mean() == pytest.approx(-0.2, abs=0.03)
    assert np.abs(np.asarray(warped[2])).max() == 0, "a mask minus itself"


def test_what_cannot_be_a_mask_is_refused():
    cine = loop()
    with pytest.raises(MeasurementError, match="one mask frame or more"):
        subtract_chosen(cine, [])
    with pytest.raises(MeasurementError, match="mask frame 9 is outside"):
        subtract_phase(cine, PHASE, [0, 9])
    with pytest.raises(MeasurementError, match="the phase has 3 frames"):
        subtract_phase(cine, PHASE[:3], [0])
