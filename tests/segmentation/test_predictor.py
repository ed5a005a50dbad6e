"""Frames in parallel, and less memory: the same probabilities."""

import importlib
import threading

import numpy as np
import pytest
import torch

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import run
from napari_motionseg.jobs.frame_queue import FrameQueue
from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.models.acceleration import TiledConvolution
from napari_motionseg.models.folded_unet import FoldedNet
from napari_motionseg.segmentation.predict import segment, segment_job
from napari_motionseg.segmentation.predictor import Predictor

predictor_module = importlib.import_module("napari_motionseg.segmentation.predictor")
TINY = UNetConfig(width=4, depth=2, embedding_dim=8)
CPU = torch.device("cpu")


def network(classes=2):
    torch.manual_seed(0)
    return SegmentationNet(TINY, classes)


class Hungry(SegmentationNet):
    """Refuses more pixels at once than it was told."""

    limit = 0

    def probabilities(self, x):
        if x.numel() > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return super().probabilities(x)


def test_memory_runs_out_batch_then_tiles(noise_cine):
    model = Hungry(TINY, 2)
    model.limit = 2 * 72 * 80
    messages = []
    job = segment_job(noise_cine, model, device="cpu", batch=4)
    result = run(job, lambda p: messages.append(p.message))
    assert messages[0] == "out of memory: 2 frames at once"
    assert result.done.all()


def test_tiles_agree_with_the_whole():
    torch.manual_seed(0)
    model = Hungry(TINY, 2)
    image = torch.rand(1, 1, 300, 290)
    model.limit = image.numel()
    whole = Predictor(model, CPU, 1).probabilities(image)
    model.limit = 256 * 256
    predictor = Predictor(model, CPU, 1)
    tiled = predictor.probabilities(image)
    assert predictor.notes == ["out of memory: tiles of 192 pixels"]
    assert tiled.shape == whole.shape
    assert (tiled - whole).abs().mean() < 0.01
    model.limit = 0
    with pytest.raises(MotionSegError, match="even with tiles of 128 pixels"):
        predictor.probabilities(image)


def test_a_folded_network_gives_way_to_tiles_of_a_large_frame(monkeypatch):
    whole = network(3).eval()
    image = torch.rand(1, 1, 200, 150)
    wanted = Predictor(whole, CPU, 1).probabilities(image)
    compute = FoldedNet.probabilities

    def hungry(self, frame):
        if frame.numel() > 128 * 128:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(self, frame)

    monkeypatch.setattr(FoldedNet, "probabilities", hungry)
    predictor = Predictor(whole, CPU, 1)
    found = predictor.probabilities(image)
    assert predictor.tile == 128
    assert (found - wanted).abs().median() < 0.01
    torch.testing.assert_close(found.sum(dim=1), torch.ones(1, 200, 150))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_frames_in_parallel_are_those_one_by_one(noise_cine, monkeypatch, workers):
    monkeypatch.setattr(predictor_module, "usual_workers", lambda: workers)
    job = segment_job(noise_cine, network(3), frames=[5, 4, 6, 3, 0], device="cpu")
    order = []
    found = run(job, lambda p: order.extend(p.frames))
    assert order == [5, 4, 6, 3, 0]
    one = segment(noise_cine, network(3), device="cpu", frames=[5])
    np.testing.assert_allclose(
        found.probabilities[5].astype(float), one.probabilities[5], atol=0.02
    )


def test_frames_that_do_not_fit_beside_each_other_are_computed_alone(
    noise_cine, monkeypatch
):
    running = []

    def probabilities(self, x):
        running.append(threading.get_ident())
        if len(running) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return SegmentationNet.probabilities(self, x)

    monkeypatch.setattr(predictor_module, "usual_workers", lambda: 2)
    monkeypatch.setattr(Hungry, "probabilities", probabilities)
    predictor = Predictor(Hungry(TINY, 2), CPU, 1)
    found = predictor.predict_all(noise_cine, FrameQueue(range(len(noise_cine))))
    assert [t for t, known in found if known is not None] == list(range(8))
    assert predictor.workers == 1
    assert predictor.notes == ["out of memory: 1 frames at once"]
    here = threading.get_ident()
    assert {here} < set(running)
    assert running[-1] == here


def test_the_threads_of_a_loop_are_the_same_from_its_first_frame_to_its_last(
    noise_cine, monkeypatch
):
    """Memory that a thread keeps for its convolutions is lost with it."""
    seen = set()

    def probabilities(self, x):
        seen.add(threading.get_ident())
        return SegmentationNet.probabilities(self, x)

    monkeypatch.setattr(predictor_module, "usual_workers", lambda: 2)
    monkeypatch.setattr(Hungry, "probabilities", probabilities)
    predictor = Predictor(Hungry(TINY, 2), CPU, 1)
    list(predictor.predict_all(noise_cine, FrameQueue(range(len(noise_cine)))))
    assert len(seen) <= 2


def test_a_cancelled_job_leaves_no_thread(noise_cine, monkeypatch):
    monkeypatch.setattr(predictor_module, "usual_workers", lambda: 2)
    job = segment_job(noise_cine, network(3), device="cpu")
    next(job)
    job.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("flow")]


@pytest.mark.parametrize("precision", ["off", ""])
def test_wide_convolutions_are_tiled_in_float32_alone(monkeypatch, precision):
    monkeypatch.setenv("MOTIONSEG_BF16", precision)
    monkeypatch.setattr("napari_motionseg.models.precision.has_bf16", lambda _: True)
    torch.manual_seed(0)
    model = SegmentationNet(UNetConfig(width=16, depth=2, embedding_dim=8), 2).eval()
    predictor = Predictor(model, CPU, 1)
    kinds = {type(module) for module in predictor._model.modules()}
    assert (TiledConvolution in kinds) == (precision == "off")
    image = torch.rand(1, 1, 96, 80)
    with torch.inference_mode():
        wanted = model.probabilities(image)
    close = 1e-4 if precision == "off" else 0.05
    torch.testing.assert_close(
        predictor.probabilities(image), wanted, atol=close, rtol=0
    )
