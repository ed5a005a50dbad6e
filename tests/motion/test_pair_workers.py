"""Pairs side by side: the same results, nothing left behind."""

import threading
import time

import numpy as np
import pytest
import torch

from napari_motionseg.motion import FlowSettings, estimate_flow_job
from napari_motionseg.motion.pair_order import Outward
from napari_motionseg.motion.pair_workers import work_through
from napari_motionseg.motion.pwcnet_estimator import NetworkEstimator


def flow_threads():
    return [t for t in threading.enumerate() if t.name.startswith("flow")]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_item_is_worked_through_once(workers):
    items = iter(range(20))
    found = dict(work_through(lambda: next(items, None), lambda x: x * x, workers))
    assert found == {x: x * x for x in range(20)}
    assert not flow_threads()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_in_order_whichever_is_ready_first(workers):
    items = iter(range(12))

    def slow_at_first(item):
        time.sleep(0.02 if item % 4 == 0 else 0)
        return item

    found = work_through(
        lambda: next(items, None), slow_at_first, workers, in_order=True
    )
    assert [item for item, _ in found] == list(range(12))


def test_workers_use_one_core_each_and_leave_torch_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        items = iter(range(6))
        found = work_through(
            lambda: next(items, None), lambda _: torch.get_num_threads(), 2
        )
        assert {threads for _, threads in found} == {1}
        assert torch.get_num_threads() == 3
        later = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [3]
    finally:
        torch.set_num_threads(before)


def test_a_caller_that_has_never_asked_for_its_threads_keeps_them():
    """It would take over a worker's one, and round otherwise from then on."""
    before, found = torch.get_num_threads(), []

    def caller():
        torch.set_num_threads(3)  # which is no question
        items = iter(range(4))
        for _ in work_through(lambda: next(items, None), lambda x: x, 2):
            pass
        found.append(torch.get_num_threads())

    try:
        thread = threading.Thread(target=caller)
        thread.start()
        thread.join()
        assert found == [3]
    finally:
        torch.set_num_threads(before)


def test_items_are_taken_as_late_as_possible():
    taken = []

    def take():
        taken.append(len(taken))
        return taken[-1]

    found = work_through(take, lambda x: x, 2)
    for _ in range(4):
        next(found)
    assert len(taken) <= 4 + 3
    found.close()
    assert not flow_threads()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_out_and_ends_the_threads(workers):
    def fails(item):
        if item == 3:
            raise ValueError("three")
        time.sleep(0.01)
        return item

    items = iter(range(50))
    with pytest.raises(ValueError, match="three"):
        list(work_through(lambda: next(items, None), fails, workers))
    assert not flow_threads()


def test_outward_from_the_wanted_frame():
    order = Outward(range(7), wanted=2)
    assert [order.take() for _ in range(3)] == [2, 3, 1]
    order.wanted = 6
    assert [order.take() for _ in range(5)] == [6, 5, 4, 0, None]


def flow_of(cine, **settings):
    job = estimate_flow_job(cine, FlowSettings(gap=1, backward=True, **settings))
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def test_flow_does_not_depend_on_the_number_of_workers(noise_cine, monkeypatch):
    name = "napari_motionseg.motion.pwcnet_estimator.usual_workers"
    flows = []
    for workers in (1, 3):
        monkeypatch.setattr(name, lambda count=workers: count)
        flows.append(flow_of(noise_cine))
    np.testing.assert_allclose(flows[0].forward, flows[1].forward, atol=1e-3)
    np.testing.assert_allclose(flows[0].backward, flows[1].backward, atol=1e-3)


def test_a_cancelled_job_leaves_no_thread(noise_cine, monkeypatch):
    name = "napari_motionseg.motion.pwcnet_estimator.usual_workers"
    monkeypatch.setattr(name, lambda: 2)
    job = estimate_flow_job(noise_cine, FlowSettings(gap=1))
    next(job)
    assert flow_threads()
    job.close()
    assert not flow_threads()


def test_a_frame_two_threads_want_is_prepared_once(noise_cine, monkeypatch):
    name = "napari_motionseg.motion.pwcnet_estimator.usual_workers"
    monkeypatch.setattr(name, lambda: 4)
    seen, made = [], NetworkEstimator.prepare

    def prepare(self, frame):
        seen.append(frame.tobytes())
        return made(self, frame)

    monkeypatch.setattr(NetworkEstimator, "prepare", prepare)
    flow_of(noise_cine)
    assert len(seen) == len(set(seen)) == len(noise_cine)
