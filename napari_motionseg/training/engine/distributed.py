"""Join the processes that train together under torchrun, and provide collectives.

torch.distributed is used directly. A wrapper such as DistributedDataParallel sends
gradients during the backward pass, so a process that fails there, because of a loss
that is not finite or too little memory, would leave the others waiting for ever. Here
all processes agree first. Lightning Fabric would only start the processes, as torchrun
does.
"""

from __future__ import annotations

import atexit
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from napari_motionseg.errors import MotionSegError, SettingsError

Value = TypeVar("Value")

# Estimating flow for a process's share of the loops may take hours. torchrun ends all
# processes if one of them dies, so nobody waits that long in vain.
TIMEOUT = timedelta(hours=12)


@dataclass(frozen=True)
class Processes:
    """The processes of one training, as seen by one of them.

    Every method is a collective: all processes must call it, in the same order.

    Parameters
    ----------
    rank
        Rank of this process, from 0.
    count
        Number of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the main process, which writes files and reports progress."""
        return self.rank == 0

    def all_gather(self, value: Value) -> list[Value]:
        """Return the values of all processes, by rank; `value` is pickled."""
        if self.count == 1:
            return [value]
        said: list[Value | None] = [None] * self.count
        dist.all_gather_object(said, value)
        return said  # type: ignore[return-value]

    def broadcast_object(self, rank: int, value: Any) -> Any:
        """Return the value of the process `rank`; those of the others are not used."""
        if self.count == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said, src=rank)
        return said[0]

    def once(self, action: Callable[[], Value]) -> Value:
        """Run `action` on the main process; return its result, or raise its error."""
        if self.count == 1:
            return action()
        outcome: tuple[Value | None, MotionSegError | None] = None, None
        if self.is_main:
            try:
                outcome = action(), None
            except MotionSegError as refused:
                outcome = None, refused
        result, error = self.broadcast_object(0, outcome)
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes."""
        if self.count > 1:
            self._flattened(tensors, dist.all_reduce)

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by that of the main process."""
        if self.count > 1:
            self._flattened(tensors, lambda flat: dist.broadcast(flat, src=0))

    @staticmethod
    @torch.no_grad()
    def _flattened(tensors: Sequence[Tensor], send: Callable[[Tensor], object]) -> None:
        """Send tensors concatenated by type: one message each would be slower."""
        by_type: dict[torch.dtype, list[Tensor]] = defaultdict(list)
        for tensor in tensors:
            by_type[tensor.dtype].append(tensor)
        for group in by_type.values():
            flat = torch.cat([tensor.flatten() for tensor in group])
            send(flat)
            parts = torch.split(flat, [tensor.numel() for tensor in group])
            for tensor, part in zip(group, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))


def join() -> Processes:
    """Join the processes that torchrun started.

    Without torchrun, return only this one.

    The first call waits for all processes, and assigns a GPU to each.

    Raises
    ------
    SettingsError
        If the environment names several processes but not how to reach them, or there
        are more processes on this host than GPUs.
    """
    if not dist.is_available():
        return Processes()
    if not dist.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return Processes()
        _init_process_group()
    return Processes(dist.get_rank(), dist.get_world_size())


def _init_process_group() -> None:
    gpus = torch.cuda.device_count()
    if gpus:
        place = int(os.environ.get("LOCAL_RANK", "0"))
        if place >= gpus:
            raise SettingsError(
                f"this host has {gpus} GPUs, but its process {place + 1} needs one "
                f"too; start at most {gpus} processes (torchrun --nproc-per-node "
                f"{gpus})"
            )
        torch.cuda.set_device(place)
    try:
        # NCCL sends tensors between GPUs, gloo sends Python objects
        backend = "cpu:gloo,cuda:nccl" if gpus and dist.is_nccl_available() else "gloo"
        dist.init_process_group(backend, timeout=TIMEOUT)
    except ValueError as error:
        raise SettingsError(
            "WORLD_SIZE says that several processes train together, but they cannot "
            f"find each other ({error}); start them with torchrun, or unset WORLD_SIZE"
        ) from error
    atexit.register(_destroy_process_group)


def _destroy_process_group() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
