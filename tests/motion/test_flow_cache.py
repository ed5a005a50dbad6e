"""Flow kept on disk: found again, never trusted blindly, never in the way."""

import dataclasses
import errno
import json
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
from napari_motionseg.motion import flow_cache as module

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
    from napari_motionseg.motion import pwcnet_estimator as network

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
    pairs = sorted((folder / "forward").iterdir())
    journal = folder / "journal.txt"
    lines = journal.read_text().splitlines(keepends=True)
    old_head = lines[0].replace(f'"format": {module.FORMAT}', '"format": 1')
    content = pairs[0].read_bytes()
    return {
        "a pair cut short": lambda: pairs[0].write_bytes(content[: len(content) // 2]),
        "a pair too long": lambda: pairs[0].write_bytes(2 * content),
        "a pair gone": lambda: pairs[0].unlink(),
        "a pair of another flow": lambda: shutil.copy(pairs[1], pairs[0]),
        "no pairs": lambda: shutil.rmtree(folder / "forward"),
        "a journal cut short": lambda: journal.write_text("".join(lines)[:-9]),
        "a journal of nonsense": lambda: journal.write_bytes(b"\xff\x00" * 99),
        "a journal of deep JSON": lambda: journal.write_text(10**5 * "["),
        "no journal": journal.unlink,
        "another version": lambda: journal.write_text("".join([old_head, *lines[1:]])),
        "a journal that is a link": lambda: replaced_by_link(journal, "/dev/zero"),
        "a journal that is a FIFO": lambda: replaced_by_fifo(journal),
        "a pair that is a link": lambda: replaced_by_link(pairs[0], "/dev/zero"),
        "a pair that is a FIFO": lambda: replaced_by_fifo(pairs[0]),
        "a pair that is a folder": lambda: (pairs[0].unlink(), pairs[0].mkdir()),
        "pairs behind a link": lambda: moved_behind_link(folder / "forward"),
        "an entry behind a link": lambda: moved_behind_link(folder),
    }


def replaced_by_link(path, target):
    path.unlink()
    path.symlink_to(target)


def replaced_by_fifo(path):
    path.unlink()
    os.mkfifo(path)


def moved_behind_link(folder):
    elsewhere = folder.parent.parent / f"moved-{folder.name}"
    shutil.move(folder, elsewhere)
    folder.symlink_to(elsewhere)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("damage", range(17))
def test_what_is_damaged_is_estimated_anew(cache, counted, noise_cine, damage):
    expected = estimate_flow(noise_cine, 1, "ilk", cache=cache)
    (folder,) = (path for path in cache.folder.iterdir() if path.is_dir())
    list(damages(folder).values())[damage]()
    counted.clear()
    found = estimate_flow(noise_cine, 1, "ilk", cache=cache)
    np.testing.assert_array_equal(found.forward, expected.forward)
    assert counted
    counted.clear()
    again = estimate_flow(noise_cine, 1, "ilk", cache=cache)
    np.testing.assert_array_equal(again.forward, expected.forward)


def test_what_replaces_a_damaged_entry_is_found_again(cache, counted, noise_cine):
    """Whatever stands at the entry's name: there is another name for it."""
    estimate_flow(noise_cine, 1, "ilk", cache=cache)
    (folder,) = (path for path in cache.folder.iterdir() if path.is_dir())
    for name in ("a journal of nonsense", "another version", "an entry behind a link"):
        damages(folder)[name]()
        before = set(cache.folder.iterdir())
        estimate_flow(noise_cine, 1, "ilk", cache=cache)
        new = [p for p in set(cache.folder.iterdir()) - before if p.is_dir()]
        folder = new[0] if new else folder
        counted.clear()
        estimate_flow(noise_cine, 1, "ilk", cache=cache)
        assert not counted, name


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
    cache = FlowCache(tmp_path, capacity=int(3.2 * size))
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
    assert FlowCache.default().folder == tmp_path / "motionseg-cache" / "flow"
    monkeypatch.delenv("MOTIONSEG_CACHE")
    found = FlowCache.default()
    assert "napari-motionseg" in str(found.folder)
    assert found.capacity == 4 * 2**30


def foreign_files(folder):
    """Put files of somebody else into a cache's folder; return content by path."""
    ours = "0123456789abcdef" * 2  # as an entry is called
    texts = {
        "thesis/chapter.txt": "text",
        ".git/config": "[core]",
        "journal.txt": "a diary",
        f"{ours}/journal.txt": "a diary",
        f"{ours[::-1]}/journal.txt": '{"format": 1}',
        f"{'f' * 32}/photo.jpg": "a picture",
        f"{'e' * 32}": "a file of that name",
        "CACHEDIR.TAG": "of another program",
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1, 1))
    (folder / ("d" * 32)).symlink_to(folder / "thesis")
    return {folder / name: text for name, text in texts.items()}


def is_untouched(planted):
    assert {path: path.read_text() for path in planted} == planted
    assert next(iter(planted)).parent.parent.joinpath("d" * 32).is_symlink()


def test_folders_of_others_are_neither_evicted_nor_cleared(tmp_path, flows):
    planted = foreign_files(tmp_path)
    cache = FlowCache(tmp_path, capacity=int(4.5 * flows.size))
    for number in range(4):
        entry = cache.entry({"number": number}, SHAPE)
        for t, flow in enumerate(flows):
            entry.write("forward", t, flow)
        assert not entry.trouble
        old = time.time() - 1000 + number
        os.utime(entry.folder / "journal.txt", (old, old))
    is_untouched(planted)
    cache.clear()
    is_untouched(planted)
    assert len(list(tmp_path.iterdir())) == len({p.relative_to(tmp_path).parts[0]
                                                 for p in planted}) + 1  # fmt: skip


def test_files_of_others_inside_an_entry_stay(cache, flows):
    entry = filled(cache, flows)
    planted = [entry.folder / "notes.txt", entry.folder / "forward" / "notes.txt"]
    for path in planted:
        path.write_text("notes")
    (entry.folder / "forward" / "link").symlink_to(cache.folder.parent)
    cache.clear()
    left = {p for p in cache.folder.rglob("*") if not p.is_dir() or p.is_symlink()}
    assert left == {*planted, entry.folder / "forward" / "link",
                    cache.folder / "CACHEDIR.TAG"}  # fmt: skip
    again = filled(cache, flows)
    assert not again.trouble
    assert [path.read_text() for path in planted] == ["notes", "notes"]


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_what_stands_at_an_entrys_place_stays(cache, flows, what):
    place = cache.entry(RECIPE, SHAPE).folder
    place.parent.mkdir(parents=True)
    if what == "folder":
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    elif what == "file":
        place.write_text("mine")
    else:
        (cache.folder.parent / "mine").mkdir()
        place.symlink_to(cache.folder.parent / "mine")
    entry = filled(cache, flows)
    assert not entry.trouble
    assert cache.entry(RECIPE, SHAPE).read("forward", 0) is not None
    if what == "link":
        assert list((cache.folder.parent / "mine").iterdir()) == []
    else:
        kept = place / "mine.txt" if what == "folder" else place
        assert kept.read_text() == "mine"


def test_what_came_to_an_entrys_place_since_it_was_asked_for_stays(cache, flows):
    entry = cache.entry(RECIPE, SHAPE)
    entry.folder.mkdir(parents=True)
    (entry.folder / "mine.txt").write_text("mine")
    entry.write("forward", 0, flows[0])
    assert "was replaced by something else" in entry.trouble
    assert [path.name for path in entry.folder.iterdir()] == ["mine.txt"]


def test_entries_of_the_first_version_make_room(tmp_path, flows):
    """They are ours by name and journal; zarr's files go, and nothing else."""
    old = tmp_path / ("a" * 32)
    (old / "forward.zarr" / "c" / "0" / "0" / "0").mkdir(parents=True)
    head = {"format": 1, "gap": 1, "shape": SHAPE, "version": "0.1.0"}
    (old / "journal.txt").write_text(json.dumps(head) + "\nforward 0 123")
    (old / "forward.zarr" / "zarr.json").write_text("{}")
    (old / "forward.zarr" / "c" / "0" / "0" / "0" / "0").write_bytes(bytes(2000))
    os.utime(old / "journal.txt", (1, 1))
    cache = FlowCache(tmp_path, capacity=2100)
    cache.entry(RECIPE, SHAPE)
    assert not old.exists()


def test_a_new_cache_is_tagged_and_a_used_folder_is_not(cache, flows, tmp_path):
    filled(cache, flows)
    assert (cache.folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f59")
    used = FlowCache(tmp_path / "used")
    used.folder.mkdir()
    (used.folder / "mine.txt").write_text("mine")
    filled(used, flows)
    assert not (used.folder / "CACHEDIR.TAG").exists()
