"""The one training loop: any task, any device, exact resume, cancel at any step.

A task says what a batch is and what its loss is; everything else is here. Batches
derive from the seed and the number of the step alone, so that a run that was stopped,
cancelled or killed goes on to the very weights that an undisturbed run reaches.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from napari_motionseg import __version__
from napari_motionseg.errors import TrainingError
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.models.devices import is_out_of_memory, resolve_device
from napari_motionseg.models.precision import autocast, place, resolve_precision
from napari_motionseg.training.seeds import step_generator
from napari_motionseg.training.settings import (
    Precision,
    Schedule,
    TrainingSettings,
    learning_rate,
)
from napari_motionseg.training.state import (
    TrainingState,
    collect_moments,
    differences,
    read_state,
    restore_moments,
    write_state,
)

__all__ = [
    "Precision",
    "ResizableTask",
    "Schedule",
    "Task",
    "TrainingRecord",
    "TrainingSettings",
    "autocast",
    "step_generator",
    "train_job",
]

# What may differ between a run and its continuation, because no batch depends on it
FREE_SETTINGS = ("device", "checkpoint_every", "preview_every")


class Task(Protocol):
    """What is trained, and on what.

    A task computes only through `model`, which the loop moves to its device, and draws
    only from the generator it is given.
    """

    @property
    def model(self) -> nn.Module:
        """The network, trained in place."""
        ...

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the scalar loss of the batch of `step`, and metrics to show with it.

        Parameters
        ----------
        step
            From 0.
        generator
            On the CPU, seeded by the run's seed and `step`.
        device
            Where the model is.
        """
        ...

    def preview(self) -> Any:
        """Return something to look at; the model may be put in eval mode for it."""
        ...


