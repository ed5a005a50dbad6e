"""A job in a child process, as whoever polls it sees it."""

import functools
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import child_jobs

from napari_motionseg.errors import JobError, LabelError
from napari_motionseg.jobs import STOP, ChildJob

PATIENCE_S = 200  # for a child process that imports torch on a busy machine


def watch(job, until=lambda told: False):
    """Poll until the job has ended or `until` of what it told is true."""
    told, deadline = [], time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < deadline:
        told.extend(job.poll())
        if until(told):
            break
        time.sleep(0.005)
    return told


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts files of Linux")
def test_jobs_that_have_ended_leave_no_open_file():
    counts = []
    for number in range(5):
        job = ChildJob(child_jobs.counting, number % 2)
        watch(job)
        assert job.state == "finished"
        assert job.wait_gone(PATIENCE_S)
        gc.collect()  # what other tests have left
        counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[4] <= counts[1]


def test_a_child_hears_which_frame_is_wanted():
    job = ChildJob(child_jobs.wanting, 100_000, 0.002)
    watch(job, until=bool)
    job.prioritize(7)
    watch(job, until=lambda told: len(told) > 200)
    job.prioritize(3)
    job.stop()
    job.prioritize(5)  # a stop is not taken back
    watch(job)
    assert job.result[0] == 7
    assert job.result[-1] == STOP
    assert set(job.result) <= {7, 3, STOP}


def test_a_child_tells_its_progress_and_its_result():
    job = ChildJob(child_jobs.counting, 5, size=200_000)
    assert job.running
    with pytest.raises(JobError, match="the job is running; it has no result"):
        _ = job.result
    told = watch(job)
    assert [(p.step, p.total, p.message, p.metrics) for p in told] == [
        (n, 5, f"step {n}", {"x": n / 2}) for n in range(1, 6)
    ]
    assert told[0].preview.shape == (200_000,)
    assert (job.state, job.running) == ("finished", False)
    assert job.result == [1, 2, 3, 4, 5]
    assert list(job.poll()) == []
    job.cancel()  # too late, and no harm
    job.stop()
    assert job.state == "finished"


def test_stop_keeps_what_there_is():
    job = ChildJob(child_jobs.counting, 100_000, pause=0.001)
    watch(job, until=len)
    job.stop()
    told = watch(job)
    assert job.state == "finished"
    assert 1 <= len(job.result) < 100_000
    assert job.result[-1] >= (told[-1].step if told else 1)


@pytest.mark.parametrize("size", [0, 2_000_000], ids=["small", "full pipe"])
def test_cancel_lets_the_job_take_its_file_away(tmp_path, size):
    file = tmp_path / "half"
    job = ChildJob(child_jobs.with_a_file, str(file), size)
    watch(job, until=len)
    assert file.exists()
    job.cancel(patience_s=PATIENCE_S)
    assert job.state == "cancelled"
    assert job.wait_gone(PATIENCE_S)
    assert not file.exists()
    with pytest.raises(JobError, match="the job is cancelled"):
        _ = job.result


def test_cancel_without_patience_kills():
    job = ChildJob(child_jobs.counting, 100_000, pause=0.001)
    watch(job, until=len)
    process = job.pid
    job.cancel()
    assert job.state == "cancelled"
    assert job.wait_gone(PATIENCE_S)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_crash_is_reported_with_its_traceback():
    job = ChildJob(child_jobs.crashing)
    told = watch(job)
    assert len(told) == 1
    assert job.state == "failed"
    with pytest.raises(JobError, match=r"(?s)failed unexpectedly.*the sky fell"):
        _ = job.result


def test_an_error_of_our_own_arrives_as_it_is():
    job = ChildJob(child_jobs.refusing)
    watch(job)
    assert job.state == "failed"
    with pytest.raises(LabelError, match="no label on frame 3"):
        _ = job.result


def test_a_kill_is_called_lack_of_memory():
    job = ChildJob(child_jobs.counting, 100_000, pause=0.001)
    watch(job, until=len)
    os.kill(job.pid, signal.SIGKILL)
    watch(job)
    assert job.state == "failed"
    with pytest.raises(JobError, match="most likely because memory ran out"):
        _ = job.result


