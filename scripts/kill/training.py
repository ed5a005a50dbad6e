"""Training: killed between or within steps, then resumed to the very same weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import run
from napari_motionseg.training.engine.checkpointing import read_state, steps_done
from napari_motionseg.training.engine.loop import TrainingSettings, train_job

from .act import Act, Finding, changed, leftovers, plant

MORE_STEPS = 6  # after the kill


class Copying:
    """A small convolution that learns to copy noise."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.model = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
            )
        self.batch_size = 4

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a step, from the step's own random numbers."""
        images = torch.randn((self.batch_size, 1, 24, 24), generator=generator)
        return (self.model(images) - images).square().mean(), {}

    def preview(self) -> None:
        """Show nothing."""


def settings(steps: int) -> TrainingSettings:
    """Return settings whose rate does not depend on the number of steps."""
    return TrainingSettings(
        steps=steps, checkpoint_every=3, device="cpu", precision="float32",
        learning_rate=1e-2,
    )  # fmt: skip


class Training(Act):
    """A training that writes its state every three steps, and its curves."""

    name = "training"

    def work(self) -> None:
        plant(self.folder)
        state = self.folder / "net.state.safetensors"
        job = train_job(
            Copying(),
            settings(10**6),
            state_path=state,
            log_folder=self.folder / "log.d",
        )
        for progress in job:
            if progress.step % 3 == 0:
                self.note(str(progress.step))

    def look(self, notes: list[tuple[str, float]], killed: float) -> Finding:
        found = Finding()
        kept = max((int(word) for word, _ in notes), default=0)
        state = self.folder / "net.state.safetensors"
        found.acknowledged = kept
        try:
            there = steps_done(state)
            found.lost += there < kept
            found.mixed += there not in (kept, kept + 3)
            resumed = self._train(there + MORE_STEPS, state, resume=True)
            found.mixed += read_state(state).step != there + MORE_STEPS
        except MotionSegError as error:
            found.mixed += 1
            found.words.append(str(error))
        else:
            other = self.folder / "undisturbed.state.safetensors"
            undisturbed = self._train(there + MORE_STEPS, other, resume=False)
            if any(not resumed[n].equal(undisturbed[n]) for n in undisturbed):
                found.mixed += 1
                found.words.append("the weights after a resume are others")
        if notes:
            found.foreign = changed(self.folder)
        found.leftovers = len(leftovers(self.folder))
        return found

    def _train(self, steps: int, state: Any, *, resume: bool) -> dict[str, Tensor]:
        task = Copying()
        job = train_job(
            task, settings(steps), state_path=state, resume=resume,
            log_folder=self.folder / "log.d" if resume else None,
        )  # fmt: skip
        run(job)
        return dict(task.model.state_dict())
