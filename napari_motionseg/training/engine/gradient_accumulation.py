"""Accumulate the gradient of one step over the micro-batches of its batch.

Each micro-batch passes through the network separately, from the same weights and
buffers and with its own random generator. Gradients and changes of buffers (running
averages of batch norm) are then averaged, weighted by the number of pictures. One
process that computes all micro-batches reaches the same weights as several that share
them.
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
from napari_motionseg.training.engine.seeds import micro_batch_generator
from napari_motionseg.training.engine.settings import TrainingSettings
from napari_motionseg.training.engine.task import (
    DescribingTask,
    PrefetchingTask,
    ResizableTask,
    Task,
)


@dataclass(frozen=True)
class MicroBatchResult:
    """The loss of a micro-batch.

    Parameters
    ----------
    number
        Number of the micro-batch in its step, from 0.
    share
        Its share of the pictures of the step, 0 to 1.
    loss
        Loss that the task returned.
    metrics
        Metrics that the task returned, by name.
    """

    number: int
    share: float
    loss: float
    metrics: dict[str, float]


@dataclass
class _Outcome:
    """The results of one process, whether it ran out of memory, or why it failed."""

    results: list[MicroBatchResult] = field(default_factory=list)
    out_of_memory: bool = False
    failure: str = ""


class GradientAccumulation:
    """Compute the gradient of a step from its micro-batches.

    Parameters
    ----------
    task
        Task that is trained; see `Task`.
    settings
        Settings of the training.
    processes
        Processes that share the micro-batches; their number divides that of the
        micro-batches.
    device
        Device of the model.
    dtype
        Data type of the forward pass.
    """

    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        processes: Processes,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.micro_batches = settings.micro_batches or processes.count
        self._task = task
        self._settings = settings
        self._processes = processes
        self._device = device
        self._dtype = dtype
        self._parameters = [p for p in task.model.parameters() if p.requires_grad]

    def gradients(self, step: int, batch: int | None) -> list[MicroBatchResult] | None:
        """Leave the gradient in the parameters; return None if memory ran out anywhere.

        Parameters
        ----------
        step
            Number of the step, from 0.
        batch
            Number of pictures in all micro-batches; None if the task has no batch size.

        Returns
        -------
        list[MicroBatchResult] or None
            Results of all micro-batches of all processes, in order.

        Raises
        ------
        TrainingError
            If a loss or the gradient is not finite; the buffers are then restored.
        """
        # batch norm changes its buffers in the forward pass, before the loss is known
        buffers = AccumulatedBuffers(self._task.model)
        try:
            results = self._gather_results(step, batch, buffers)
            if results is None:
                buffers.restore()
                return None
            self._all_reduce(buffers)
            self._check_length(step)
        except BaseException:
            buffers.restore()
            raise
        buffers.apply()
        return results

    def _gather_results(
        self, step: int, batch: int | None, buffers: AccumulatedBuffers
    ) -> list[MicroBatchResult] | None:
        try:
            own = self._compute_own(step, batch, buffers)
        except BaseException as error:
            # without this message, the others would wait for this process's gradient
            words = f"process {self._processes.rank} failed: {error!r}"
            self._processes.all_gather(_Outcome(failure=words))
            raise
        outcomes = self._processes.all_gather(own)
        for outcome in outcomes:
            if outcome.failure:
                raise TrainingError(outcome.failure)
        if any(outcome.out_of_memory for outcome in outcomes):
            return None
        results = [result for outcome in outcomes for result in outcome.results]
        return sorted(results, key=lambda result: result.number)

    def _compute_own(
        self, step: int, batch: int | None, buffers: AccumulatedBuffers
    ) -> _Outcome:
        outcome = _Outcome()
        with _memory_watch(outcome):
            self._prefetch(step + 1, batch)
            for number, size in self._own_micro_batches(batch):
                buffers.restore()
                result = self._compute(step, number, size, batch)
                if not np.isfinite(result.loss):
                    outcome.failure = self._failure(
                        f"the loss of {self._describe(step, number)}", step, result.loss
                    )
                    return outcome
                buffers.collect(result.share)
                outcome.results.append(result)
        return outcome

    def _prefetch(self, step: int, batch: int | None) -> None:
        """Let the task prefetch this process's micro-batches of a coming step."""
        task, settings = self._task, self._settings
        if step >= settings.steps or not isinstance(task, PrefetchingTask):
            return
        for number, size in self._own_micro_batches(batch):
            task.prefetch(
                step, micro_batch_generator(settings.seed, step, number), size
            )

    def _own_micro_batches(self, batch: int | None) -> Iterator[tuple[int, int]]:
        """Yield number and size of each micro-batch of this process."""
        for number in range(
            self._processes.rank, self.micro_batches, self._processes.count
        ):
            count = self.micro_batches
            whole = count if batch is None else batch
            yield number, whole // count + (number < whole % count)

    def _compute(
        self, step: int, number: int, size: int, batch: int | None
    ) -> MicroBatchResult:
        """Add the gradient of a micro-batch, times its share, to the others'."""
        if batch is not None and isinstance(self._task, ResizableTask):
            self._task.batch_size = size
        share = size / (self.micro_batches if batch is None else batch)
        generator = micro_batch_generator(self._settings.seed, step, number)
        with autocast(self._device, self._dtype):
            loss, metrics = self._task.loss(step, generator, self._device)
        value = float(loss.detach())
        if np.isfinite(value):
            (loss * share).backward()  # type: ignore[no-untyped-call]
        return MicroBatchResult(number, share, value, metrics)

    def _all_reduce(self, buffers: AccumulatedBuffers) -> None:
        """Sum gradients and changes of buffers over all processes."""
        if self._processes.count == 1:
            return
        # as in one process, a weight that no micro-batch has used keeps no gradient
        used = [p.grad is not None for p in self._parameters]
        flags = torch.tensor(used, dtype=torch.float32, device=self._device)
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        self._processes.all_reduce([*gradients, *buffers.changes, flags])
        for parameter, anywhere in zip(self._parameters, flags.tolist(), strict=True):
            if not anywhere:
                parameter.grad = None

    def _check_length(self, step: int) -> None:
        """Raise an error for a gradient that is not finite.

        Shorten one that is too long.
        """
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            what = f"the gradient of the loss of {self._describe(step, 0)}"
            raise TrainingError(self._failure(what, step, float(norm)))
        limit = self._settings.clip_norm
        if limit is not None:
            nn.utils.clip_grads_with_norm_(self._parameters, limit, norm)

    def _describe(self, step: int, number: int) -> str:
        count = self.micro_batches
        which = f", micro-batch {number + 1} of {count}," if count > 1 else ""
        return f"step {step + 1}{which}"

    def _failure(self, what: str, step: int, value: float) -> str:
        task, settings = self._task, self._settings
        batch = ""
        if isinstance(task, DescribingTask):
            batch = f" Its pictures: {task.describe_batch()}."
        return (
            f"{what} is {value}; training stops and keeps the weights of step "
            f"{step}.{batch} A lower learning rate than {settings.learning_rate:g}, "
            f"clip_norm, or precision 'float32' may help (seed {settings.seed})"
        )


