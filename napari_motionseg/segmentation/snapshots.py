"""Write a network at regular steps of its training."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TypeVar

from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import Job, Progress, map_progress
from napari_motionseg.models import ModelCard, SegmentationNet, save_model

Result = TypeVar("Result")


class Snapshots:
    """Checkpoints of a network while it is trained.

    Parameters
    ----------
    folder
        Path of the folder, which must exist.
    every
        Number of steps between two snapshots.

    Raises
    ------
    SettingsError
        If `every` is not positive.
    """

    def __init__(self, folder: str | Path, every: int) -> None:
        if every < 1:
            raise SettingsError(f"every must be at least 1; got {every}")
        self.folder = Path(folder)
        self.every = every

    def taken_job(
        self, job: Job[Result], model: SegmentationNet, card: ModelCard
    ) -> Job[Result]:
        """Run a training, and write its network every so many steps.

        Parameters
        ----------
        job
            Training of the network, which yields `Progress` after each step.
        model
            The network.
        card
            Model card of the snapshots.
        """
        return map_progress(job, partial(self._take, model=model, card=card))

    def _take(
        self, progress: Progress, model: SegmentationNet, card: ModelCard
    ) -> Progress:
        if "loss" in progress.metrics and progress.step % self.every == 0:
            path = self.folder / f"step-{progress.step:06d}.safetensors"
            save_model(path, model, card)
        return progress

    def paths(self) -> dict[int, Path]:
        """Return the checkpoints so far, by the number of steps."""
        found = sorted(self.folder.glob("step-*.safetensors"))
        return {int(path.name[5:11]): path for path in found}
