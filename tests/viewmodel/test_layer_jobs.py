"""Jobs of the window: what comes back through files, and what goes with it."""

import dataclasses
import gc

import numpy as np
import pytest
import torch

from napari_motionseg.errors import MotionError
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    save_model,
)
from napari_motionseg.motion import FlowSequence, FlowSettings, estimate_flow
from napari_motionseg.segmentation import predictor
from napari_motionseg.segmentation import temporal_smoothing as smoothing
from napari_motionseg.viewmodel.layer_jobs import (
    FlowRequest,
    SegmentRequest,
    StoredFlow,
    flow_layer_job,
    reversed_cine,
    segment_layer_job,
)

ILK = FlowSettings(gap=2, method="ilk", backward=True)


def test_flows_are_estimated_one_after_the_other(small_cine, tmp_path):
    tvl1 = FlowSettings(gap=2, method="tvl1")
    told = []
    job = flow_layer_job(small_cine, [FlowRequest(ILK), FlowRequest(tvl1)], tmp_path, 1)
    first, second = (stored.open() for stored in run(job, told.append))
    truth = estimate_flow(small_cine, gap=2, method="ilk", backward=True)
    np.testing.assert_array_equal(first.forward, truth.forward)
    np.testing.assert_array_equal(first.backward, truth.backward)
    assert (second.method, second.backward) == ("tvl1", None)
    assert (told[-1].step, told[-1].total) == (12, 12)
    assert told[0].message.startswith("ilk: ")
    assert all(progress.preview is None for progress in told)


def test_the_way_back_alone_is_the_loop_in_reverse(small_cine, tmp_path):
    truth = estimate_flow(small_cine, gap=2, method="ilk", backward=True)
    request = FlowRequest(ILK, known=True)
    (stored,) = run(flow_layer_job(small_cine, [request], tmp_path, 1))
    assert stored.forward is None
    flow = stored.open(truth)
    assert flow.forward is truth.forward
    np.testing.assert_allclose(flow.backward, truth.backward, atol=1e-5)
    with pytest.raises(MotionError, match="forward flow is missing"):
        stored.open()
    turned = reversed_cine(small_cine)
    np.testing.assert_array_equal(turned.frames[0], small_cine.frames[-1])


def test_stopping_keeps_the_pairs_so_far_and_begins_no_other(small_cine, tmp_path):
    requests = [FlowRequest(ILK), FlowRequest(FlowSettings(gap=2, method="tvl1"))]
    job = flow_layer_job(small_cine, requests, tmp_path, 1)
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    (stored,) = end.value.value
    assert len(stored.open()) == 1
    back = flow_layer_job(small_cine, [FlowRequest(ILK, known=True)], tmp_path, 2)
    next(back)
    with pytest.raises(StopIteration) as end:
        back.send(STOP)
    assert end.value.value == []  # a way back without its beginning is of no use