@runtime_checkable
class ResizableTask(Protocol):
    """A task that goes on with fewer pictures a step when memory runs out."""

    batch_size: int


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went.

    Parameters
    ----------
    losses
        Of every step, those before a resume included.
    steps_done
        Steps in all.
    stopped
        Whether it was asked to stop before the last step.
    provenance
        JSON values for a checkpoint's card: settings, device, precision, versions,
        batch size, first and last losses.
    """

    losses: list[float] = field(default_factory=list)
    steps_done: int = 0
    stopped: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)


def train_job(
    task: Task,
    settings: TrainingSettings,
    *,
    state_path: str | Path | None = None,
    resume: bool = False,
    identity: Mapping[str, Any] | None = None,
) -> Job[TrainingRecord]:
    """Train `task.model` in place.

    Parameters
    ----------
    task
        See `Task`; a `ResizableTask` has its batch halved when memory runs out.
    settings
        See `TrainingSettings`.
    state_path
        Safetensors file for the state, written every `checkpoint_every` steps and
        whenever training ends: at the last step, stopped, cancelled or failed.
    resume
        Go on from `state_path`; from the beginning where that does not exist.
    identity
        JSON values that must be equal for a resume: the task's settings, data hashes.

    Yields
    ------
    Progress
        After each step, with ``metrics["loss"]`` and the task's own metrics.

    Raises
    ------
    TrainingError
        If the loss or its gradient is not finite (the weights stay those of the step
        before), if memory does not suffice for one picture, or if the state belongs to
        another run.
    WriteError
        If the state cannot be written.
    """
    trainer = _Trainer(task, settings, identity or {})
    path = None if state_path is None else Path(state_path)
    notice = trainer.resume(path) if resume and path is not None else ""
    stopped = False
    try:
        while trainer.step < settings.steps and not stopped:
            notice = " ".join(filter(None, (notice, trainer.advance())))
            if trainer.step % settings.checkpoint_every == 0:
                trainer.save(path)
            stopped = (yield trainer.progress(notice)) == STOP
            notice = ""
    finally:
        trainer.save(path)
    return trainer.record(stopped)


class _Trainer:
    """A training between two steps, and how to take the next."""

    def __init__(
        self, task: Task, settings: TrainingSettings, identity: Mapping[str, Any]
    ) -> None:
        self.step = 0
        self.losses: list[float] = []
        self._task = task
        self._settings = settings
        self._device = resolve_device(settings.device)
        self._dtype = resolve_precision(settings.precision, self._device)
        self._metrics: dict[str, float] = {}
        self._saved_step = 0
        self._between_steps = True
        place(task.model, self._device)
        self._parameters = [p for p in task.model.parameters() if p.requires_grad]
        fused = self._device.type in ("cpu", "cuda")
        self._optimizer = torch.optim.AdamW(
            self._parameters, weight_decay=settings.weight_decay, fused=fused
        )
        self._identity = self._identify(identity)

    def advance(self) -> str:
        """Take one step; return what a person should know about it."""
        notice = ""
        while True:
            with _memory_watch() as memory:
                self._take_step()
            if not memory.exhausted:
                self.step += 1
                return notice
            notice = self._halve_batch()

    def _take_step(self) -> None:
        model, settings = self._task.model, self._settings
        model.train()
        self._optimizer.zero_grad(set_to_none=True)
        # batch norm updates its buffers in the forward pass, before the loss is known
        buffers = [buffer.clone() for buffer in model.buffers()]
        try:
            loss, metrics = self._gradients()
        except BaseException:
            for buffer, before in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(before)
            raise
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(settings, self.step)
        self._between_steps = False
        self._optimizer.step()
        self._between_steps = True
        self.losses.append(loss)
        self._metrics = {"loss": loss, **metrics}

    def _gradients(self) -> tuple[float, dict[str, float]]:
        """Leave the gradients of this step's batch; return its loss and metrics."""
        generator = step_generator(self._settings.seed, self.step)
        with autocast(self._device, self._dtype):
            loss, metrics = self._task.loss(self.step, generator, self._device)
        value = float(loss.detach())
        if not np.isfinite(value):
            self._refuse("the loss", value)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            self._refuse("the gradient of the loss", float(norm))
        limit = self._settings.clip_norm
        if limit is not None:
            nn.utils.clip_grads_with_norm_(self._parameters, limit, norm)
        return value, metrics

    def _refuse(self, what: str, value: float) -> None:
        raise TrainingError(
            f"{what} of step {self.step + 1} is {value}; training stops there and "
            f"keeps the weights of step {self.step}. A lower learning rate than "
            f"{self._settings.learning_rate:g}, clip_norm, or precision 'float32' may "
            f"help (seed {self._settings.seed})"
        )

    def _halve_batch(self) -> str:
        self._optimizer.zero_grad(set_to_none=True)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        size = self._task.batch_size if isinstance(self._task, ResizableTask) else 1
        if size <= 1:
            raise TrainingError(
                f"{self._device} has too little memory for one picture a step; take a "
                "smaller crop or network"
            )
        self._task.batch_size = size // 2  # type: ignore[attr-defined]
        return f"Out of memory: from here on {size // 2} instead of {size} a batch."

    def progress(self, notice: str) -> Progress:
        """Return what to tell after a step."""
        every, total = self._settings.preview_every, self._settings.steps
        due = every and (self.step % every == 0 or self.step == total)
        preview = self._task.preview() if due else None
        return Progress(self.step, total, notice, self._metrics, preview)

    def _identify(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        settings = dataclasses.asdict(self._settings)
        free = [*FREE_SETTINGS]
        if self._settings.schedule == "constant":
            free.append("steps")  # more of the same
        shapes = {n: list(w.shape) for n, w in self._task.model.state_dict().items()}
        whole = {
            "training": {k: v for k, v in settings.items() if k not in free},
            "network": shapes,
            **identity,
        }
        return json.loads(json.dumps(whole))  # type: ignore[no-any-return]

    def save(self, path: Path | None) -> None:
        """Write the state, unless it is there already or a step is half taken."""
        if path is None or not self._between_steps or self.step == self._saved_step:
            return
        model = self._task.model
        state = TrainingState(
            step=self.step,
            identity=self._identity,
            batch_size=getattr(self._task, "batch_size", None),
            losses=self.losses,
            weights=model.state_dict(),
            moments=collect_moments(model, self._optimizer),
        )
        write_state(path, state)
        self._saved_step = self.step

    def resume(self, path: Path) -> str:
        """Take over the state at `path`; return what a person should know of it."""
        if not path.exists():
            return f"Nothing to resume at {path.name}: starting from the beginning."
        state = read_state(path)
        found = differences(state.identity, self._identity)
        if found:
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            raise TrainingError(
                f"{path} belongs to another run, so it cannot be resumed: "
                f"{'; '.join(found[:5])}{more}. Start without resume, or as before"
            )
        if state.batch_size and isinstance(self._task, ResizableTask):
            self._task.batch_size = state.batch_size
        self._task.model.load_state_dict(state.weights)
        restore_moments(self._task.model, self._optimizer, state.moments)
        self.step = self._saved_step = state.step
        self.losses = state.losses
        return f"Resumed after step {state.step}."

    def record(self, stopped: bool) -> TrainingRecord:
        """Return how it went."""
        tail = self.losses[-max(1, len(self.losses) // 10) :]
        provenance = {
            "settings": dataclasses.asdict(self._settings),
            "seed": self._settings.seed,
            "device": self._device.type,
            "precision": str(self._dtype).removeprefix("torch."),
            "batch_size": getattr(self._task, "batch_size", None),
            "steps_done": self.step,
            "stopped": stopped,
            "first_loss": self.losses[0] if self.losses else None,
            "last_losses_mean": float(np.mean(tail)) if tail else None,
            "versions": {"torch": torch.__version__, "napari-motionseg": __version__},
        }
        return TrainingRecord(self.losses, self.step, stopped, provenance)


@dataclass
class _Memory:
    exhausted: bool = False


@contextmanager
def _memory_watch() -> Iterator[_Memory]:
    """Note that memory ran out; the exception, and with it the step's tensors, go."""
    memory = _Memory()
    try:
        yield memory
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        memory.exhausted = True
