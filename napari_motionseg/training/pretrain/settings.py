"""Define the settings of pretraining: objective, network, flow and training loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import UNetConfig
from napari_motionseg.motion import FlowSettings
from napari_motionseg.objectives import OBJECTIVES
from napari_motionseg.objectives.weighted_sum import ObjectiveSet, needs_second_frame
from napari_motionseg.training.engine.recipes import find_recipe
from napari_motionseg.training.engine.settings import TrainingSettings, at_least
from napari_motionseg.training.pretrain.pair_data import PairSettings

WORKERS_ON_CUDA = 2  # processes that prepare crops while the GPU trains
STEPS = 3600  # a quarter of an hour on one core
# Which pixels move apart from the background, and how. Together they teach more than
# either alone, and more than the targets of Ma et al.
BOTH: Mapping[str, float] = MappingProxyType(
    {"flow-regression": 1.0, "moving-apart": 1.0}
)


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of pretraining; the defaults are the recipe ``"paper"``.

    Parameters
    ----------
    objective
        Name of an objective, a key of `OBJECTIVES`, or weights of several by name.
    steps
        Number of optimizer steps.
    batch
        Number of pictures in a step.
    crop
        Side of the random windows in pixels, at most that of the smallest loop; None
        trains on whole frames.
    points
        Number of pixels of a picture at which the loss is computed, for objectives that
        sample pixels; None uses the number of the objective.
    options
        Further settings of the objective by name, or ``objective.name`` for several.
    mirror
        Whether pictures and their flow are mirrored at random.
    zoom
        Range of the side of a window in the picture, in units of `crop`. The window is
        then resized to `crop`, which makes vessels wider or thinner; its flow is scaled
        with it. Windows are also turned by quarters unless the range is ``(1, 1)``.
    jitter
        Strength of random changes of gray values; 0 for none.
    shuffled
        Whether each picture gets the flow of another window, turned upside down.
        Nothing about a picture can be learnt from it, so it is the control of every
        comparison: what remains of a gain does not come from motion.
    held_out
        Share of the loops, or of the frames of each loop, that is not trained on, and
        on which is measured what the embedding explains; 0 holds out nothing.
    check_every
        Number of steps between two such measurements.
    network
        Configuration of the U-Net; the paper's width is 64. With
        ``head="hypercolumn"``, only sampled pixels are embedded, for objectives that
        sample.
    flow
        Settings of the optical flow.
    pairs
        Settings of synthetic picture pairs to learn from in place of loops; None learns
        from loops.
    training
        Settings of the training loop; its `steps` are ignored.
    workers
        Number of worker processes that decode the frames of the next step, for each
        training process. It does not change the result, and may differ at a resume.
        None is 2 on CUDA and 0 elsewhere, where a step takes far longer than its
        frames.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    objective: str | Mapping[str, float] = "flow-consistency"
    steps: int = 1000
    batch: int = 3
    crop: int | None = 256
    points: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    mirror: bool = True
    zoom: tuple[float, float] = (1.0, 1.0)
    jitter: float = 0.5
    shuffled: bool = False
    held_out: float = 0.1
    check_every: int = 100
    network: UNetConfig = field(default_factory=UNetConfig)
    flow: FlowSettings = field(default_factory=FlowSettings)
    pairs: PairSettings | None = None
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(steps=1000)
    )
    workers: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "check_every"):
            at_least(self, name, 1)
        if not 0 <= self.held_out < 1:
            raise SettingsError(
                "held_out must be a share of at least 0 and below 1; got "
                f"{self.held_out}"
            )
        at_least(self, "jitter", 0.0)
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise SettingsError(
                f"zoom must be two rising positive values; got {self.zoom}"
            )
        if self.workers is not None:
            at_least(self, "workers", 0)
        object.__setattr__(self, "options", dict(self.options))
        if not isinstance(self.objective, str):
            object.__setattr__(self, "objective", dict(self.objective))
        points = getattr(self.make_objective(), "points", 1)
        if self.crop is not None and self.crop**2 < points:
            raise SettingsError(
                f"crop must hold at least as many pixels as points ({points}); "
                f"got {self.crop} x {self.crop}"
            )

    @classmethod
    def recipe(cls, name: str) -> PretrainSettings:
        """Return the settings of a named recipe.

        Parameters
        ----------
        name
            ``"loops"``: from the motion of loops by the objectives in `BOTH`, in small
            windows that are zoomed and turned, at the size of picture that suits the
            network. ``"exact"``: the same from synthetic pairs with exact flow.
            ``"paper"``: as in Ma et al. (2019), with a narrower U-Net.

        Raises
        ------
        SettingsError
            If there is no such recipe.
        """
        known = {"exact": cls._exact, "loops": cls._loops, "paper": lambda: cls()}
        return find_recipe(name, known)

    @classmethod
    def _exact(cls) -> PretrainSettings:
        pairs = PairSettings()
        return cls(
            objective=dict(BOTH),
            steps=STEPS,
            batch=2,
            crop=160,
            zoom=(0.5, 2.0),
            # it learns what vessels look like in pictures of this size
            network=UNetConfig(flat_field=True, largest_side=pairs.size),
            pairs=pairs,
            training=TrainingSettings(
                steps=STEPS, schedule="one-cycle", preview_every=200
            ),
        )

    @classmethod
    def _loops(cls) -> PretrainSettings:
        return dataclasses.replace(cls._exact(), pairs=None)

    def workers_on(self, device: str) -> int:
        """Return the number of processes that decode frames, for a device."""
        if self.workers is not None:
            return self.workers
        return WORKERS_ON_CUDA if device == "cuda" else 0

    def least_information(self) -> dict[str, float]:
        """Return the least information from which an objective can teach, by its name.

        Objectives without such a measure are missing.
        """
        names = [self.objective] if isinstance(self.objective, str) else self.objective
        found = {
            name: getattr(OBJECTIVES.load(name), "least_information", None)
            for name in names
        }
        return {name: value for name, value in found.items() if value is not None}

    def make_objective(self) -> Any:
        """Return the objective, a function of embedding, flow and generator.

        Raises
        ------
        SettingsError
            If a name or option is unknown, or the only objective cannot be used alone.
        """
        if isinstance(self.objective, str):
            found = {
                self.objective: _objective(self.objective, self.options, self.points)
            }
        else:
            found = {
                name: _objective(name, own, self.points if _draws(name) else None)
                for name, own in self._parted_options(self.objective).items()
            }
        if found and all(map(needs_second_frame, found.values())):
            raise SettingsError(
                f"objective {', '.join(found)} cannot be used alone, because one "
                "vector for all pixels minimizes it; add another objective, such as "
                "flow-consistency"
            )
        if isinstance(self.objective, str):
            return found[self.objective]
        return ObjectiveSet(found, self.objective)

    def _parted_options(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the options of each of several objectives."""
        parted: dict[str, dict[str, Any]] = {name: {} for name in names}
        for key, value in self.options.items():
            name, dot, option = key.partition(".")
            if not dot or name not in parted:
                raise SettingsError(
                    "options of several objectives must be OBJECTIVE.NAME, with "
                    f"OBJECTIVE one of {', '.join(parted)}; got {key!r}"
                )
            parted[name][option] = value
        return parted


def _objective(name: str, options: Mapping[str, Any], points: int | None) -> Any:
    """Return one objective with its options."""
    objective = OBJECTIVES.load(name)
    known = _fields(name)
    given = dict(options) if points is None else {**options, "points": points}
    unknown = sorted(set(given) - known)
    if unknown:
        raise SettingsError(
            f"objective {name!r} has no option {unknown[0]!r}; "
            f"it has {', '.join(sorted(known))}"
        )
    return objective(**given)


def _draws(name: str) -> bool:
    return "points" in _fields(name)


def _fields(name: str) -> set[str]:
    return {field.name for field in dataclasses.fields(OBJECTIVES.load(name))}
