"""Prepare loops and their flow for training; flow is stored in half precision."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.cine import Cine
from napari_motionseg.cine.hashing import LoopHashes, hash_frames
from napari_motionseg.errors import (
    MotionError,
    ReadError,
    TrainingError,
    WriteError,
)
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.motion import (
    FlowCache,
    FlowSequence,
    FlowSettings,
    estimate_flow_job,
)
from napari_motionseg.training.engine.distributed import Processes, join

# smaller motion is what a network predicts for noise
LEAST_MOTION_PX = 0.05


class FlowFile:
    """Flow in a memory-mapped temporary file.

    The file is deleted together with the object. A copy in another process reads the
    same file and does not delete it.

    Parameters
    ----------
    flow
        Flow ``(T - gap, 2, H, W)`` float16 in px.

    Raises
    ------
    WriteError
        If there is too little space for temporary files; the environment variable
        `TMPDIR` names another folder.
    """

    def __init__(self, flow: NDArray[np.float16]) -> None:
        self.shape: tuple[int, ...] = flow.shape
        try:
            handle, name = tempfile.mkstemp(suffix=".npy", prefix="motionseg-flow-")
            self._path = Path(name)
            self._finalizer = weakref.finalize(self, _remove, self._path)
            with os.fdopen(handle, "wb") as stream:
                np.save(stream, flow)
        except OSError as error:
            raise WriteError(
                f"the flow of a loop ({flow.nbytes / 2**20:.0f} MiB) cannot be written "
                f"to {tempfile.gettempdir()}: {error.strerror}; name another folder "
                "in the environment variable TMPDIR"
            ) from error
        self._mapped = np.load(self._path, mmap_mode="r")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[np.float16]:
        return np.array(self._mapped[index])

    def __getstate__(self) -> Path:
        return self._path

    def __setstate__(self, path: Path) -> None:
        self._path = path
        self._mapped = np.load(path, mmap_mode="r")
        self.shape = self._mapped.shape


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # on Windows it is still mapped; leave it
        path.unlink()


@dataclass(frozen=True)
class MovingLoop:
    """A loop and the flow of its frames.

    Parameters
    ----------
    cine
        The loop; frames are decoded when they are asked for.
    flow
        Flow ``(T - gap, 2, H, W)`` float16 in px, from frame t to t + gap; 0 outside
        the valid area.
    gap
        Number of frames from the first to the second frame of a pair.
    missing
        Entries of the flow with a damaged frame, which are not trained on.
    chosen
        Entries of the flow to use; None uses all.
    """

    cine: Cine
    flow: FlowFile | NDArray[np.float16]
    gap: int
    missing: frozenset[int] = frozenset()
    chosen: frozenset[int] | None = None

    @cached_property
    def entries(self) -> tuple[int, ...]:
        """Entries of the flow that are used, without a damaged frame."""
        used = range(len(self.flow)) if self.chosen is None else sorted(self.chosen)
        return tuple(t for t in used if t not in self.missing)

    def with_entries(self, entries: Iterable[int]) -> MovingLoop:
        """Return this loop with only some entries of its flow."""
        part = dataclasses.replace(self, chosen=frozenset(entries))
        if "hashes" in self.__dict__:  # all frames stay, so their hashes do
            part.__dict__["hashes"] = self.hashes
        return part

    @cached_property
    def hashes(self) -> LoopHashes:
        """Hashes of the loop, which must not change during training."""
        return hash_frames(self.cine.frames)

    def motion(self, t: int, window: tuple[slice, slice]) -> Tensor:
        """Return the flow ``(2, h, w)`` float32 in px of a frame."""
        flow = self.flow[(t, slice(None), *window)].astype(np.float32)
        return torch.from_numpy(flow)

    def picture(self, t: int, window: tuple[slice, slice]) -> Tensor:
        """Return the picture ``(1, h, w)`` float32 in [0, 1] of a frame."""
        return self.as_picture(self.cine.frames[(t, *window)])

    def as_picture(self, stored: NDArray[Any]) -> Tensor:
        """Convert stored values ``(h, w)`` to a picture; see `picture`."""
        picture = self.cine.scaled(stored)[None]
        return torch.from_numpy(np.ascontiguousarray(picture))


def moving_loops_job(
    cines: Sequence[Cine], settings: FlowSettings, cache: FlowCache | None = None
) -> Job[list[MovingLoop]]:
    """Estimate the flow of every loop; leave out loops without motion, with a message.

    Processes that train together share the loops and send each other the flow.

    Parameters
    ----------
    cines
        Loops of any size.
    settings
        Settings of the flow.
    cache
        Cache in which flow is searched and stored; None uses none.

    Yields
    ------
    Progress
        For the flow of each loop, then a message for each loop that is left out.

    Raises
    ------
    TrainingError
        If no loop remains, or the job is stopped.
    WriteError
        If there is too little space on the disk for the flow.
    """
    processes = join()
    found: dict[int, MovingLoop | str] = {}
    for number, cine in list(enumerate(cines))[processes.rank :: processes.count]:
        label = f"Flow of loop {number + 1} of {len(cines)} ({cine.name})"
        found[number] = yield from _moving_loop_job(cine, settings, cache, label)
    loops: list[MovingLoop] = []
    reasons: list[str] = []
    for number, cine in enumerate(cines):
        one = _of_all(processes, number, cine, found.pop(number, None))
        if isinstance(one, MovingLoop):
            loops.append(one)
            continue
        reasons.append(f"{cine.name}: {one}")
        message = f"Loop {number + 1} of {len(cines)} is left out: {cine.name}: {one}"
        _heed((yield Progress(number + 1, len(cines), message)))
    if not loops:
        raise TrainingError(
            "no loop has motion to learn from. " + "; ".join(reasons[:10])
        )
    return loops


def _of_all(
    processes: Processes, number: int, cine: Cine, own: MovingLoop | str | None
) -> MovingLoop | str:
    """Return the result of the process that had a loop; `own` if it was this one."""
    if processes.count == 1 and own is not None:
        return own
    # frames are not sent, because every process can read them; files of flow are local
    bare = (own.flow[:], own.gap, own.missing) if isinstance(own, MovingLoop) else own
    given = processes.broadcast_object(number % processes.count, bare)
    if isinstance(given, str):
        return given
    if own is not None:
        return own
    flow, gap, missing = given
    return MovingLoop(cine, FlowFile(flow), gap, missing)


def _moving_loop_job(
    cine: Cine, settings: FlowSettings, cache: FlowCache | None, label: str
) -> Job[MovingLoop | str]:
    """Return the loop with its flow, or the reason why it cannot be learnt from."""
    try:
        sequence = yield from _labelled(estimate_flow_job(cine, settings, cache), label)
    except (MotionError, ReadError) as error:  # one bad loop must not end the training
        return str(error)
    flow = np.asarray(sequence.forward).astype(np.float16)
    if not np.isfinite(flow).all():
        return "its flow is not finite"
    if cine.valid_area is not None:
        flow *= cine.valid_area
    if np.abs(flow).max() < LEAST_MOTION_PX:
        least = f"{LEAST_MOTION_PX} px"
        return f"nothing in it moves by {least}, so its flow carries no information"
    return MovingLoop(cine, FlowFile(flow), sequence.gap, sequence.missing)


def _labelled(job: Job[FlowSequence], label: str) -> Job[FlowSequence]:
    """Pass on the progress of `job` with a label, and pass a cancel to it."""
    with contextlib.closing(job):
        while True:
            try:
                progress = next(job)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            message = ": ".join(filter(None, (label, progress.message)))
            _heed((yield dataclasses.replace(progress, message=message, preview=None)))


def _heed(signal: Any) -> None:
    if signal == STOP:
        raise TrainingError(
            "stopped while flow was estimated, before anything was learnt that could "
            "be kept"
        )
