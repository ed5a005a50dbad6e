"""Flow kept on disk: found again, never trusted blindly, never in the way."""

import dataclasses
import errno
import os
import shutil
import time

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.jobs import run
from napari_motionseg.motion import (
    ESTIMATORS,
    FlowCache,
    FlowSettings,
    estimate_flow,
    estimate_flow_job,
    lazy_flow,
)
from napari_motionseg.motion import cache as module

SHAPE = (3, 8, 10)
RECIPE = {"pixels": "abc", "gap": 1}


@pytest.fixture
def cache(tmp_path):
    return FlowCache(tmp_path / "flow")


@pytest.fixture
def flows():
    return np.random.default_rng(0).normal(0, 5, (3, 2, 8, 10)).astype(np.float32)


@pytest.fixture
def counted(monkeypatch):
    """How often an estimator was asked for a flow."""
    calls = []

    class Counts:
        def prepare(self, frame):
            return frame

        def flow(self, first, second):
            calls.append(1)
            return np.stack((first + second, first - 2 * second))

    monkeypatch.setattr(type(ESTIMATORS), "load", lambda *_: lambda settings: Counts())
    return calls


def filled(cache, flows):
    entry = cache.entry(RECIPE, SHAPE)
    for t, flow in enumerate(flows):
        entry.write("forward", t, flow)
    return entry


def test_what_is_written_is_read_in_half_precision(cache, flows):
    entry = filled(cache, flows)
    again = cache.entry(RECIPE, SHAPE)
    for t, flow in enumerate(flows):
        expected = flow.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(again.read("forward", t), expected)
        assert again.holds("forward", t)
        assert again.read("backward", t) is None
    assert not entry.trouble
    other = cache.entry({**RECIPE, "gap": 2}, SHAPE)
    assert other.read("forward", 0) is None


def test_reopening_a_loop_estimates_nothing(cache, counted, noise_cine):
    settings = FlowSettings(method="ilk", gap=1, backward=True)
    first = run(estimate_flow_job(noise_cine, settings, cache))
    assert len(counted) == 14
    job = estimate_flow_job(noise_cine, settings, cache)
    progress = next(job)
    assert progress.message == "Flow of 7 of 7 pairs was kept from before"
    with pytest.raises(StopIteration) as end:
        next(job)
    again = end.value.value
    assert len(counted) == 14
    np.testing.assert_array_equal(again.forward, first.forward)
    np.testing.assert_array_equal(again.backward, first.backward)
    np.testing.assert_array_equal(
        lazy_flow(noise_cine, settings, cache).forward[3], first.forward[3]
    )
    assert len(counted) == 14


def test_only_what_is_new_is_estimated(cache, counted, noise_cine):
    estimate_flow(noise_cine, 1, "ilk", cache=cache)
    assert len(counted) == 7
    estimate_flow(noise_cine, 1, "ilk", backward=True, cache=cache)
    assert len(counted) == 14
    estimate_flow(noise_cine, 2, "ilk", cache=cache)
    assert len(counted) == 20
    brighter = Cine.from_array(noise_cine.frames[:], bits_stored=9)
    estimate_flow(brighter, 1, "ilk", cache=cache)
    assert len(counted) == 27


def test_other_weights_or_precision_are_other_flows(cache, noise_cine, monkeypatch):
    from napari_motionseg.motion import network

    # said, not "auto": that is bf16 on a processor that computes in it
    exact = FlowSettings(precision="float32")
    names = {network.identity(exact)}
    names.add(network.identity(FlowSettings(precision="bf16")))
    other = network.shipped_weights("pwcnet-xa").read_bytes() + b"x"
    path = cache.folder.parent / "own.safetensors"
    path.write_bytes(other)
    own = dataclasses.replace(exact, weights=str(path))
    names.add(network.identity(own))
    assert len(names) == 3
    assert network.identity(dataclasses.replace(exact, device="cpu")) in names


