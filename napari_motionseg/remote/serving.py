"""Serve a Dask scheduler with workers of this computer."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from napari_motionseg.remote.dask_client import (
    memory_kept,
    require_dask,
    require_scheduler,
)

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class PlannedWorker:
    """A worker that is to be started.

    Parameters
    ----------
    gpu
        Index of its GPU, or None.
    """

    gpu: int | None = None

    @property
    def resources(self) -> dict[str, float]:
        """Resources of the worker, in the words of Dask."""
        return {} if self.gpu is None else {"GPU": 1}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of the worker."""
        return {} if self.gpu is None else {VISIBLE: str(self.gpu)}


def worker_plan(workers: int = 0, gpus: int | None = None) -> list[PlannedWorker]:
    """Return the workers to start; each GPU belongs to one of them.

    Parameters
    ----------
    workers
        Number of workers; 0 for one a GPU, or one if there is none.
    gpus
        Number of GPUs; None to ask torch.
    """
    if gpus is None:
        import torch

        gpus = torch.cuda.device_count()
    count = workers or max(1, gpus)
    return [PlannedWorker(n if n < gpus else None) for n in range(count)]


def serve(address: str, plan: Sequence[PlannedWorker], preload: Sequence[str]) -> None:
    """Run workers until the scheduler ends or the process is interrupted.

    Parameters
    ----------
    address
        Address of the scheduler.
    plan
        The workers.
    preload
        Names of modules that jobs are likely to need.

    Raises
    ------
    SettingsError
        If no scheduler answers at the address.
    """
    require_dask("motionseg worker")
    asyncio.run(_serve(address, plan, tuple(preload)))


async def _serve(
    address: str, plan: Sequence[PlannedWorker], preload: tuple[str, ...]
) -> None:
    from distributed import Nanny

    from napari_motionseg.remote.ready_worker import ReadyWorker

    await require_scheduler(address, "worker")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with memory_kept():
        nannies = [
            Nanny(
                address, nthreads=1, resources=one.resources, env=one.environment,
                plugins=(ReadyWorker(preload),), silence_logs=None,
            )
            for one in plan
        ]  # fmt: skip
    await asyncio.gather(*nannies)
    ends = [asyncio.ensure_future(nanny.finished()) for nanny in nannies]
    ends.append(asyncio.ensure_future(stop.wait()))
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*(nanny.close(timeout=5) for nanny in nannies))
    for end in ends:
        end.cancel()
