"""Hold the state of a training: take a step, save it, resume it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_motionseg.errors import TrainingError, TrainingMemoryError
from napari_motionseg.jobs import Progress
from napari_motionseg.models.devices import resolve_device
from napari_motionseg.models.precision import place, resolve_precision
from napari_motionseg.models.reproducible import reproducible_sums
from napari_motionseg.training.engine.checkpointing import (
    TrainingState,
    collect_moments,
    differences,
    read_state,
    restore_moments,
    write_state,
)
from napari_motionseg.training.engine.distributed import Processes
from napari_motionseg.training.engine.gradient_accumulation import (
    GradientAccumulation,
    check_micro_batches,
    mean_of,
)
from napari_motionseg.training.engine.settings import TrainingSettings, learning_rate
from napari_motionseg.training.engine.task import CroppingTask, ResizableTask, Task
from napari_motionseg.training.engine.throughput import Throughput, TimedTask
from napari_motionseg.version import __version__

# settings that may change at a resume, because no batch depends on them
FREE_SETTINGS = (
    "device", "checkpoint_every", "preview_every", "tensorboard", "micro_batches",
)  # fmt: skip
MANY = 5  # most differences that a message lists


@dataclass(frozen=True)
class TrainingRecord:
    """Result of a training.

    Parameters
    ----------
    losses
        Loss of every step, including those before a resume.
    steps_done
        Number of all steps that were done.
    stopped
        Whether the training was stopped before its last step.
    provenance
        JSON values for the card of the checkpoint: settings, device, precision,
        versions, batch size, micro-batches, processes, first and last losses.
    """

    losses: list[float] = field(default_factory=list)
    steps_done: int = 0
    stopped: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)


class Trainer:
    """A network with its optimizer, and the number of steps done.

    Parameters
    ----------
    task
        Task whose model is trained in place.
    settings
        Settings of the training loop.
    identity
        JSON values that must be equal to resume.
    processes
        Processes that train together.

    Raises
    ------
    SettingsError
        If the numbers of micro-batches, processes and pictures do not fit together.
    TrainingError
        If the processes were started with different arguments.
    """

    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        identity: Mapping[str, Any],
        processes: Processes,
    ) -> None:
        self.step = 0
        self.losses: list[float] = []
        self.metrics: dict[str, float] = {}
        self._task = task
        self._settings = settings
        self._processes = processes
        self._device = resolve_device(settings.device)
        self._dtype = resolve_precision(settings.precision, self._device)
        self._batch = task.batch_size if isinstance(task, ResizableTask) else None
        self._saved_step = 0
        self._between_steps = True
        self.throughput = Throughput(devices=processes.count)
        place(task.model, self._device)
        self._step = GradientAccumulation(
            task, settings, processes, self._device, self._dtype
        )
        check_micro_batches(self._step.micro_batches, processes.count, self._batch)
        parameters = [p for p in task.model.parameters() if p.requires_grad]
        fused = self._device.type in ("cpu", "cuda")
        self._optimizer = torch.optim.AdamW(
            parameters, weight_decay=settings.weight_decay, fused=fused
        )
        self._identity = self._identify(identity)
        self._synchronize()

    def advance(self) -> str:
        """Take one step; return a notice for the user, which is mostly empty."""
        notices = []
        while not self._take_step():
            notices.append(self._need_less())
        return " ".join(notices)

    def _take_step(self) -> bool:
        """Take one step; return False, with nothing changed, if memory ran out."""
        begun, waited = time.perf_counter(), self._waited()
        self._task.model.train()
        self._optimizer.zero_grad(set_to_none=True)
        with reproducible_sums(self._device):
            results = self._step.gradients(self.step, self._batch)
        if results is None:
            return False
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._settings, self.step)
        self._between_steps = False
        self._optimizer.step()
        self._between_steps = True
        self.metrics = mean_of(results)
        self.losses.append(self.metrics["loss"])
        self.step += 1
        self._count(time.perf_counter() - begun, self._waited() - waited)
        return True

    def _waited(self) -> float:
        """Return the time in s that the task has spent on data."""
        task = self._task
        return task.data_clock.seconds if isinstance(task, TimedTask) else 0.0

    def _count(self, seconds: float, waiting_s: float) -> None:
        known, pictures = self.throughput, (self._batch or 1) / self._processes.count
        self.throughput = dataclasses.replace(
            known,
            pictures=known.pictures + pictures,
            seconds=known.seconds + seconds,
            waiting_s=known.waiting_s + waiting_s,
        )

    def _need_less(self) -> str:
        """Reduce the batch, then the size of pictures; return a notice."""
        self._optimizer.zero_grad(set_to_none=True)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        size = self._batch or 1
        if size // 2 < self._step.micro_batches:
            return self._crop_smaller()
        self._resize(size // 2)
        return f"Out of memory: the batch is now {size // 2} instead of {size}."

    def _crop_smaller(self) -> str:
        task = self._task
        words = task.crop_smaller() if isinstance(task, CroppingTask) else ""
        if not words:
            raise TrainingMemoryError(
                f"{self._device} has too little memory for one picture in a step; "
                "choose a smaller crop or network"
            )
        return f"Out of memory: from here on {words}."

    def _resize(self, batch: int) -> None:
        if isinstance(self._task, ResizableTask):
            self._batch = self._task.batch_size = batch

    def progress(self, notice: str) -> Progress:
        """Return the progress after a step, with a preview where one is due."""
        every, total = self._settings.preview_every, self._settings.steps
        # also the first step, to show soon that something is learnt
        due = every and (self.step % every == 0 or self.step in (1, total))
        preview = self._task.preview() if due and self._processes.is_main else None
        if self.step == total and isinstance(self._task, TimedTask):
            notice = f"{notice} {self.throughput}".strip()
        return Progress(self.step, total, notice, self.metrics, preview)

    def save(self, path: Path | None) -> None:
        """Write the state if it is not written yet; all processes must call this."""
        if path is not None and self.step != self._saved_step:
            self._processes.once(lambda: self._write(path))
            self._saved_step = self.step

    def rescue(self, path: Path | None) -> None:
        """Write the state after a failure or cancel; other processes may be gone."""
        unsaved = self._between_steps and self.step != self._saved_step
        if path is not None and unsaved and self._processes.is_main:
            self._write(path)
            self._saved_step = self.step

    def _write(self, path: Path) -> None:
        model = self._task.model
        state = TrainingState(
            step=self.step,
            identity=self._identity,
            batch_size=self._batch,
            micro_batches=self._step.micro_batches,
            losses=self.losses,
            weights=model.state_dict(),
            moments=collect_moments(model, self._optimizer),
        )
        write_state(path, state)

    def resume(self, path: Path) -> str:
        """Restore the state at `path`; return a notice for the user."""
        state = self._processes.once(lambda: self._read(path))
        if state is None:
            return f"There is nothing to resume at {path.name}; training starts anew."
        if not self._settings.micro_batches:
            self._step.micro_batches = state.micro_batches
            check_micro_batches(
                state.micro_batches, self._processes.count, state.batch_size
            )
        if state.batch_size:
            self._resize(state.batch_size)
        self._task.model.load_state_dict(state.weights)
        restore_moments(self._task.model, self._optimizer, state.moments)
        self.step = self._saved_step = state.step
        self.losses = state.losses
        return f"Resumed after step {state.step}."

    def _read(self, path: Path) -> TrainingState | None:
        if not path.exists():
            return None
        state = read_state(path)
        found = differences(state.identity, self._identity)
        wanted = self._settings.micro_batches
        if wanted and wanted != state.micro_batches:
            found.append(
                f"training.micro_batches was {state.micro_batches}, is {wanted}"
            )
        if found:
            raise TrainingError(
                f"{path}: belongs to another run, so it cannot be resumed: "
                f"{_in_words(found)}. Start without resume, or with the former settings"
            )
        return state

    def _identify(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        settings = dataclasses.asdict(self._settings)
        free = [*FREE_SETTINGS]
        if self._settings.schedule == "constant":
            free.append("steps")  # a run may be extended
        shapes = {n: list(w.shape) for n, w in self._task.model.state_dict().items()}
        whole = {
            "training": {k: v for k, v in settings.items() if k not in free},
            "network": shapes,
            **identity,
        }
        return json.loads(json.dumps(whole))  # type: ignore[no-any-return]

    def _synchronize(self) -> None:
        """Check that all processes agree; broadcast the main one's weights."""
        settings = dataclasses.asdict(self._settings) | {"device": self._device.type}
        asked = {**self._identity, "settings": settings, "type": str(self._dtype)}
        first, *others = self._processes.all_gather(asked)
        for rank, other in enumerate(others, start=1):
            found = differences(first, other)
            if found:
                raise TrainingError(
                    f"process {rank} was started differently from process 0: "
                    f"{_in_words(found)}. Start all with the same command and files"
                )
        self._processes.broadcast(list(self._task.model.state_dict().values()))

    def record(self, stopped: bool) -> TrainingRecord:
        """Return the result so far."""
        tail = self.losses[-max(1, len(self.losses) // 10) :]
        provenance = {
            "settings": dataclasses.asdict(self._settings),
            "seed": self._settings.seed,
            "device": self._device.type,
            "precision": str(self._dtype).removeprefix("torch."),
            "batch_size": self._batch,
            "micro_batches": self._step.micro_batches,
            "processes": self._processes.count,
            "steps_done": self.step,
            "stopped": stopped,
            "first_loss": self.losses[0] if self.losses else None,
            "last_losses_mean": float(np.mean(tail)) if tail else None,
            "versions": {"torch": torch.__version__, "napari-motionseg": __version__},
        }
        return TrainingRecord(self.losses, self.step, stopped, provenance)


def _in_words(found: list[str]) -> str:
    more = f" and {len(found) - MANY} more" if len(found) > MANY else ""
    return "; ".join(found[:MANY]) + more
