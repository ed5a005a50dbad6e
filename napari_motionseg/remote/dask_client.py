"""Connect to a Dask scheduler, and check who is there."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from napari_motionseg.errors import MissingDependencyError, SettingsError
from napari_motionseg.version import __version__

if TYPE_CHECKING:
    from distributed import Client

PATIENCE_S = 15  # for a scheduler to answer
# Dask makes its workers return memory at once, which costs a network 0.4 of its speed
ENVIRONMENT = "distributed.nanny.pre-spawn-environ"
KEEP_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**30),
}  # fmt: skip


def require_dask(wanted: str) -> None:
    """Check that Dask's scheduler can be used here.

    Parameters
    ----------
    wanted
        The option that asks for it; the message begins with it.

    Raises
    ------
    MissingDependencyError
        If distributed is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"{wanted} needs distributed, which is not installed: "
            "pip install 'napari-motionseg[batch]'"
        ) from error


def connected(address: str) -> Client:
    """Return a connection to a scheduler; its caller closes it.

    Parameters
    ----------
    address
        Address of the scheduler, such as ``tcp://host:8786``.

    Raises
    ------
    MissingDependencyError
        If distributed is not installed.
    SettingsError
        If no scheduler answers at the address, or it needs certificates that are not
        there.
    """
    require_dask(address)
    import distributed

    # a client that fails is left half open, and stops another one for ever when it is
    # collected while that one starts
    asyncio.run(require_scheduler(address, "client"))
    try:
        return distributed.Client(address, timeout=PATIENCE_S, set_as_default=False)
    except Exception as error:
        raise _no_scheduler(address, error) from error


async def require_scheduler(address: str, role: str) -> None:
    """Check that a scheduler answers at an address.

    Parameters
    ----------
    address
        Address of the scheduler.
    role
        Who asks: `"client"` or `"worker"`.

    Raises
    ------
    SettingsError
        If nothing or another service answers, or certificates are missing.
    """
    from distributed.core import rpc

    options = connection_options(address, role)
    try:
        async with rpc(address, connection_args=options) as scheduler:
            await asyncio.wait_for(scheduler.identity(), PATIENCE_S)
    except Exception as error:  # another service may answer with anything
        raise _no_scheduler(address, error) from error


def _no_scheduler(address: str, error: BaseException) -> SettingsError:
    reason = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:  # the first one that speaks says most
        reason = str(cause) or reason
        cause = cause.__cause__
    return SettingsError(
        f"{address}: no Dask scheduler answers there ({reason}); start one with "
        "dask scheduler"
    )


def connection_options(address: str, role: str) -> dict[str, Any]:
    """Return how Dask's configuration connects to an address: with which certificates.

    Parameters
    ----------
    address
        Address of a scheduler.
    role
        Who connects: `"client"` or `"worker"`.

    Raises
    ------
    SettingsError
        If the address is encrypted and the configuration has no certificates, if they
        cannot be used, or if the address must be encrypted and is not.
    """
    from distributed import Security

    try:
        options: dict[str, Any] = Security().get_connection_args(role)
    except OSError as error:  # a file that is missing, or not a certificate
        raise SettingsError(
            "the certificates of Dask's configuration (distributed.comm.tls) cannot be "
            f"used: {error}"
        ) from error
    is_encrypted = address.startswith(("tls://", "wss://"))
    if options.get("require_encryption") and not is_encrypted:
        raise SettingsError(
            f"{address}: Dask's configuration wants encryption, so the address must "
            "begin with tls://"
        )
    if is_encrypted and options.get("ssl_context") is None:
        raise SettingsError(
            f"{address}: encrypted connections need certificates, and Dask's "
            f"configuration names none for a {role} (distributed.comm.tls); "
            "docs/remote.md shows where they are named"
        )
    return options


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """Start a scheduler with workers on this computer, and connect to it.

    Parameters
    ----------
    workers
        Number of processes; each has one thread.

    Raises
    ------
    MissingDependencyError
        If distributed is not installed.
    """
    require_dask("--workers")
    import distributed

    with (
        memory_kept(),
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let workers that are made meanwhile keep their memory.

    Their processes must have the variables when they start. Dask takes them from the
    environment of this process or, if it has none, from its configuration.
    """
    import dask

    before = {name: os.environ.get(name) for name in KEEP_MEMORY}
    os.environ.update(KEEP_MEMORY)
    known = dask.config.get(ENVIRONMENT)
    try:
        with dask.config.set({ENVIRONMENT: {**known, **KEEP_MEMORY}}):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def is_open_to_others(address: str) -> bool:
    """Return whether a connection leaves this computer without encryption.

    Parameters
    ----------
    address
        Address of a scheduler.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ("tls", "wss", "inproc"):
        return False
    host = parts.hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def state_of_workers(
    client: Client, workers: int = 1, more: Callable[..., Any] | None = None, *args: Any
) -> dict[str, Any]:
    """Check that there are workers of this version, and ask them for more.

    Parameters
    ----------
    client
        Connection to the scheduler.
    workers
        Number of workers to wait for.
    more
        A function that each worker is to call; None for no function.
    *args
        Its arguments.

    Returns
    -------
    dict
        What the function has returned, by the address of the worker.

    Raises
    ------
    SettingsError
        If too few workers come, or one has other versions; the message says which.
    """
    try:
        client.wait_for_workers(workers, timeout=PATIENCE_S)
    except TimeoutError as error:
        raise SettingsError(
            f"the Dask scheduler has fewer than {workers} workers; start them with "
            "motionseg worker or dask worker"
        ) from error
    told: dict[str, Any] = client.run(_state, more, args)
    for worker, (versions, _) in told.items():
        require_same_versions(f"worker {worker}", versions)
    return {worker: found for worker, (_, found) in told.items()}


def versions() -> dict[str, str]:
    """Return the versions that two computers must share to understand each other."""
    return {
        "napari-motionseg": __version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
    }


def require_same_versions(who: str, theirs: dict[str, str]) -> None:
    """Refuse another computer whose versions differ.

    Parameters
    ----------
    who
        Name of the other computer; the message begins with it.
    theirs
        Its `versions`.

    Raises
    ------
    SettingsError
        If a version differs.
    """
    ours = versions()
    other = [name for name in ours if theirs.get(name) != ours[name]]
    if other:
        words = ", ".join(f"{n} {theirs.get(n)}, here {ours[n]}" for n in other)
        raise SettingsError(
            f"{who} has other versions ({words}); install the same everywhere"
        )


def _state(more: Callable[..., Any] | None, args: Any) -> tuple[dict[str, str], Any]:
    return versions(), None if more is None else more(*args)