def damages(folder):
    chunks = [p for p in (folder / "forward.zarr").rglob("*") if p.is_file()]
    chunks = [p for p in chunks if p.stat().st_size > 100 and "json" not in p.name]
    journal = folder / "journal.txt"
    lines = journal.read_text().splitlines(keepends=True)
    return {
        "a chunk cut short": lambda: chunks[0].write_bytes(
            chunks[0].read_bytes()[: chunks[0].stat().st_size // 2]
        ),
        "a chunk gone": lambda: chunks[0].unlink(),
        "a chunk of another flow": lambda: shutil.copy(chunks[1], chunks[0]),
        "no array": lambda: shutil.rmtree(folder / "forward.zarr"),
        "a journal cut short": lambda: journal.write_text("".join(lines)[:-9]),
        "a journal of nonsense": lambda: journal.write_bytes(b"\xff\x00" * 99),
        "no journal": journal.unlink,
        "another version": lambda: journal.write_text(
            "".join([lines[0].replace('"format": 1', '"format": 0'), *lines[1:]])
        ),
    }


@pytest.mark.parametrize("damage", range(8))
def test_what_is_damaged_is_estimated_anew(cache, counted, noise_cine, damage):
    expected = estimate_flow(noise_cine, 1, "ilk", cache=cache)
    (folder,) = cache.folder.iterdir()
    list(damages(folder).values())[damage]()
    counted.clear()
    found = estimate_flow(noise_cine, 1, "ilk", cache=cache)
    np.testing.assert_array_equal(found.forward, expected.forward)
    assert counted
    counted.clear()
    again = estimate_flow(noise_cine, 1, "ilk", cache=cache)
    np.testing.assert_array_equal(again.forward, expected.forward)
    assert not counted


def test_it_may_be_deleted_while_it_is_used(cache, flows):
    entry = filled(cache, flows)
    cache.clear()
    assert entry.read("forward", 0) is None
    entry.write("forward", 0, flows[0])
    assert cache.entry(RECIPE, SHAPE).read("forward", 0) is not None


def test_without_space_it_goes_on_and_says_so(cache, counted, noise_cine, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.FlowEntry, "_note", full)
    job = estimate_flow_job(noise_cine, FlowSettings(method="ilk", gap=1), cache)
    assert "flow is not kept for next time" in next(job).message
    sequence = run(job)
    assert len(sequence) == 7
    assert "No space left on device" in sequence.notes[-1]


def test_a_folder_that_cannot_be_made(tmp_path, counted, noise_cine):
    (tmp_path / "file").write_text("no folder")
    sequence = estimate_flow(noise_cine, 1, "ilk", cache=FlowCache(tmp_path / "file"))
    assert len(sequence) == 7
    assert "not kept for next time" in sequence.notes[-1]


def test_the_longest_unused_makes_room(tmp_path, flows):
    size = 2 * 2 * flows.size
    cache = FlowCache(tmp_path, capacity=int(4.5 * size))
    entries = []
    for number in range(4):
        entry = cache.entry({"number": number}, SHAPE)
        for t, flow in enumerate(flows):
            entry.write("forward", t, flow)
        old = time.time() - 1000 + number
        os.utime(entry.folder / "journal.txt", (old, old))
        entries.append(entry)
    cache.entry({"number": 0}, SHAPE)  # used again, so 1 is now the oldest
    cache.entry({"number": 9}, SHAPE)
    assert not entries[1].folder.exists()
    assert entries[0].folder.exists()
    assert sum(entry.folder.exists() for entry in entries) < 4


def test_what_another_program_may_be_using_stays(tmp_path, flows):
    cache = FlowCache(tmp_path, capacity=5 * flows.size)
    entry = cache.entry(RECIPE, SHAPE)
    entry.write("forward", 0, flows[0])
    cache.entry({"other": 1}, SHAPE)
    assert entry.folder.exists()


def test_a_loop_larger_than_the_cache_is_not_kept(tmp_path, counted, noise_cine):
    cache = FlowCache(tmp_path, capacity=1000)
    assert cache.entry(RECIPE, SHAPE) is None
    sequence = estimate_flow(noise_cine, 1, "ilk", cache=cache)
    assert "larger than the cache, 0.0 GiB" in sequence.notes[-1]


def test_flow_that_half_precision_cannot_hold_is_not_kept(cache, flows):
    entry = cache.entry(RECIPE, SHAPE)
    for bad in (np.nan, np.inf, 70_000):
        flows[0, 0, 0, 0] = bad
        entry.write("forward", 0, flows[0])
        assert not entry.holds("forward", 0)


def test_where_the_users_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("MOTIONSEG_CACHE", "off")
    assert FlowCache.default() is None
    monkeypatch.setenv("MOTIONSEG_CACHE", str(tmp_path))
    assert FlowCache.default().folder == tmp_path / "flow"
    monkeypatch.delenv("MOTIONSEG_CACHE")
    found = FlowCache.default()
    assert "napari-motionseg" in str(found.folder)
    assert found.capacity == 4 * 2**30
