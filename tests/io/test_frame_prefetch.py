"""Processes that decode ahead, and that none of them stays behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as Late
from pathlib import Path

import numpy as np
import pytest
from helpers import child_jobs

from napari_motionseg.cine import Cine
from napari_motionseg.cine.hashing import hash_frame
from napari_motionseg.errors import JobError
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.frame_prefetch import FramesAhead
from napari_motionseg.io.prefetched_parts import Wanted
from napari_motionseg.jobs import ChildJob

PATIENCE_S = 60


@pytest.fixture
def cine():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 40, 300))
    return Cine.from_array(pixels.astype(np.uint8))


@pytest.fixture
def ask_for(cine, tmp_path):
    """Return what asks for one frame of a file."""
    path = tmp_path / "loop.dcm"
    write_xa(path, cine)

    def wanted(t, source=path):
        rows, columns = (1, 39), (2, 290)
        proof = hash_frame(cine.frames[t])
        return Wanted(source, cine.shape, 0, t, rows, columns, proof)

    return wanted


def is_there(pid):
    """Return whether a process runs; one that ended and waits to be noticed is not."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


def gone(pids):
    """Wait until processes have ended."""
    deadline = time.monotonic() + PATIENCE_S
    while any(map(is_there, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(is_there, pids))


def test_answers_are_the_frames(cine, ask_for):
    with contextlib.closing(FramesAhead(2)) as ahead:
        assert ahead.pids == []  # nobody has asked
        answers = {t: ahead.ask(ask_for(t)) for t in (3, 0, 5, 1)}
        missing = ahead.ask(ask_for(2, source=ask_for(2).source.with_name("none")))
        for t, answer in answers.items():
            expected = cine.frames[t, 1:39, 2:290]
            np.testing.assert_array_equal(answer.result(PATIENCE_S), expected)
        assert missing.result(PATIENCE_S) is None
        pids = ahead.pids
        assert len(pids) == 2
    assert gone(pids)
    assert not ahead.alive


def test_what_nobody_has_begun_with_can_be_taken_back(ask_for):
    with contextlib.closing(FramesAhead(1)) as ahead:
        answers = [ahead.ask(ask_for(t)) for t in range(6)]
        assert answers[-1].cancel()
        assert answers[0].result(PATIENCE_S) is not None


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_one_that_is_killed_is_missed_by_nobody(ask_for):
    with contextlib.closing(FramesAhead(2)) as ahead:
        first = ahead.ask(ask_for(0))
        first.result(PATIENCE_S)
        os.kill(ahead.pids[0], signal.SIGKILL)
        answers = [ahead.ask(ask_for(t % 6)) for t in range(40)]
        found = [answer.exception(PATIENCE_S) for answer in answers]
        assert sum(isinstance(error, JobError) for error in found) <= 1
        os.kill(ahead.pids[1], signal.SIGKILL)
        while ahead.alive:
            with contextlib.suppress(Late, CancelledError):
                ahead.ask(ask_for(0)).exception(0.1)
        assert ahead.ask(ask_for(0)).cancelled()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_is_not_meant_for_them(ask_for):
    """It goes to all processes of a terminal; the training ends early and keeps."""
    with contextlib.closing(FramesAhead(1)) as ahead:
        ahead.ask(ask_for(0)).result(PATIENCE_S)
        os.kill(ahead.pids[0], signal.SIGINT)
        for t in range(5):
            assert ahead.ask(ask_for(t)).result(PATIENCE_S) is not None


def test_no_process_can_be_started(ask_for, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with contextlib.closing(FramesAhead(2)) as ahead:
        assert ahead.ask(ask_for(0)).cancelled()
        assert not ahead.alive


def test_a_job_of_the_window_may_have_them_too(ask_for):
    """Its process is a daemon, which may not have children of multiprocessing."""
    job = ChildJob(child_jobs.decoding_ahead, ask_for(3))
    while job.running:
        list(job.poll())
        time.sleep(0.02)
    assert gone(job.result)


SCRIPT = """
import sys, time
from pathlib import Path
from napari_motionseg.io.frame_prefetch import FramesAhead
from napari_motionseg.io.prefetched_parts import Wanted
ahead = FramesAhead(2)
wanted = Wanted(Path("/none"), (1, 1, 1), 0, 0, (0, 1), (0, 1), b"")
ahead.ask(wanted).result()
print(*ahead.pids, flush=True)
if sys.argv[1] == "wait":
    time.sleep(600)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
@pytest.mark.parametrize("end", ["killed", "without closing"])
def test_they_end_with_the_process_that_asks(end):
    """There is no guard of __main__ in the script, and none is needed."""
    word = "wait" if end == "killed" else "go"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, word], stdout=subprocess.PIPE
    ) as asking:
        pids = [int(pid) for pid in asking.stdout.readline().split()]
        assert len(pids) == 2
        if end == "killed":
            asking.kill()
        asking.wait(PATIENCE_S)
    assert gone(pids)
    if end != "killed":
        assert asking.returncode == 0
