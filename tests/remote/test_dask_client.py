"""Connections to a scheduler: refusals in words, and what others can read."""

import asyncio

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.remote import dask_client
from napari_motionseg.remote.dask_client import (
    connected,
    connection_options,
    is_open_to_others,
    local_client,
    state_of_workers,
    versions,
)

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


@pytest.mark.parametrize(
    "error", [OSError("refused"), TimeoutError(), ValueError("unknown scheme smb")]
)
def test_an_address_of_nothing_is_told(monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(distributed, "Client", refuse)
    with pytest.raises(
        SettingsError, match="tcp://gpu:8786: no Dask scheduler answers"
    ):
        connected("tcp://gpu:8786")


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("tcp://127.0.0.1:8786", False), ("localhost:8786", False),
        ("tcp://[::1]:8786", False), ("tls://gpu.hospital.example:8786", False),
        ("tcp://10.0.0.4:8786", True), ("gpu:8786", True),
        ("ws://gpu.hospital.example:8786", True),
    ],
)  # fmt: skip
def test_what_others_in_the_network_can_read(address, is_open):
    assert is_open_to_others(address) is is_open


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        (OSError("no comm"), OSError("certificate of others"), "certificate of others"),
        (TimeoutError(), asyncio.CancelledError(), "(TimeoutError)"),
        (OSError("closed"), asyncio.CancelledError(), "(closed)"),
    ],
)
def test_the_reason_is_the_first_cause_that_speaks(monkeypatch, error, cause, words):
    async def refuse(*_, **__):
        raise error from cause

    monkeypatch.setattr(distributed.core.rpc, "__aenter__", refuse)
    with pytest.raises(SettingsError) as caught:
        connected("tcp://127.0.0.1:9")
    assert words in str(caught.value)


def test_no_client_is_begun_where_nobody_answers(monkeypatch):
    """A half open client may stop the next one for ever when it is collected."""
    begun = []
    monkeypatch.setattr(distributed, "Client", lambda *a, **k: begun.append(a))
    monkeypatch.setattr(dask_client, "PATIENCE_S", 1)
    with pytest.raises(SettingsError, match="no Dask scheduler answers"):
        connected("tcp://127.0.0.1:9")
    assert not begun


@pytest.mark.parametrize("role", ["client", "worker"])
@pytest.mark.parametrize(
    ("address", "comm", "words"),
    [
        ("tls://gpu:8786", {}, "names none for a (client|worker)"),
        ("tcp://gpu:8786", {"require-encryption": True}, "must begin with tls://"),
        ("tls://gpu:8786", {"tls": {"ca-file": "/none.pem"}}, "cannot be used"),
    ],
)
def test_certificates_that_are_missing_are_told(address, comm, words, role):
    names = {"cert": "/none.pem", "key": "/none.pem"}
    if "tls" in comm:
        comm = {"tls": comm["tls"] | {"client": names, "worker": names}}
    with (
        dask.config.set({"distributed.comm": _merged(comm)}),
        pytest.raises(SettingsError, match=words),
    ):
        connection_options(address, role)


def _merged(comm):
    return dask.config.merge(dask.config.get("distributed.comm"), comm)


def test_workers_are_asked_for_more_than_their_versions(cluster):
    client = connected(cluster.scheduler_address)
    told = state_of_workers(client, 1, pow, 2, 5)
    assert list(told.values()) == [32]
    assert state_of_workers(client) == dict.fromkeys(told)
    client.close()


def test_own_workers_keep_their_memory_and_serve_nobody_else():
    with local_client(1) as client:
        (name,) = client.run(_kept_memory).values()
        assert name == str(2**30)
        dashboard = client.dashboard_link
        assert dashboard.startswith("http://127.0.0.1:")


def _kept_memory():
    import os

    return os.environ["MALLOC_TRIM_THRESHOLD_"]


def test_versions_name_the_program_and_python():
    assert set(versions()) == {"napari-motionseg", "Python"}