def test_an_exit_is_reported_with_its_code():
    job = ChildJob(child_jobs.leaving)
    watch(job)
    with pytest.raises(JobError, match=r"without a result \(exit code 3\)"):
        _ = job.result


def test_a_result_that_cannot_travel_is_reported():
    job = ChildJob(child_jobs.unpicklable)
    watch(job)
    with pytest.raises(JobError, match=r"(?s)failed unexpectedly.*pickle"):
        _ = job.result


def test_a_child_loads_no_more_than_its_job_needs():
    job = ChildJob(child_jobs.loaded_modules)
    watch(job)
    assert not {"torch", "napari", "qtpy"} & set(job.result)


def test_nothing_waits_for_a_child_that_does_not_start(monkeypatch):
    """Start, poll, words, stop and cancel return while the process is being started."""
    may_start = threading.Event()
    start = subprocess.Popen

    def late(*args, **kwargs):
        may_start.wait(PATIENCE_S)
        return start(*args, **kwargs)

    monkeypatch.setattr("napari_motionseg.jobs.child_process.subprocess.Popen", late)
    large = np.zeros(3_000_000, np.uint8)
    job = ChildJob(child_jobs.summing, large)
    assert job.phase == "Starting the worker…"
    assert list(job.poll()) == []
    job.prioritize(3)
    job.stop()
    job.cancel()
    assert job.state == "cancelled"
    may_start.set()
    assert job.wait_gone(PATIENCE_S)


def test_nothing_waits_for_a_child_that_does_not_read(monkeypatch):
    """The arguments are more than a pipe holds, and the child is stopped."""
    job = ChildJob(child_jobs.wanting, 100_000, 0.001)
    watch(job, until=len)
    os.kill(job.pid, signal.SIGSTOP)
    try:
        for frame in range(50_000):  # more words than a pipe holds
            job.prioritize(frame)
        list(job.poll())
        job.cancel()
    finally:
        assert job.wait_gone(PATIENCE_S)


def test_large_arguments_previews_and_results_arrive_as_they_are():
    given = np.arange(600_000, dtype=np.float32).reshape(2, 300, 1000)
    job = ChildJob(child_jobs.echoing, given, {"small": np.arange(3)})
    (told,) = watch(job)
    np.testing.assert_array_equal(told.preview, given)
    arrays, others = job.result
    np.testing.assert_array_equal(arrays, given)
    np.testing.assert_array_equal(others["small"], np.arange(3))
    assert arrays.flags.writeable
    assert arrays.flags.aligned


def test_what_was_handed_over_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    job = ChildJob(child_jobs.echoing, np.zeros(600_000, np.uint8), {})
    watch(job)
    assert job.wait_gone(PATIENCE_S)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["cancelled", "killed"])
def test_a_killed_job_leaves_no_file(tmp_path, monkeypatch, end):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    job = ChildJob(child_jobs.with_temporary_files)
    (folder,) = {Path(p.message).parent for p in watch(job, until=len)}
    assert folder.parent == tmp_path
    assert any(folder.iterdir())
    assert folder.stat().st_mode & 0o077 == 0  # of this user alone
    if end == "cancelled":
        job.cancel()
    else:
        os.kill(job.pid, signal.SIGKILL)
    assert job.wait_gone(PATIENCE_S)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="kills as Unix does")
def test_a_killed_window_takes_child_and_files_along(tmp_path):
    """The child hears that nobody is there, closes its files and ends."""
    script = (
        "import sys, time, tempfile\n"
        "from helpers import child_jobs\n"
        "from napari_motionseg.jobs import ChildJob\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "job = ChildJob(child_jobs.with_temporary_files)\n"
        "while not list(job.poll()): time.sleep(0.01)\n"
        "print(job.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    window = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=_environment()
    )
    child = int(window.stdout.readline())
    window.kill()
    window.wait()
    window.stdout.close()
    deadline = time.monotonic() + PATIENCE_S
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def test_a_worker_that_reaches_nobody_removes_its_folder(tmp_path):
    """Also if its own messages fail before it hears that the window has ended."""
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "left behind").touch()
    script = (
        "import os, sys\n"
        "from napari_motionseg.jobs.messages import Hello\n"
        "from napari_motionseg.jobs.transport import encode, write_frame\n"
        "from napari_motionseg.jobs.worker import Worker\n"
        f"folder = {str(folder)!r}\n"
        "hears, says = os.pipe(), os.pipe()\n"
        "os.close(says[0])\n"  # nobody reads, but the other pipe is still open
        "hello = Hello(tuple(sys.path), None, (), folder)\n"
        "write_frame(hears[1], encode(hello, folder))\n"
        "Worker(hears[0], says[1]).serve()\n"
    )
    subprocess.run([sys.executable, "-c", script], env=_environment(), check=True)
    assert list(tmp_path.iterdir()) == []


