"""Estimators on pictures whose motion is known; gaps, directions, refusals."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_motionseg.cine import Cine, FrameStack
from napari_motionseg.errors import (
    CheckpointError,
    MissingDependencyError,
    MotionError,
    SettingsError,
)
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import LayeredPWCNet, ModelCard, PWCNet, save_model
from napari_motionseg.motion import (
    ESTIMATORS,
    FlowSettings,
    choose_gap,
    estimate_flow,
    estimate_flow_job,
    lazy_flow,
    occlusion,
)
from napari_motionseg.motion.pwcnet_estimator import NetworkEstimator

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
    """Each frame is one gray value but for a corner, since nothing moves in a constant
    frame; a made-up estimator tells which two it saw."""
    gray = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 20, 20), np.uint8)
    gray[:, -1, -1] = 255

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


def network(model=None):
    torch.manual_seed(0)
    model = model or PWCNet(1, normalized=True).eval()
    return NetworkEstimator(model, torch.device("cpu"), torch.float32)


def test_a_network_sees_padded_frames_and_crops_its_flow(noise_cine):
    torch.manual_seed(0)
    model = PWCNet(1, normalized=True).eval()
    estimator = network(model)
    first, second = (noise_cine.normalized(t) for t in (0, 1))
    found = estimator.flow(estimator.prepare(first), estimator.prepare(second))
    padded = (np.pad(p, ((0, 56), (0, 48)), mode="edge") for p in (first, second))
    with torch.inference_mode():
        whole = model(*(torch.from_numpy(p)[None, None] for p in padded))
    assert found.shape == (2, 72, 80)
    np.testing.assert_allclose(found, whole[0, :, :72, :80].numpy(), atol=1e-3)


def test_pairs_given_together_have_the_flow_of_each_alone(noise_cine):
    estimator = network()
    frames = [estimator.prepare(noise_cine.normalized(t)) for t in range(3)]
    pairs = [(frames[0], frames[1]), (frames[2], frames[0])]
    for found, pair in zip(estimator.flows(pairs), pairs, strict=True):
        np.testing.assert_allclose(found, estimator.flow(*pair), atol=1e-3)


def test_there_and_back_share_their_work(noise_cine):
    """Both ways of a pair given together are what each is alone, in fewer looks."""
    torch.manual_seed(0)
    model = LayeredPWCNet()
    estimator = NetworkEstimator(model, torch.device("cpu"), torch.float32)
    looks = []
    see = estimator._model.see
    estimator._model.see = lambda *pair: looks.append(1) or see(*pair)
    a, b = (estimator.prepare(noise_cine.normalized(t)) for t in (0, 1))
    alone = [estimator.flow(a, b), estimator.flow(b, a)]
    assert len(looks) == 4
    together = estimator.flows([(a, b), (b, a)])
    assert len(looks) == 6
    for found, wanted in zip(together, alone, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_frame_is_prepared_once_for_all_its_pairs(noise_cine, monkeypatch):
    seen = []
    made = NetworkEstimator.prepare

    def prepare(self, frame):
        seen.append(frame.tobytes())
        return made(self, frame)

    monkeypatch.setattr(NetworkEstimator, "prepare", prepare)
    estimate_flow(noise_cine, gap=2, backward=True)
    assert len(seen) == len(set(seen)) == len(noise_cine)


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
        (
            3,
            {"gap": 0},
            SettingsError,
            "gap must be 'auto' or an integer of at least 1; got 0",
        ),
        (3, {"gap": True}, SettingsError, "gap must be"),
        (3, {"method": "dsi"}, SettingsError, "did you mean 'dis'"),
        (3, {"precision": "half"}, SettingsError, "auto, float32 or bf16; got 'half'"),
    ],
)
def test_what_cannot_be_estimated(frames, options, error, words):
    cine = Cine.from_array(np.zeros((frames, 32, 32), np.uint8))
    with pytest.raises(error, match=words):
        estimate_flow(cine, **options)


def test_weights_that_are_not_there_are_named(moving):
    with pytest.raises(CheckpointError, match=r"gone\.safetensors.*no such"):
        estimate_flow(moving, weights="gone.safetensors")


def test_weights_of_another_architecture_name_the_tensor(moving, tmp_path):
    path = tmp_path / "other.safetensors"
    card = ModelCard("flow", "PWCNet", {"in_channels": 3})
    save_model(path, PWCNet(1), card)
    with pytest.raises(CheckpointError, match=r"tensor 'features\.levels.*shape"):
        estimate_flow(moving, weights=str(path))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"other\.safetensors: is.*damaged"):
        estimate_flow(moving, weights=str(path))


@pytest.mark.parametrize("method", ["ilk", "tvl1", "dis", "farneback", "pwcnet"])
def test_constant_frames_stand_still(method):
    if not available(method):
        pytest.skip("OpenCV is an extra")
    gray = np.array([0, 90, 90, 255], np.uint8)[:, None, None]
    cine = Cine.from_array(gray * np.ones((1, 70, 40), np.uint8))
    sequence = estimate_flow(cine, gap=1, method=method, backward=True)
    assert not sequence.forward.any()
    assert not sequence.backward.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_named(bad):
    pixels = np.random.default_rng(0).random((4, 32, 32), np.float32)
    pixels[2, 5, 6:9] = bad
    cine = Cine(FrameStack.from_array(pixels), name="mine")
    with pytest.raises(MotionError, match=r"mine: frame 2 holds 3 values that are NaN"):
        estimate_flow(cine, gap=1, method="ilk")


@pytest.mark.parametrize("size", [(16, 16), (63, 40), (64, 64), (65, 127)])
def test_any_size_has_a_flow_of_its_size(size):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *size), dtype=np.uint8)
    sequence = estimate_flow(Cine.from_array(pixels), gap=1)
    assert sequence.forward.shape == (1, 2, *size)
    assert np.isfinite(sequence.forward).all()


def steps(job):
    """The frames whose flow came, in order; the result."""
    frames, result = [], None
    while result is None:
        try:
            progress = next(job)
        except StopIteration as end:
            result = end.value
        else:
            frames.append(progress.preview[0])
    return frames, result


def test_the_frame_that_is_looked_at_comes_first(noise_cine):
    settings = FlowSettings(method="ilk", gap=1)
    frames, sequence = steps(estimate_flow_job(noise_cine, settings, first=4))
    assert frames == [4, 5, 3, 6, 2, 1, 0]
    expected = estimate_flow(noise_cine, gap=1, method="ilk")
    np.testing.assert_array_equal(sequence.forward, expected.forward)
    job = estimate_flow_job(noise_cine, settings)
    seen = [next(job).preview[0], job.send(5).preview[0], next(job).preview[0]]
    assert seen == [0, 5, 6]
    job.close()


def test_a_stop_leaves_no_silent_hole(noise_cine):
    job = estimate_flow_job(noise_cine, FlowSettings(method="ilk", gap=1), first=3)
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    sequence = end.value.value
    assert len(sequence) == 4
    assert not sequence.forward[:3].any()
    assert sequence.forward[3].any()
    assert "flow of 3 frames is missing, zero" in sequence.notes[-1]


def test_flow_is_estimated_when_it_is_asked_for(noise_cine):
    settings = FlowSettings(method="ilk", gap=2, backward=True)
    whole = run(estimate_flow_job(noise_cine, settings))
    lazy = lazy_flow(noise_cine, settings)
    assert lazy.forward.shape == whole.forward.shape
    assert len(lazy) == 6
    np.testing.assert_array_equal(lazy.forward[-1], whole.forward[5])
    np.testing.assert_array_equal(lazy.forward[1, 0, 4:6], whole.forward[1, 0, 4:6])
    np.testing.assert_array_equal(lazy.backward[1:4:2], whole.backward[1:4:2])
    np.testing.assert_array_equal(np.asarray(lazy.backward), whole.backward)
    assert lazy.forward[9:].shape == (0, 2, 72, 80)
    assert lazy.full_color_px == whole.full_color_px
    with pytest.raises(IndexError):
        lazy.forward[6]


def test_occlusion_needs_the_flow_back(noise_cine):
    sequence = estimate_flow(noise_cine, gap=1, method="ilk", backward=True)
    there, back = (
        torch.from_numpy(flow[2])[None]
        for flow in (sequence.forward, sequence.backward)
    )
    np.testing.assert_array_equal(
        sequence.occlusion(2, 1.0), occlusion(there, back, 1.0)[0].numpy()
    )
    alone = estimate_flow(noise_cine, gap=1, method="ilk")
    with pytest.raises(MotionError, match="backward=True"):
        alone.occlusion(2)


def test_frames_too_small_for_motion():
    cine = Cine.from_array(np.zeros((3, 15, 40), np.uint8))
    with pytest.raises(MotionError, match="15 x 40 px are too small"):
        estimate_flow(cine, method="ilk")


def test_a_missing_library_names_its_extra(moving, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingDependencyError, match=r"napari-motionseg\[opencv\]"):
        estimate_flow(moving, method="dis")


def test_one_couple_of_many_that_is_not_there_and_back(noise_cine):
    """Pairs 2 and 3 are no couple and share nothing, though pairs 0 and 1 do."""
    estimator = network()
    a, b, c = (estimator.prepare(noise_cine.normalized(t)) for t in range(3))
    pairs = [(a, b), (b, a), (b, c), (a, c)]
    for together, pair in zip(estimator.flows(pairs), pairs, strict=True):
        np.testing.assert_allclose(together, estimator.flow(*pair), atol=1e-3)


def test_the_network_that_is_given_stays_as_it_was():
    model = PWCNet(1, normalized=True).train()
    before = {name: value.stride() for name, value in model.state_dict().items()}
    network(model)
    assert model.training
    after = {name: value.stride() for name, value in model.state_dict().items()}
    assert after == before


def test_a_frame_whose_preparation_failed_is_prepared_again(noise_cine, monkeypatch):
    made, failing = NetworkEstimator.prepare, [True]

    def prepare(self, frame):
        if failing.pop() if failing else False:
            raise OSError("for once")
        return made(self, frame)

    monkeypatch.setattr(NetworkEstimator, "prepare", prepare)
    flow = lazy_flow(noise_cine, FlowSettings(gap=1))
    with pytest.raises(OSError, match="for once"):
        flow.forward[0]
    assert np.isfinite(flow.forward[0]).all()
