"""Workers of this computer: one a GPU, and each keeps a process ready."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.remote import dask_client
from napari_motionseg.remote.dask_client import connected, state_of_workers
from napari_motionseg.remote.serving import PlannedWorker, serve, worker_plan

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
PATIENCE_S = 200  # for a child process that imports torch on a busy machine


@pytest.mark.parametrize(
    ("workers", "gpus", "plan"),
    [
        (0, 0, [None]), (0, 2, [0, 1]), (1, 2, [0]), (3, 2, [0, 1, None]),
        (2, 0, [None, None]),
    ],
)  # fmt: skip
def test_each_gpu_belongs_to_one_worker(workers, gpus, plan):
    assert [one.gpu for one in worker_plan(workers, gpus)] == plan


def test_a_worker_with_a_gpu_sees_that_one_and_offers_it():
    assert PlannedWorker(1).environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert PlannedWorker(1).resources == {"GPU": 1}
    assert "CUDA_VISIBLE_DEVICES" not in PlannedWorker().environment
    assert PlannedWorker().resources == {}


def test_an_address_of_nothing_is_told(monkeypatch):
    monkeypatch.setattr(dask_client, "PATIENCE_S", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SettingsError, match="no Dask scheduler answers there"):
        serve(f"tcp://127.0.0.1:{port}", [PlannedWorker()], ())


@pytest.fixture(params=["tcp", "tls"])
def configuration(request, tmp_path):
    """Folder with Dask's configuration, and the protocol that it asks for."""
    if request.param == "tls":
        pytest.importorskip("cryptography")
        made = distributed.Security.temporary()
        pair = {"cert": made.tls_client_cert, "key": made.tls_client_key}
        roles = dict.fromkeys(("client", "scheduler", "worker"), pair)
        tls = {"ca-file": made.tls_ca_file, **roles}
        comm = {"require-encryption": True, "tls": tls}
        words = json.dumps({"distributed": {"comm": comm}})
        (tmp_path / "dask.yaml").write_text(words)
    added = dask.config.collect([tmp_path], {})
    with dask.config.set(dask.config.merge(dask.config.config, added)):
        yield request.param, tmp_path


def test_workers_serve_until_they_are_interrupted(configuration):
    protocol, folder = configuration
    with distributed.LocalCluster(
        n_workers=0, processes=False, protocol=protocol,
        security=distributed.Security() if protocol == "tls" else None,
        dashboard_address="127.0.0.1:0",
    ) as cluster:  # fmt: skip
        words = [sys.executable, "-P", "-m", "napari_motionseg", "worker"]
        paths = {"PYTHONPATH": os.pathsep.join(sys.path), "DASK_CONFIG": str(folder)}
        address = cluster.scheduler_address
        assert address.startswith(f"{protocol}://")
        with subprocess.Popen(
            [*words, "--scheduler", address], stderr=subprocess.PIPE, text=True,
            env={**os.environ, **paths},
        ) as process:  # fmt: skip
            try:
                client = connected(address)
                client.wait_for_workers(1, timeout=PATIENCE_S)
                kept = state_of_workers(client, 1, os.getenv, "MALLOC_TRIM_THRESHOLD_")
                assert list(kept.values()) == [str(2**30)]
                client.close()
                process.send_signal(signal.SIGINT)
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()
            said = process.stderr.read()
        assert "1 workers for" in said
        assert "Traceback" not in said
