"""Hold out loops or frames of a pretraining, and measure what is explained there.

What an embedding explains of the flow that it is trained on says little about other
pictures. Therefore some windows are never trained on. The same windows with the flow of
*other* windows are the control: an embedding that has learnt how pictures move explains
none of it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from napari_motionseg.cine.patients import patient_key
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.objectives.explained import (
    EXPLAINED,
    INFORMATION,
    pooled_explained,
)
from napari_motionseg.training.engine.seeds import derived_seed
from napari_motionseg.training.engine.task import Task
from napari_motionseg.training.pretrain.motion_data import MovingLoop
from napari_motionseg.training.pretrain.motion_task import Learner, PretrainTask
from napari_motionseg.training.pretrain.pair_data import PairSettings, pair_pool
from napari_motionseg.training.pretrain.pair_task import PairTask
from napari_motionseg.training.pretrain.settings import PretrainSettings

HELD_OUT, CONTROL = "held_out_explained", "shuffled_explained"
HELD_OUT_INFORMATION = "held_out_information"
MOST_LOOPS = 1 / 4  # share of the loops that may be held out
LARGEST_BATCH = 4  # so that measuring never needs more memory than training
HELD_OUT_PAIRS = 24
HELD_OUT_STREAM = 2**31  # larger than the number of any block of training pairs
WINDOWS = 16  # for a standard error of a few hundredths
SEED = 20_191  # of windows and points, which are the same at each measurement


@dataclass(frozen=True)
class Split:
    """The loops of a pretraining, divided.

    Parameters
    ----------
    train
        Loops to train on.
    held_out
        Loops that are not trained on, or the same loops with other frames; none if
        there are too few frames.
    whole
        Whether all loops of a patient are held out.
    """

    train: list[MovingLoop]
    held_out: list[MovingLoop]
    whole: bool

    @property
    def words(self) -> str:
        """Description of what is held out."""
        if not self.held_out:
            return "nothing"
        return "loops of a patient" if self.whole else "frames of the same loops"


def split_loops(loops: Sequence[MovingLoop], share: float) -> Split:
    """Hold out the loops of one patient, or else frames in the middle of each loop.

    Frames of one loop are alike, so other loops are the better test. They are held out
    where a patient has few of them; loops of unknown patients count as different ones.
    In the middle of a loop, vessels are filled with contrast agent.

    Parameters
    ----------
    loops
        Loops with their flow.
    share
        Share of loops, or of frames, to hold out, from 0 to 1; 0 holds out nothing.
    """
    if not share:
        return Split(list(loops), [], whole=False)
    patients = [patient_key(loop.cine) or f"loop {n}" for n, loop in enumerate(loops)]
    counts = Counter(patients)
    # the number nearest to the wanted one; of equals, the last patient
    chosen = min(
        reversed(counts), key=lambda one: abs(counts[one] - share * len(loops))
    )
    if counts[chosen] <= MOST_LOOPS * len(loops):
        pairs = list(zip(patients, loops, strict=True))
        return Split(
            [loop for patient, loop in pairs if patient != chosen],
            [loop for patient, loop in pairs if patient == chosen],
            whole=True,
        )
    divided = [_divided(loop, share) for loop in loops]
    held = [middle for _, middle in divided if middle is not None]
    return Split([rest for rest, _ in divided], held, whole=False)


def _divided(loop: MovingLoop, share: float) -> tuple[MovingLoop, MovingLoop | None]:
    """Return a loop without frames of its middle, and with these frames alone."""
    entries = loop.entries
    count = int(share * len(entries))
    if not count:
        return loop, None
    start = (len(entries) - count) // 2
    held = entries[start : start + count]
    # no frame may serve both sides, neither as the first nor as the second of a pair
    near = range(held[0] - loop.gap, held[-1] + loop.gap + 1)
    rest = [t for t in entries if t not in near]
    if not rest:
        return loop, None
    return loop.with_entries(rest), loop.with_entries(held)


class HeldOutCheck:
    """Measure what a network explains of held-out flow, and of shuffled flow.

    Parameters
    ----------
    model
        Embedding network with its objective.
    tasks
        Tasks of this model whose `loss` returns the metrics, by the name of the metric
        that becomes of their ``"explained"``: `HELD_OUT` and `CONTROL`. None measures
        nothing.
    rounds
        Number of batches of a measurement.
    """

    def __init__(
        self, model: Learner, tasks: Mapping[str, Task], rounds: int = 1
    ) -> None:
        self._model = model
        self._tasks = tasks
        self._rounds = rounds

    def measure(self, device: torch.device) -> dict[str, float]:
        """Return the metrics of the present network.

        Parameters
        ----------
        device
            Device of the network.

        Returns
        -------
        dict
            ``"held_out_explained"``, ``"shuffled_explained"`` (the control) and
            ``"held_out_information"``, in the unit of the objective; empty if nothing
            is held out, or the objective has no such measure.
        """
        metrics: dict[str, float] = {}
        with eval_mode(self._model), torch.no_grad():
            for name, task in self._tasks.items():
                pooled = pooled_explained(self._batches(task, device))
                if EXPLAINED in pooled:
                    metrics[name] = pooled[EXPLAINED]
                if INFORMATION in pooled and name == HELD_OUT:
                    metrics[HELD_OUT_INFORMATION] = pooled[INFORMATION]
        return metrics

    def _batches(self, task: Task, device: torch.device) -> list[dict[str, float]]:
        generator = torch.Generator().manual_seed(SEED)
        return [task.loss(0, generator, device)[1] for _ in range(self._rounds)]


def held_out_check(
    loops: Sequence[MovingLoop], model: Learner, settings: PretrainSettings
) -> HeldOutCheck:
    """Return the measurement on windows of held-out loops.

    Parameters
    ----------
    loops
        Loops that are not trained on; none measures nothing.
    model
        Embedding network with its objective.
    settings
        Settings of the pretraining; gray values are not changed and nothing is
        mirrored.
    """
    own, other = _measured_settings(settings)
    tasks: dict[str, Task] = {}
    if loops:
        tasks[HELD_OUT] = PretrainTask(model, loops, own)
        tasks[CONTROL] = PretrainTask(model, loops, other)
    return HeldOutCheck(model, tasks, -(-WINDOWS // own.batch))


def held_out_pairs_check(model: Learner, settings: PretrainSettings) -> HeldOutCheck:
    """Return the measurement on synthetic pairs that are never trained on.

    Parameters
    ----------
    model
        Embedding network with its objective.
    settings
        Settings of the pretraining, with `pairs`. Nothing is measured if its `held_out`
        is 0.
    """
    own, other = _measured_settings(settings)
    pairs = settings.pairs or PairSettings()
    pairs = dataclasses.replace(pairs, pool=min(HELD_OUT_PAIRS, pairs.pool))
    tasks: dict[str, Task] = {}
    if settings.held_out:
        seed = derived_seed(settings.training.seed, HELD_OUT_STREAM)
        pool = pair_pool(pairs, settings.flow, seed)
        tasks[HELD_OUT] = PairTask(model, pool, own, pairs.size)
        tasks[CONTROL] = PairTask(model, pool, other, pairs.size)
    return HeldOutCheck(model, tasks, -(-WINDOWS // own.batch))


def _measured_settings(
    settings: PretrainSettings,
) -> tuple[PretrainSettings, PretrainSettings]:
    """Return the settings of the measurement, and of its control."""
    batch = min(settings.batch, LARGEST_BATCH)
    own = dataclasses.replace(
        settings, batch=batch, jitter=0.0, mirror=False, shuffled=False
    )
    return own, dataclasses.replace(own, shuffled=True)
