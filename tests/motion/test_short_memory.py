"""What is done when memory is short: smaller batches, tiles, and a word about it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.jobs import run
from napari_motionseg.models import PWCNet
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.motion import FlowSettings, estimate_flow_job
from napari_motionseg.motion.pwcnet_estimator import NetworkEstimator


class Cramped(PWCNet):
    """Shifts by the mean gray value, if what it is given has few enough pixels."""

    most = 10**9

    def pyramid(self, picture):
        if picture[0, 0].numel() > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return [picture]

    def decode(self, first, second):
        if first[0].numel() > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return first[0].expand(-1, 2, -1, -1)

    def finish(self, flow, size, upsample=True):
        return flow


def cramped(most):
    model = Cramped(1)
    model.most = most
    return NetworkEstimator(model, torch.device("cpu"), torch.float32)


def test_which_errors_are_about_memory():
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("[enforce fail] not enough memory: you"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize("most", [200 * 200, 128 * 128])
def test_a_frame_that_does_not_fit_goes_in_tiles(most):
    frame = np.random.default_rng(0).random((250, 330), np.float32)
    estimator = cramped(most)
    prepared = estimator.prepare(frame)
    assert prepared.features is None
    found = estimator.flow(prepared, prepared)
    np.testing.assert_allclose(found, np.stack((frame, frame)), rtol=1e-5)
    side = {40_000: 192, 16_384: 128}[most]
    assert estimator.remark == (f"memory is short: flow in tiles of {side} x {side} px")


def test_batches_are_halved_before_frames_are_cut():
    frame = np.random.default_rng(0).random((64, 64), np.float32)
    estimator = cramped(2 * 64 * 64)
    estimator.batch = 5
    prepared = estimator.prepare(frame)
    flows = estimator.flows([(prepared, prepared)] * 5)
    assert len(flows) == 5
    for flow in flows:
        np.testing.assert_allclose(flow, np.stack((frame, frame)))
    assert estimator.batch <= 2
    assert estimator.remark == ""


class Met(Cramped):
    """Fails on whole frames only once two threads have met there."""

    def pyramid(self, picture):
        if picture[0, 0].numel() > self.most:
            self.meeting.wait(timeout=30)
        return super().pyramid(picture)


def test_two_workers_that_fail_at_one_size_shrink_it_once():
    """What the first has chosen fits; the second must not shrink it further."""
    frame = np.random.default_rng(0).random((150, 150), np.float32)
    model = Met(1)
    model.most = 128 * 128
    estimator = NetworkEstimator(model, torch.device("cpu"), torch.float32)
    estimator._model.meeting = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        prepared = list(pool.map(estimator.prepare, [frame, frame]))
    assert estimator.remark == "memory is short: flow in tiles of 128 x 128 px"
    found = estimator.flow(*prepared)
    np.testing.assert_allclose(found, np.stack((frame, frame)), rtol=1e-5)


def test_no_memory_at_all_is_an_error_that_says_so():
    estimator = cramped(10)
    frame = np.zeros((256, 256), np.float32)
    with pytest.raises(
        MotionError, match="too short even for the flow of 128 x 128 px"
    ):
        estimator.flow(estimator.prepare(frame), estimator.prepare(frame))


def test_other_errors_are_not_taken_for_short_memory():
    estimator = cramped(10**9)
    prepared = estimator.prepare(np.zeros((64, 64), np.float32))
    prepared.features.clear()
    with pytest.raises(IndexError):
        estimator._decoded([(prepared, prepared)])


def test_progress_says_that_memory_is_short(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 150, 150), dtype=np.uint8)
    target = "napari_motionseg.motion.pwcnet_estimator.load_pwcnet"

    def small(path):
        model = Cramped(1)
        model.most = 128 * 128
        return model

    monkeypatch.setattr(target, small)
    job = estimate_flow_job(Cine.from_array(pixels), FlowSettings(gap=1))
    assert "memory is short: flow in tiles of 128 x 128 px" in next(job).message
    assert any("memory is short" in note for note in run(job).notes)
