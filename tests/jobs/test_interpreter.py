"""Jobs start from any program: a script without guard, Jupyter, IPython, embedded."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from napari_motionseg.errors import JobError
from napari_motionseg.jobs.interpreter import worker_command, worker_environment

JOB = """
from helpers import child_jobs
from napari_motionseg.jobs import ChildJob
print("the program runs", flush=True)
job = ChildJob(child_jobs.counting, 3)
assert job.wait(60), "the job hangs"
print("result", job.result, flush=True)
"""
EXPECTED = ["the program runs", "result [1, 2, 3]"]


def output_of(command, **options):
    """Run a program, which must leave no file, and return the lines that it prints."""
    path = os.pathsep.join(filter(None, sys.path))
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": folder}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=240,
            check=False, **options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not list(Path(folder).glob("job-*"))
    return [
        line for line in done.stdout.splitlines() if "runs" in line or "res" in line
    ]


def test_a_script_without_guard_runs_once(tmp_path):
    script = tmp_path / "my_script.py"
    script.write_text(JOB)
    assert output_of([sys.executable, str(script)]) == EXPECTED


def test_a_program_that_ends_its_jobs_leaves_no_file(tmp_path):
    script = tmp_path / "my_script.py"
    script.write_text(
        "import time\n"
        "from napari_motionseg.jobs import LocalRunner\n"
        "runner = LocalRunner()\n"
        "runner.keep_ready()\n"
        "while not runner.standby_bytes:\n    time.sleep(0.01)\n"
        "runner.release()\n"
        "print('result', runner.standby_bytes)\n"
    )
    assert output_of([sys.executable, str(script)]) == ["result None"]


def test_a_program_without_a_file_starts_jobs():
    """As Jupyter is: its main module has no file."""
    assert output_of([sys.executable, "-c", JOB]) == EXPECTED
    assert output_of([sys.executable, "-"], input=JOB) == EXPECTED


def test_ipython_starts_jobs(tmp_path):
    pytest.importorskip("IPython")
    script = tmp_path / "cells.ipy"
    script.write_text(JOB)
    command = [sys.executable, "-m", "IPython", "--quick", "--no-banner"]
    # IPython 8.0 writes the title of a terminal into pipes too
    command += ["--TerminalInteractiveShell.term_title=False", str(script)]
    assert output_of(command, cwd=tmp_path) == EXPECTED


def test_a_jupyter_kernel_starts_jobs(tmp_path):
    manager = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    path = os.pathsep.join(filter(None, sys.path))
    kernel, client = manager.start_new_kernel(
        kernel_name="python3",
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
    )
    said = []
    try:
        client.execute_interactive(
            JOB,
            timeout=240,
            output_hook=lambda message: said.append(message["content"].get("text", "")),
        )
    finally:
        client.stop_channels()
        kernel.shutdown_kernel()
    assert "".join(said).splitlines() == EXPECTED
    assert not list(tmp_path.glob("job-*"))


def test_a_job_that_is_defined_in_a_script_is_refused_in_words(tmp_path):
    script = tmp_path / "my_script.py"
    script.write_text(
        "from napari_motionseg.jobs import ChildJob\n"
        "def mine():\n    yield\n"
        "try:\n    ChildJob(mine)\n"
        "except Exception as error:\n    print('result', error)\n"
    )
    (line,) = output_of([sys.executable, str(script)])
    assert "'mine' is defined in a script or notebook" in line
    assert "top level of a module" in line


@pytest.fixture
def executable():
    """Put back what multiprocessing takes for the interpreter."""
    from multiprocessing.spawn import get_executable

    before = get_executable()
    yield
    multiprocessing.set_executable(before)


def test_a_program_that_embeds_python_says_which_interpreter(executable):
    multiprocessing.set_executable("/opt/viewer/bin/python3")
    assert worker_command()[0] == "/opt/viewer/bin/python3"
    assert worker_command()[-2:] == ["-m", "napari_motionseg.jobs.worker"]


def test_a_frozen_program_is_told_what_to_do(monkeypatch, executable):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(JobError, match=r"multiprocessing\.set_executable"):
        worker_command()
    multiprocessing.set_executable("/opt/viewer/bin/python3")
    assert worker_command()[0] == "/opt/viewer/bin/python3"


def test_an_interpreter_that_is_not_there_is_an_error_of_the_job(executable):
    from helpers import child_jobs

    from napari_motionseg.jobs import ChildJob

    multiprocessing.set_executable("/no/such/python")
    job = ChildJob(child_jobs.counting, 3)
    assert job.wait(60)
    with pytest.raises(JobError, match="/no/such/python"):
        _ = job.result
    assert job.wait_gone(60)


def test_the_import_path_goes_along_in_its_order(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "/first", "/second"])
    path = worker_environment()["PYTHONPATH"].split(os.pathsep)
    assert path == [str(tmp_path), "/first", "/second"]