class AccumulatedBuffers:
    """Buffers of a network that the micro-batches of a step change one after another.

    Parameters
    ----------
    model
        Network whose buffers are accumulated.
    """

    def __init__(self, model: nn.Module) -> None:
        self._all = [(buffer, buffer.clone()) for buffer in model.buffers()]
        self._averages = [pair for pair in self._all if pair[0].is_floating_point()]
        self.changes = [torch.zeros_like(buffer) for buffer, _ in self._averages]

    def restore(self) -> None:
        """Set all buffers to their values before the step."""
        for buffer, before in self._all:
            buffer.copy_(before)

    def collect(self, share: float) -> None:
        """Add the change of the buffers by a micro-batch, times its share."""
        pairs = zip(self.changes, self._averages, strict=True)
        for change, (buffer, before) in pairs:
            # rounded before adding, like the values that another process sends
            change.add_((buffer - before) * share)

    def apply(self) -> None:
        """Set averages to the accumulated change; counters advance by one step."""
        pairs = zip(self.changes, self._averages, strict=True)
        for change, (buffer, before) in pairs:
            buffer.copy_(before + change)


def check_micro_batches(count: int, processes: int, batch: int | None) -> None:
    """Raise an error if micro-batches do not fit the processes or the batch.

    Parameters
    ----------
    count
        Number of micro-batches of a step.
    processes
        Number of processes that share them.
    batch
        Number of pictures of a step; None if the task has no batch size.

    Raises
    ------
    SettingsError
        If `count` is not a multiple of `processes`, or is larger than `batch`.
    """
    if count % processes:
        raise SettingsError(
            f"{count} micro-batches cannot be shared by {processes} processes; "
            "micro_batches must be a multiple of the processes"
        )
    if batch is not None and batch < count:
        raise SettingsError(
            f"a batch of {batch} cannot be divided into {count} micro-batches of at "
            f"least one picture; take a batch of {count} or more"
        )


def mean_of(results: Sequence[MicroBatchResult]) -> dict[str, float]:
    """Return ``"loss"`` and metrics of a step; each over the results that have it."""
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
        outcome.out_of_memory = True
