"""A lock is held by one process alone, and asking about it disturbs nobody."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_motionseg import file_lock
from napari_motionseg.file_lock import acquire, is_held

SPAWN = multiprocessing.get_context("spawn")
ROUNDS = 25


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".lock"


def test_one_holds_it_and_all_may_ask(path):
    assert not is_held(path)
    lock = acquire(path)
    assert is_held(path)
    assert acquire(path) is None
    assert lock.guards(path)
    lock.release()
    lock.release()  # twice does no harm
    assert not is_held(path)
    assert path.exists()
    again = acquire(path)
    assert again is not None
    again.release()


def test_it_ends_with_its_process(path):
    code = (
        "import sys, pathlib, time; from napari_motionseg.file_lock import acquire;"
        "held = acquire(pathlib.Path(sys.argv[1])); print('held', flush=True);"
        "time.sleep(600)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "held\n"
    assert is_held(path)
    assert acquire(path) is None
    child.kill()
    child.wait()
    child.stdout.close()
    assert not is_held(path)
    lock = acquire(path)
    lock.release()


def test_a_lock_on_a_file_that_was_unlinked_is_none(path):
    """A holds, B opens, the file is unlinked, C makes another: only one may hold."""
    first = acquire(path)
    path.unlink()
    assert not first.guards(path)
    second = acquire(path)
    assert second.guards(path)
    assert acquire(path) is None
    first.release()
    assert is_held(path)
    second.release()


def test_a_file_that_is_unlinked_while_it_is_taken_is_tried_again(path, monkeypatch):
    take, unlinked = file_lock._take, []

    def unlink_first(file, **how):
        if not unlinked:
            unlinked.append(path.unlink())
        return take(file, **how)

    monkeypatch.setattr(file_lock, "_take", unlink_first)
    lock = acquire(path)
    assert lock.guards(path)
    assert is_held(path)
    lock.release()


def test_somebody_who_asks_does_not_keep_a_window_out(path, monkeypatch):
    """The one who asks may be slow between taking and giving back."""
    if not file_lock._shares():
        pytest.skip("locks are not shared here")
    acquire(path).release()
    asking = file_lock._open(path, 0)
    assert file_lock._take(asking, shared=True)
    sleep = time.sleep

    def stop_asking(seconds):
        os.close(asking)
        monkeypatch.setattr(time, "sleep", sleep)

    monkeypatch.setattr(time, "sleep", stop_asking)
    lock = acquire(path)
    assert lock is not None
    lock.release()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("what", ["link", "fifo", "folder"])
def test_only_a_regular_file_is_locked(path, what, tmp_path):
    if what == "link":
        (tmp_path / "mine.txt").write_text("mine")
        path.symlink_to(tmp_path / "mine.txt")
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError, match="."):
        acquire(path)
    assert not is_held(path)


def work(path, counter, asks):
    """Take the lock again and again, or ask about it; return how often it was held."""
    held = 0
    for _ in range(ROUNDS):
        if asks:
            is_held(path)
            continue
        lock = acquire(path)
        if lock is None:
            time.sleep(0.001)
            continue
        held += 1
        before = int(counter.read_text())
        time.sleep(0.002)  # a second holder would read the same number
        counter.write_text(str(before + 1))
        lock.release()
    return held


def test_many_processes_never_hold_it_at_once(path, tmp_path):
    counter = Path(tmp_path / "counter")
    counter.write_text("0")
    with SPAWN.Pool(4) as pool:
        jobs = [(path, counter, number == 3) for number in range(4)]
        held = pool.starmap(work, jobs)
        pool.close()
        pool.join()
    assert sum(held) > 0
    assert int(counter.read_text()) == sum(held)


def test_those_who_only_ask_never_win_against_one_who_takes(path, tmp_path):
    """With nobody else to hold it, every attempt to take it must succeed."""
    counter = Path(tmp_path / "counter")
    counter.write_text("0")
    with SPAWN.Pool(3) as pool:
        asking = pool.starmap_async(work, 2 * [(path, counter, True)])
        held = pool.apply(work, (path, counter, False))
        asking.get()
        pool.close()
        pool.join()
    assert held == ROUNDS