def _runs(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")")[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_ctrl_c_in_the_terminal_is_for_the_window():
    job = ChildJob(child_jobs.counting, 100_000, pause=0.001)
    watch(job, until=len)
    os.kill(job.pid, signal.SIGINT)
    watch(job, until=lambda told: len(told) > 20)
    assert job.running
    job.cancel()


def test_what_a_job_prints_does_not_garble_its_messages(capfd):
    job = ChildJob(child_jobs.printing)
    assert [progress.step for progress in watch(job)] == [1]
    assert job.result == "said"
    assert job.wait_gone(PATIENCE_S)
    assert "a library's word" in capfd.readouterr().err


def test_environment_and_folder_are_those_of_the_call(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTIONSEG_TEST", "asked for")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    job = ChildJob(child_jobs.surroundings)
    watch(job)
    word, python_path, folder, path = job.result
    assert (word, python_path, folder) == ("asked for", None, str(tmp_path))
    assert path == [entry or str(tmp_path) for entry in sys.path]


def test_a_module_of_the_user_is_found(tmp_path, monkeypatch):
    (tmp_path / "my_jobs.py").write_text(
        "from napari_motionseg.jobs import Progress\n"
        "def mine(word):\n"
        "    yield Progress(1, 1)\n"
        "    return word.upper()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import my_jobs

    job = ChildJob(my_jobs.mine, "ours")
    watch(job)
    assert job.result == "OURS"


def test_a_module_beside_the_user_shadows_no_library(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    assert json.loads("1") == 1
    job = ChildJob(child_jobs.reading_json)
    watch(job)
    assert job.result == 1


def test_a_function_that_cannot_be_imported_is_refused():
    def local():
        yield

    for function, word in ((local, "another function"), (lambda: None, "lambda")):
        with pytest.raises(JobError, match=f"(?s){word}.*top level of a module"):
            ChildJob(function)
        with pytest.raises(JobError, match=word):
            ChildJob(functools.partial(function))


def test_a_function_of_a_script_is_refused(monkeypatch):
    monkeypatch.setattr(child_jobs.counting, "__module__", "__main__")
    with pytest.raises(JobError, match="'counting' is defined in a script or notebook"):
        ChildJob(child_jobs.counting, 3)


def test_arguments_that_cannot_travel_are_reported():
    job = ChildJob(child_jobs.counting, lambda: None)
    watch(job)
    assert job.state == "failed"
    with pytest.raises(JobError, match=r"cannot be sent.*must be picklable"):
        _ = job.result


def test_arguments_that_cannot_be_read_there_are_reported():
    job = ChildJob(child_jobs.counting, child_jobs.OnlyHere())
    watch(job)
    with pytest.raises(JobError, match=r"cannot read the job.*not in a script"):
        _ = job.result


def test_a_full_disk_is_reported(monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_motionseg.jobs.transport._spool", full)
    job = ChildJob(child_jobs.summing, np.zeros(600_000, np.uint8))
    watch(job)
    with pytest.raises(JobError, match="handed over.*No space left on device"):
        _ = job.result


def test_whoever_does_not_poll_holds_no_previews_without_end():
    """The child waits; it does not fill the memory of a window that is busy."""
    job = ChildJob(child_jobs.counting, 100_000, size=100_000)
    watch(job, until=len)
    time.sleep(1)
    assert job._worker._inbox.qsize() <= 32
    job.stop()
    told = watch(job)
    assert job.state == "finished"
    assert [p.step for p in told] == list(range(told[0].step, told[-1].step + 1))
