"""Check that flow has something to teach, before hours are spent on a training.

An objective that fits the network is tried on empty flow at once. Then the flow of a
few pairs is estimated, and the information of the objective's target is measured on it.
It depends on the flow alone; see `objectives.explained`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from napari_motionseg.cine import Cine
from napari_motionseg.errors import (
    MotionError,
    ReadError,
    SettingsError,
    TrainingError,
)
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.motion import FlowCache, lazy_flow
from napari_motionseg.objectives.explained import INFORMATION
from napari_motionseg.objectives.weighted_sum import needs_second_frame
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.pretrain.motion_task import Learner
from napari_motionseg.training.pretrain.settings import PretrainSettings

MOST_LOOPS, PAIRS = 4, 2  # loops, and pairs of each, whose flow is measured
WINDOWS = 4  # windows of each pair
TRIED_SIDE = 64  # px: side of the empty picture, if windows are not smaller


def check_objective(model: Learner, settings: PretrainSettings) -> None:
    """Raise an error unless the objective fits the network and its windows.

    Parameters
    ----------
    model
        Embedding network with its objective.
    settings
        Settings of the pretraining.

    Raises
    ------
    SettingsError
        If the objective refuses embeddings of this network.
    """
    points = getattr(settings.make_objective(), "points", 1)
    side = settings.crop or max(TRIED_SIDE, math.isqrt(points) + 1)
    try:
        _metrics(model, settings, torch.zeros(1, 2, side, side))
    except SettingsError as error:
        names = settings.objective
        words = names if isinstance(names, str) else " + ".join(names)
        raise SettingsError(
            f"objective {words} does not fit a network with {settings.network.head} "
            f"and embedding_dim={settings.network.embedding_dim}: {error}"
        ) from error


def signal_job(
    cines: Sequence[Cine],
    model: Learner,
    settings: PretrainSettings,
    cache: FlowCache | None = None,
) -> Job[dict[str, float]]:
    """Measure the information of the objective's target on a few pairs.

    Parameters
    ----------
    cines
        Loops to learn from; at most four, evenly spread, are measured.
    model
        Embedding network with its objective.
    settings
        Settings of the pretraining.
    cache
        Cache in which flow is searched and stored; None uses none.

    Yields
    ------
    Progress
        After each pair.

    Returns
    -------
    dict of str to float
        Mean information by the name of the objective, in the unit of each; empty if no
        loop could be measured, or the objective has no such measure.

    Raises
    ------
    TrainingError
        If the job is stopped.
    """
    chosen = cines[:: -(-len(cines) // MOST_LOOPS)]
    found: dict[str, list[float]] = {}
    for number, cine in enumerate(chosen):
        for flow in _flows_of(cine, settings, cache):
            for window in _windows(flow, settings, number):
                for name, value in _metrics(model, settings, window).items():
                    found.setdefault(name, []).append(value)
            words = f"What flow can teach: loop {number + 1} of {len(chosen)}"
            if (yield Progress(number, len(chosen), words)) == STOP:
                raise TrainingError(
                    "stopped while flow was estimated, before anything was learnt that "
                    "could be kept"
                )
    return {name: float(np.mean(values)) for name, values in found.items()}


def _flows_of(
    cine: Cine, settings: PretrainSettings, cache: FlowCache | None
) -> list[Tensor]:
    """Return flows ``(1, 2, H, W)`` of pairs in the middle of a loop, where it works.

    A loop that fails is named later, when the flow of all loops is estimated.
    """
    flows = []
    try:
        sequence = lazy_flow(cine, settings.flow, cache)
        usable = [t for t in range(len(sequence)) if t not in sequence.missing]
        middle = len(usable) // 2
        for t in usable[middle : middle + PAIRS]:
            flow = np.array(sequence.forward[t], np.float32)
            if cine.valid_area is not None:
                flow *= cine.valid_area
            flows.append(torch.from_numpy(flow)[None])
    except (MotionError, ReadError):
        return []
    return [flow for flow in flows if bool(torch.isfinite(flow).all())]


def _windows(flow: Tensor, settings: PretrainSettings, seed: int) -> list[Tensor]:
    """Return random windows of a flow ``(1, 2, H, W)``, or all of it without a crop."""
    if settings.crop is None:
        return [flow]
    generator = step_generator(seed, 0)
    sides = [min(settings.crop, side) for side in flow.shape[-2:]]
    found = []
    for _ in range(WINDOWS):
        row, column = (
            int(torch.randint(whole - side + 1, (1,), generator=generator))
            for whole, side in zip(flow.shape[-2:], sides, strict=True)
        )
        found.append(flow[..., row : row + sides[0], column : column + sides[1]])
    return found


def _metrics(
    model: Learner, settings: PretrainSettings, flow: Tensor
) -> dict[str, float]:
    """Return the information of a flow ``(1, 2, h, w)``, by the objective's name."""
    dim = settings.network.embedding_dim
    parameter = next(model.parameters())
    # the information of a target does not depend on the embedding
    anything = torch.zeros(1, dim, *flow.shape[-2:], device=parameter.device)
    later = (anything,) if needs_second_frame(model) else ()
    with eval_mode(model), torch.no_grad():
        generator = step_generator(0, 0)
        _, metrics = model.objective(
            anything, flow.to(parameter.device), generator, *later
        )
    if isinstance(settings.objective, str):
        return {settings.objective: metrics.get(INFORMATION, float("nan"))}
    names = {name: f"{name}.{INFORMATION}" for name in settings.objective}
    return {name: metrics[key] for name, key in names.items() if key in metrics}


def require_signal(
    information: Mapping[str, float], settings: PretrainSettings
) -> None:
    """Raise an error if the flow has nothing to teach to any objective.

    Parameters
    ----------
    information
        Information by the name of the objective, from `signal_job`.
    settings
        Settings of the pretraining.

    Raises
    ------
    TrainingError
        If the information of each objective is below its `least_information`.
    """
    least = settings.least_information()
    known = {
        name: value
        for name, value in information.items()
        if np.isfinite(value) and name in least
    }
    if not known or any(value >= least[name] for name, value in known.items()):
        return
    words = "; ".join(
        f"{name}: {value:.2g}, and at least {least[name]:g} is needed"
        for name, value in known.items()
    )
    raise TrainingError(
        "this flow has no signal to learn from: its target is nearly the same "
        f"everywhere ({words}). Use another flow method or gap, an objective that "
        "leaves the motion of the background out (moving-apart, flow-regression), or "
        "go on anyway (anyway=True, --anyway); `motionseg evaluate flow-signal` "
        "measures each flow method"
    )
