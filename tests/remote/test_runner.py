"""What stands in the way of a remote job is told in words."""

import socket
import sys
import threading
import time

import pytest
from helpers import child_jobs

from napari_motionseg.errors import JobError, MissingDependencyError
from napari_motionseg.remote import RemoteRunner, dask_client

PATIENCE_S = 200  # for a child process that imports torch on a busy machine


def ended(job):
    deadline = time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < deadline:
        list(job.poll())
        time.sleep(0.01)
    return job


def test_nothing_at_the_address(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_client, "PATIENCE_S", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    job = ended(RemoteRunner(f"tcp://127.0.0.1:{port}", tmp_path).start(
        child_jobs.counting, 1
    ))  # fmt: skip
    assert job.state == "failed"
    assert "no Dask scheduler answers there" in str(job.error)


def test_another_service_at_the_address(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_client, "PATIENCE_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        job = ended(RemoteRunner(address, tmp_path).start(child_jobs.counting, 1))
    assert "no Dask scheduler answers there" in str(job.error)


@pytest.mark.parametrize("address", ["nonsense", "http://host:1", "tcp://host:port"])
def test_what_is_no_address(tmp_path, address, monkeypatch):
    monkeypatch.setattr(dask_client, "PATIENCE_S", 1)
    job = ended(RemoteRunner(address, tmp_path).start(child_jobs.counting, 1))
    assert address in str(job.error)


def test_other_versions(cluster, tmp_path, monkeypatch):
    theirs = {"napari-motionseg": "9.9", "Python": "2.7"}
    monkeypatch.setattr(dask_client, "_state", lambda more, args: (theirs, None))
    runner = RemoteRunner(cluster.scheduler_address, tmp_path)
    job = ended(runner.start(child_jobs.counting, 1))
    assert "napari-motionseg 9.9, here" in str(job.error)
    assert "Python 2.7, here" in str(job.error)


def test_no_worker(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(dask_client, "PATIENCE_S", 1)
    with distributed.LocalCluster(
        n_workers=0, processes=False, dashboard_address="127.0.0.1:0"
    ) as empty:
        runner = RemoteRunner(empty.scheduler_address, tmp_path)
        job = ended(runner.start(child_jobs.counting, 1))
        assert "fewer than 1 workers" in str(job.error)


def test_dask_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"napari-motionseg\[batch\]"):
        RemoteRunner("tcp://gpu:8786", tmp_path)


def test_a_function_of_a_script_is_refused_at_once(cluster, tmp_path):
    runner = RemoteRunner(cluster.scheduler_address, tmp_path)
    with pytest.raises(JobError, match="cannot import"):
        runner.start(lambda: None)


def test_the_connection_is_made_before_a_job_and_ended_after(cluster, tmp_path):
    runner = RemoteRunner(cluster.scheduler_address, tmp_path)
    runner.keep_ready()
    job = ended(runner.start(child_jobs.counting, 2))
    assert job.result == [1, 2]
    runner.release()
    assert runner.standby_bytes is None
    again = ended(runner.start(child_jobs.counting, 1))  # it connects once more
    assert again.result == [1]
    runner._connection.close()
