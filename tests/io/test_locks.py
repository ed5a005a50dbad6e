"""A lock is held by one process alone, and asking about it disturbs nobody."""

import errno
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_motionseg.errors import WriteError
from napari_motionseg.io import locks
from napari_motionseg.io.locks import NoLocksError, acquire, is_held, locked, try_lock

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
        "import sys, pathlib, time; from napari_motionseg.io.locks import acquire;"
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
    take, unlinked = locks._take, []

    def unlink_first(file, **how):
        if not unlinked:
            unlinked.append(path.unlink())
        return take(file, **how)

    monkeypatch.setattr(locks, "_take", unlink_first)
    lock = acquire(path)
    assert lock.guards(path)
    assert is_held(path)
    lock.release()


def test_somebody_who_asks_does_not_keep_a_window_out(path, monkeypatch):
    """The one who asks may be slow between taking and giving back."""
    if not locks._shares():
        pytest.skip("locks are not shared here")
    acquire(path).release()
    asking = locks._open(path, 0)
    assert locks._take(asking, shared=True)
    sleep = time.sleep

    def stop_asking(seconds):
        os.close(asking)
        monkeypatch.setattr(time, "sleep", sleep)

    monkeypatch.setattr(time, "sleep", stop_asking)
    lock = acquire(path)
    assert lock is not None
    lock.release()


def test_one_that_is_held_for_a_while_is_waited_for(path, monkeypatch):
    first, sleep = acquire(path), time.sleep

    def release(seconds):
        first.release()
        monkeypatch.setattr(time, "sleep", sleep)

    monkeypatch.setattr(time, "sleep", release)
    with locked(path):
        assert is_held(path)
    assert not is_held(path)
    assert path.exists()


def test_one_that_is_held_for_too_long_is_given_up(path):
    lock = acquire(path)
    with pytest.raises(WriteError, match="another process"), locked(path, wait_s=0):
        pass
    lock.release()
    with pytest.raises(ZeroDivisionError), locked(path):
        1 / 0  # noqa: B018 - an error inside
    assert not is_held(path)


def test_a_folder_that_is_not_there_is_named(path):
    place = path.parent / "gone" / ".lock"
    with pytest.raises(WriteError, match="gone"), locked(place):
        pass


def test_a_file_that_is_open_already_is_locked_as_any(path):
    with path.open("xb") as mine, path.open("rb+") as other:
        assert try_lock(mine.fileno()) is True
        assert try_lock(other.fileno()) is False
        assert is_held(path)
    assert not is_held(path)


def test_a_file_system_without_locks_is_told_from_a_lock_that_is_held(
    path, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    system = "msvcrt" if os.name == "nt" else "fcntl"
    call = "locking" if os.name == "nt" else "flock"
    monkeypatch.setattr(f"napari_motionseg.io.locks.{system}.{call}", refuse)
    with pytest.raises(NoLocksError):
        acquire(path)
    assert not is_held(path)
    with path.open("rb+") as file:
        assert try_lock(file.fileno()) is None
    with locked(path):  # goes on without
        pass


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
