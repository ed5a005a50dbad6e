"""The gradient of one step, from parts of its batch that processes share.

Each part goes through the network by itself, from the same weights, buffers and a
generator of its own number; gradients and changes of buffers (batch norm's averages)
are then averaged, by pictures. So one process that takes all parts in turn and several
that take some each reach the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from napari_motionseg.errors import SettingsError, TrainingError
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.models.precision import autocast
from napari_motionseg.training.engine.distributed import Processes
from napari_motionseg.training.engine.seeds import part_generator
from napari_motionseg.training.engine.settings import TrainingSettings
from napari_motionseg.training.engine.task import (
    ForeseeingTask,
    NamingTask,
    ResizableTask,
    Task,
)


@dataclass(frozen=True)
class PartResult:
    """What a part of a step came to.

    Parameters
    ----------
    number
        From 0.
    share
        Of the step's pictures.
    loss, metrics
        The task's.
    """

    number: int
    share: float
    loss: float
    metrics: dict[str, float]


@dataclass
class _Outcome:
    """What a process made of its parts; it ran out of memory, or met with trouble."""

    results: list[PartResult] = field(default_factory=list)
    exhausted: bool = False
    trouble: str = ""


class PartedStep:
    """How the gradient of a step is computed.

    Parameters
    ----------
    task, settings
        Of the training.
    processes
        Who shares the parts; their number is a divisor of `parts`.
    device, dtype
        Where and in what to compute.
    """

    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        processes: Processes,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.parts = settings.parts or processes.count
        self._task = task
        self._settings = settings
        self._processes = processes
        self._device = device
        self._dtype = dtype
        self._parameters = [p for p in task.model.parameters() if p.requires_grad]

    def gradients(self, step: int, batch: int | None) -> list[PartResult] | None:
        """Leave the gradient in the parameters; None if memory ran out somewhere.

        Parameters
        ----------
        step
            From 0.
        batch
            Pictures in all parts; None if the task does not say.

        Returns
        -------
        list[PartResult] or None
            Of all parts of all processes, in order.

        Raises
        ------
        TrainingError
            If a loss or the gradient is not finite; buffers are as before.
        """
        # batch norm updates its buffers in the forward pass, before the loss is known
        buffers = PartedBuffers(self._task.model)
        try:
            results = self._joint_results(step, batch, buffers)
            if results is None:
                buffers.restore()
                return None
            self._add_up(buffers)
            self._check_length(step)
        except BaseException:
            buffers.restore()
            raise
        buffers.settle()
        return results

    def _joint_results(
        self, step: int, batch: int | None, buffers: PartedBuffers
    ) -> list[PartResult] | None:
        try:
            own = self._own_outcome(step, batch, buffers)
        except BaseException as error:
            # the others would wait for this one's gradient
            words = f"process {self._processes.rank} failed: {error!r}"
            self._processes.tell_all(_Outcome(trouble=words))
            raise
        outcomes = self._processes.tell_all(own)
        for outcome in outcomes:
            if outcome.trouble:
                raise TrainingError(outcome.trouble)
        if any(outcome.exhausted for outcome in outcomes):
            return None
        results = [result for outcome in outcomes for result in outcome.results]
        return sorted(results, key=lambda result: result.number)

    def _own_outcome(
        self, step: int, batch: int | None, buffers: PartedBuffers
    ) -> _Outcome:
        outcome = _Outcome()
        with _memory_watch(outcome):
            self._foresee(step + 1, batch)
            for number, size in self._own_parts(batch):
                buffers.restore()
                result = self._compute(step, number, size, batch)
                if not np.isfinite(result.loss):
                    outcome.trouble = self._complaint(
                        f"the loss of {self._named(step, number)}", step, result.loss
                    )
                    return outcome
                buffers.collect(result.share)
                outcome.results.append(result)
        return outcome

    def _foresee(self, step: int, batch: int | None) -> None:
        """Tell the task what this process's parts of a coming step will draw from."""
        task, settings = self._task, self._settings
        if step >= settings.steps or not isinstance(task, ForeseeingTask):
            return
        for number, size in self._own_parts(batch):
            task.foresee(step, part_generator(settings.seed, step, number), size)

    def _own_parts(self, batch: int | None) -> Iterator[tuple[int, int]]:
        """Give the number of each part of this process, and its pictures."""
        for number in range(self._processes.rank, self.parts, self._processes.count):
            whole = self.parts if batch is None else batch
            yield number, whole // self.parts + (number < whole % self.parts)

    def _compute(
        self, step: int, number: int, size: int, batch: int | None
    ) -> PartResult:
        """Add a part's share of the gradient to what is there."""
        if batch is not None and isinstance(self._task, ResizableTask):
            self._task.batch_size = size
        share = size / (self.parts if batch is None else batch)
        generator = part_generator(self._settings.seed, step, number)
        with autocast(self._device, self._dtype):
            loss, metrics = self._task.loss(step, generator, self._device)
        value = float(loss.detach())
        if np.isfinite(value):
            (loss * share).backward()  # type: ignore[no-untyped-call]
        return PartResult(number, share, value, metrics)

    def _add_up(self, buffers: PartedBuffers) -> None:
        """Sum gradients and changes of buffers over the processes."""
        if self._processes.count == 1:
            return
        # a weight that no part has used keeps no gradient, as in one process
        used = [p.grad is not None for p in self._parameters]
        flags = torch.tensor(used, dtype=torch.float32, device=self._device)
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        self._processes.add_up([*gradients, *buffers.changes, flags])
        for parameter, anywhere in zip(self._parameters, flags.tolist(), strict=True):
            if not anywhere:
                parameter.grad = None

    def _check_length(self, step: int) -> None:
        """Refuse a gradient that is not finite; shorten one that is too long."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            what = f"the gradient of the loss of {self._named(step, 0)}"
            raise TrainingError(self._complaint(what, step, float(norm)))
        limit = self._settings.clip_norm
        if limit is not None:
            nn.utils.clip_grads_with_norm_(self._parameters, limit, norm)

    def _named(self, step: int, number: int) -> str:
        part = f", part {number + 1} of {self.parts}," if self.parts > 1 else ""
        return f"step {step + 1}{part}"

    def _complaint(self, what: str, step: int, value: float) -> str:
        task, settings = self._task, self._settings
        batch = ""
        if isinstance(task, NamingTask):
            batch = f" Its pictures: {task.batch_in_words()}."
        return (
            f"{what} is {value}; training stops there and keeps the weights of step "
            f"{step}.{batch} A lower learning rate than {settings.learning_rate:g}, "
            f"clip_norm, or precision 'float32' may help (seed {settings.seed})"
        )


class PartedBuffers:
    """A network's buffers, while parts of a step change them one after the other.

    Parameters
    ----------
    model
        Whose buffers.
    """

    def __init__(self, model: nn.Module) -> None:
        self._all = [(buffer, buffer.clone()) for buffer in model.buffers()]
        self._averages = [pair for pair in self._all if pair[0].is_floating_point()]
        self.changes = [torch.zeros_like(buffer) for buffer, _ in self._averages]

    def restore(self) -> None:
        """Set all to what they were before the step."""
        for buffer, before in self._all:
            buffer.copy_(before)

    def collect(self, share: float) -> None:
        """Add what a part has changed, by its share."""
        pairs = zip(self.changes, self._averages, strict=True)
        for change, (buffer, before) in pairs:
            # rounded before it is added, as what another process sends is
            change.add_((buffer - before) * share)

    def settle(self) -> None:
        """Set averages to what all parts have made of them; counters count one step."""
        pairs = zip(self.changes, self._averages, strict=True)
        for change, (buffer, before) in pairs:
            buffer.copy_(before + change)


def check_parts(parts: int, processes: int, batch: int | None) -> None:
    """Refuse parts that processes cannot share, or for which there is no picture.

    Raises
    ------
    SettingsError
        Saying which, and what would do.
    """
    if parts % processes:
        raise SettingsError(
            f"a step of {parts} parts cannot be shared by {processes} processes; parts "
            "must be a multiple of the processes"
        )
    if batch is not None and batch < parts:
        raise SettingsError(
            f"a batch of {batch} cannot be divided into {parts} parts of one picture "
            f"at least; take a batch of {parts} or more"
        )


def mean_of(results: Sequence[PartResult]) -> dict[str, float]:
    """Return ``"loss"`` and metrics of a step; each over the parts that have it."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    means = {"loss": sum(result.share * result.loss for result in results)}
    for name in names:
        having = [result for result in results if name in result.metrics]
        weight = sum(result.share for result in having)
        total = sum(result.share * result.metrics[name] for result in having)
        means[name] = total / weight
    return means


@contextmanager
def _memory_watch(outcome: _Outcome) -> Iterator[None]:
    """Note that memory ran out; the exception, and with it the step's tensors, go."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        outcome.exhausted = True
