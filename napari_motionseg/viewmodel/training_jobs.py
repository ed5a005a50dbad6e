"""Define the trainings that docks start in a worker process.

The window sends the user's choices. The settings that follow from them are made in the
worker, because their modules need torch, which the window must not wait for.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.cine.field_of_view import find_field_of_view
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import Job, Progress, map_progress
from napari_motionseg.viewmodel.learning_choices import (
    AdaptationChoices,
    PretrainChoices,
)
from napari_motionseg.viewmodel.training_choices import TrainingChoices, on_device


def finetune_layer_job(
    examples: list[tuple[Cine, Labels]],
    choices: TrainingChoices,
    device: str,
    *,
    start: str | Path,
    out: Path,
    shown: NDArray[np.float32],
) -> Job[Path]:
    """Fine-tune a network on painted loops.

    Parameters
    ----------
    examples
        Loops with their labels.
    choices
        Choices of the user, which determine the settings.
    device
        Name of the device, as in `resolve_device`.
    start
        Path of the checkpoint to start from, or ``"scratch"``.
    out
        Path of the checkpoint that is written and returned.
    shown
        Frame ``(H, W)`` in [0, 1] that previews are made of. They mark nothing outside
        its field of view.
    """
    from napari_motionseg.segmentation.finetune import finetune_job

    settings = on_device(choices.settings(), device)
    inside = find_field_of_view(shown).inner()
    job = finetune_job(examples, settings, start=start, out=out, shown=shown)
    return (yield from map_progress(job, partial(_preview_inside, inside)))


def _preview_inside(inside: NDArray[np.bool_], progress: Progress) -> Progress:
    if progress.preview is None:
        return progress
    preview = np.where(inside, progress.preview, 0).astype(np.float16)
    return replace(progress, preview=preview)


def pretrain_layer_job(
    cine: Cine, choices: PretrainChoices, device: str, out: Path
) -> Job[Path]:
    """Pretrain an embedding on one loop; its flow is cached.

    Parameters
    ----------
    cine
        The loop.
    choices
        Choices of the user, which determine the settings.
    device
        Name of the device of training and flow, as in `resolve_device`.
    out
        Path of the checkpoint that is written and returned.
    """
    from napari_motionseg.motion import FlowCache
    from napari_motionseg.training import pretrain_job

    settings = choices.settings(device, min(cine.shape[1:]))
    cache = FlowCache.default()
    job = pretrain_job([cine], settings, out=out, cache=cache, anyway=choices.anyway)
    return (yield from job)


def adapt_flow_layer_job(
    examples: list[tuple[Cine, Labels]],
    choices: AdaptationChoices,
    device: str,
    out: Path,
) -> Job[Path]:
    """Fine-tune the flow network on composed pairs of painted loops.

    Parameters
    ----------
    examples
        Loops with their labels.
    choices
        Choices of the user, which determine the settings.
    device
        Name of the device, as in `resolve_device`.
    out
        Path of the checkpoint that is written and returned.
    """
    from napari_motionseg.training.flow.adaptation import adapt_flow_job

    return (yield from adapt_flow_job(examples, choices.settings(device), out=out))
