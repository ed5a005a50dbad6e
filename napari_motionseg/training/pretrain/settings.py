"""Settings of pretraining: what to learn from motion, with which network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import UNetConfig
from napari_motionseg.motion import FlowSettings
from napari_motionseg.objectives import OBJECTIVES
from napari_motionseg.objectives.weighted_sum import ObjectiveSet, needs_second_frame
from napari_motionseg.training.engine.recipes import find_recipe
from napari_motionseg.training.engine.settings import TrainingSettings, at_least

WORKERS_ON_CUDA = 2


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of pretraining; the defaults are the recipe ``"paper"``.

    Parameters
    ----------
    objective
        A name of `OBJECTIVES`, or the weights of several by name.
    steps
        Optimizer steps.
    batch
        Number of pictures in a step.
    crop
        Side of the random windows in pixels, at most that of the smallest loop; None
        trains on whole frames.
    points
        Number of pixels of a picture that the loss is computed at, for each objective
        that samples pixels; None is the objective's own number.
    options
        Further settings of the objective by name; of several, as ``objective.name``.
    mirror
        Whether pictures and their flow are mirrored at random.
    jitter
        Strength of random changes of gray values; 0 for none.
    network
        The U-Net; width 64 is the paper's. With ``head="hypercolumn"``, objectives that
        look at a few pixels have only those embedded.
    flow
        Settings of the optical flow.
    training
        Learning rate, schedule, precision, device, seed. Its `steps` are not used.
    workers
        Processes that decode frames of the next step while one computes, for each
        process that trains; they change no number, and a run may go on with others.
        None is 2 on CUDA, and 0 elsewhere: there a step takes far longer than its
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
    jitter: float = 0.5
    network: UNetConfig = field(default_factory=UNetConfig)
    flow: FlowSettings = field(default_factory=FlowSettings)
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(steps=1000)
    )
    workers: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            at_least(self, name, 1)
        at_least(self, "jitter", 0.0)
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
            ``"paper"``: as Ma et al. (2019) train, with a narrower U-Net. ``"cpu"``:
            the same, with the slow background divided out and previews in the log.

        Raises
        ------
        SettingsError
            If there is no such recipe.
        """
        return find_recipe(name, {"cpu": cls._cpu, "paper": lambda: cls()})

    @classmethod
    def _cpu(cls) -> PretrainSettings:
        return cls(
            network=UNetConfig(flat_field=True),
            training=TrainingSettings(steps=1000, preview_every=200),
        )

    def workers_on(self, device: str) -> int:
        """Return how many processes decode frames where a step runs on `device`."""
        if self.workers is not None:
            return self.workers
        return WORKERS_ON_CUDA if device == "cuda" else 0

    def make_objective(self) -> Any:
        """Return the objective: embedding, flow, generator -> loss, metrics.

        Raises
        ------
        SettingsError
            If there is no such name or option, or the only objective is one that says
            nothing alone.
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
                f"objective {', '.join(found)} alone is met by one vector for all "
                "pixels; give it a weight beside another, such as flow-consistency"
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
                    f"an option of several objectives is NAME.OPTION, NAME one of "
                    f"{', '.join(parted)}; got {key!r}"
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