def test_a_networks_flow_is_kept_and_the_frame_that_is_shown_comes_first(
    small_cine, tmp_path, monkeypatch
):
    monkeypatch.setenv("MOTIONSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)  # one worker: an order
    request = [FlowRequest(FlowSettings(gap=2))]
    job = flow_layer_job(small_cine, request, tmp_path, 1, 3)
    assert next(job).message.startswith("Flow of frame 4")
    assert job.send(0).message.startswith("Flow of frame 1")
    (before,) = run(job)
    told = []
    (again,) = run(flow_layer_job(small_cine, request, tmp_path, 2), told.append)
    assert "was kept from before" in told[0].message
    assert len(told) == 1
    kept, fresh = (stored.open().forward for stored in (again, before))
    np.testing.assert_allclose(kept, fresh, atol=0.02)


def test_files_go_with_the_flow_that_they_hold(tmp_path):
    path = tmp_path / "flow-1-0.npy"
    np.save(path, np.ones((3, 2, 4, 5), np.float32))
    flow = StoredFlow(path, None, 1, "ilk", ()).open()
    frame = flow.forward[1]
    assert path.exists()
    del flow
    gc.collect()
    assert frame.all()  # what is still looked at stays
    del frame
    gc.collect()
    assert not path.exists()


def test_the_way_back_alone_begins_with_the_frame_that_is_shown(small_cine, tmp_path):
    """The job runs on the reversed loop and counts its frames from the other end."""
    one_by_one = FlowSettings(gap=2, method="ilk", backward=True)
    request = [FlowRequest(one_by_one, known=True)]
    job = flow_layer_job(small_cine, request, tmp_path, 1, first=1)
    first = next(job)
    assert first.frames == (1,)
    asked = job.send(5)
    order = [t for p in [asked, *job] for t in p.frames]
    assert sorted(order) == [0, 2, 3, 4, 5]
    # some pairs may have been begun by other threads before 5 was asked for
    assert order.index(5) < order.index(0)


def test_a_frame_that_was_asked_for_is_first_with_the_next_method(small_cine, tmp_path):
    tvl1 = FlowSettings(gap=2, method="tvl1")
    job = flow_layer_job(small_cine, [FlowRequest(ILK), FlowRequest(tvl1)], tmp_path, 1)
    told = [next(job), job.send(4), *job]
    second = [p for p in told if p.message.startswith("tvl1")]
    assert second[0].frames == (4,)
    # a frame is complete when its last flow is there
    assert all(p.frames == () for p in told if p.message.startswith("ilk"))
    assert sorted(t for p in told for t in p.frames) == list(range(6))


@pytest.fixture
def light_model(tmp_path):
    torch.manual_seed(0)
    config = UNetConfig(width=4, depth=1, embedding_dim=4)
    path = tmp_path / "light.safetensors"
    configuration = {**dataclasses.asdict(config), "classes": 2}
    card = ModelCard("segmentation", "SegmentationNet", configuration, {})
    save_model(path, SegmentationNet(config), card)
    return path


@pytest.fixture
def still(small_cine, monkeypatch):
    """Have smoothing meet a loop that does not move, and frames come one by one."""
    monkeypatch.setattr(
        predictor, "usual_workers", lambda: 1
    )  # it depends on free cores
    none = np.zeros((7, 2, *small_cine.shape[1:]), np.float32)
    flow = FlowSequence(none, none, 1, "still")
    monkeypatch.setattr(smoothing, "lazy_flow", lambda *a: flow)


def test_masks_come_frame_by_frame_and_smoothed_ones_once_more(
    small_cine, light_model, still
):
    seen = []
    order = (3, 4, 2, 5, 1, 6, 0, 7)
    request = SegmentRequest(light_model, order, smooth=True)
    done = run(segment_layer_job(small_cine, request), seen.append)
    assert done.all()
    assert [p.preview[0] for p in seen] == list(order) * 2
    plain = {p.preview[0]: p.preview[2].astype(float) for p in seen[:8]}
    smooth = {p.preview[0]: p.preview[2].astype(float) for p in seen[8:]}
    expected = (plain[3] + 0.5 * (plain[2] + plain[4])) / 2
    np.testing.assert_allclose(smooth[3], expected, atol=2e-3)
    assert "smoothing" in seen[-1].message


def test_the_frame_that_is_asked_for_is_segmented_and_smoothed_next(
    small_cine, light_model, still
):
    request = SegmentRequest(light_model, tuple(range(8)), smooth=True)
    job = segment_layer_job(small_cine, request)
    told = [next(job), job.send(6), *(next(job) for _ in range(6))]
    assert [p.frames[0] for p in told] == [0, 6, 7, 5, 4, 3, 2, 1]
    assert [p.next_frame for p in told] == [1, 7, 5, 4, 3, 2, 1, None]
    smoothed = [next(job), job.send(4), *job]
    assert [p.frames[0] for p in smoothed][:4] == [0, 4, 5, 3]


def test_a_run_that_goes_on_smooths_with_what_the_first_has_found(
    small_cine, light_model, still
):
    whole, parts = [], []
    request = SegmentRequest(light_model, tuple(range(8)), smooth=True)
    run(segment_layer_job(small_cine, request), whole.append)
    known = (
        np.zeros(small_cine.shape, np.float16),
        np.ones(small_cine.shape, np.uint8),
        np.arange(8) < 3,
    )
    for progress in whole[:3]:
        t, _, known[0][t], known[1][t] = progress.preview
    rest = dataclasses.replace(request, frames=(3, 4, 5, 6, 7), known=known)
    done = run(segment_layer_job(small_cine, rest), parts.append)
    assert done.all()
    assert [p.frames[0] for p in parts[:5]] == [3, 4, 5, 6, 7]
    smooth = {p.preview[0]: p.preview for p in parts[5:]}
    for progress in whole[8:]:
        again = smooth[progress.preview[0]]
        for one, other in zip(progress.preview[1:], again[1:], strict=True):
            np.testing.assert_array_equal(one, other)
