"""Estimators on pictures whose motion is known; gaps, directions, refusals."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MissingDependencyError, MotionError, SettingsError
from napari_motionseg.jobs import STOP
from napari_motionseg.models import PWCNet
from napari_motionseg.motion import (
    ESTIMATORS,
    FlowSettings,
    choose_gap,
    estimate_flow,
    estimate_flow_job,
)
from napari_motionseg.motion.network import NetworkEstimator

STEP = np.array([2.0, -1.0])  # px a frame, x and y


@pytest.fixture(scope="module")
def moving():
    """Smooth noise that moves by STEP from frame to frame, 15 frames a second."""
    generator = np.random.default_rng(0)
    noise = gaussian_filter(generator.normal(size=(120, 130)), 3)
    noise = (noise - noise.min()) / np.ptp(noise)
    x, y = STEP.astype(int)
    frames = [
        noise[20 - t * y : 20 - t * y + 60, 20 - t * x : 20 - t * x + 70]
        for t in range(5)
    ]
    return Cine.from_array(np.stack(frames), frame_times=np.arange(5) * 1000 / 15)


def available(method):
    try:
        ESTIMATORS.load(method)(FlowSettings(method=method))
    except (MissingDependencyError, ImportError):
        return False
    return True


@pytest.mark.parametrize("method", ["tvl1", "ilk", "dis", "farneback"])
@pytest.mark.parametrize("gap", [1, 2])
def test_classical_methods_find_a_shift(moving, method, gap):
    if not available(method):
        pytest.skip("OpenCV is an extra")
    sequence = estimate_flow(moving, gap=gap, method=method, backward=True)
    assert sequence.forward.shape == (5 - gap, 2, 60, 70)
    assert sequence.forward.dtype == np.float32
    inner = (slice(None), slice(None), slice(15, -15), slice(15, -15))
    for flow, sign in ((sequence.forward, 1), (sequence.backward, -1)):
        found = np.median(flow[inner], axis=(0, 2, 3))
        np.testing.assert_allclose(found, sign * gap * STEP, atol=0.35 * gap)


def test_entry_t_of_backward_leads_from_t_plus_gap_to_t(moving, monkeypatch):
    """Each frame is one gray value; a made-up estimator tells which two it saw."""
    gray = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 20, 20), np.uint8)

    class Tells:
        def prepare(self, frame):
            return float(frame[0, 0]) * 255

        def flow(self, first, second):
            return np.full((2, 20, 20), 10 * first + second, np.float32)

    monkeypatch.setattr(type(ESTIMATORS), "load", lambda *_: lambda settings: Tells())
    sequence = estimate_flow(Cine.from_array(gray), gap=2, backward=True)
    assert sequence.gap == 2
    np.testing.assert_allclose(sequence.forward[:, 0, 0, 0], [2, 13, 24, 35])
    np.testing.assert_allclose(sequence.backward[:, 0, 0, 0], [20, 31, 42, 53])


@pytest.mark.parametrize(
    ("rate", "frames", "gap"), [(30, 40, 4), (15, 40, 2), (7.5, 40, 1), (30, 3, 2)]
)
def test_the_gap_is_chosen_by_time(rate, frames, gap):
    cine = Cine.from_array(
        np.zeros((frames, 20, 20), np.uint8), frame_times=np.arange(frames) * 1e3 / rate
    )
    assert choose_gap(cine) == gap


def test_without_times_the_gap_is_one_and_said(noise_cine):
    cine = Cine.from_array(noise_cine.frames[:])
    sequence = estimate_flow(cine, method="ilk")
    assert sequence.gap == 1
    assert any("unknown" in note or "no frame times" in note for note in sequence.notes)


def test_a_network_runs_on_any_size_and_shares_pyramids(noise_cine):
    torch.manual_seed(0)
    model = PWCNet(1, normalized=True).eval()
    estimator = NetworkEstimator(model, torch.device("cpu"), torch.float32)
    first, second = (noise_cine.normalized(t) for t in (0, 1))
    found = estimator.flow(estimator.prepare(first), estimator.prepare(second))
    with torch.inference_mode():
        pictures = (torch.from_numpy(p)[None, None] for p in (first, second))
        expected = model(*pictures)[0].numpy()
    assert found.shape == (2, 72, 80)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_stop_keeps_the_pairs_so_far(moving):
    job = estimate_flow_job(moving, FlowSettings(method="ilk", gap=1))
    progress = next(job)
    assert (progress.step, progress.total) == (1, 4)
    t, flow = progress.preview
    assert (t, flow.shape) == (0, (2, 60, 70))
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert len(end.value.value) == 1


@pytest.mark.parametrize(
    ("frames", "options", "error", "words"),
    [
        (1, {}, MotionError, "two"),
        (3, {"gap": 3}, MotionError, "gap"),
        (3, {"gap": 0}, SettingsError, "gap must be 'auto' or an integer >= 1: 0"),
        (3, {"gap": True}, SettingsError, "gap must be"),
        (3, {"method": "dsi"}, SettingsError, "did you mean 'dis'"),
        (3, {"weights": "gone.safetensors"}, Exception, "gone.safetensors"),
    ],
)
def test_what_cannot_be_estimated(frames, options, error, words):
    cine = Cine.from_array(np.zeros((frames, 32, 32), np.uint8))
    with pytest.raises(error, match=words):
        estimate_flow(cine, **options)


def test_frames_too_small_for_motion():
    cine = Cine.from_array(np.zeros((3, 15, 40), np.uint8))
    with pytest.raises(MotionError, match="15 x 40 px are too small"):
        estimate_flow(cine, method="ilk")


def test_a_missing_library_names_its_extra(moving, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingDependencyError, match=r"napari-motionseg\[opencv\]"):
        estimate_flow(moving, method="dis")
