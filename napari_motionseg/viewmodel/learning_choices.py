"""Hold the user's choices for pretraining and for the adaptation of flow."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_motionseg.errors import SettingsError
from napari_motionseg.viewmodel.preview_settings import PREVIEW_EVERY

if TYPE_CHECKING:
    from napari_motionseg.training import PretrainSettings
    from napari_motionseg.training.flow.composed_pairs import AdaptationSettings

STEPS = 400  # of a training that takes minutes on two cores
LEAST_SIDE = 64  # px; smaller windows hold fewer pixels than are usually drawn


def _require_steps(steps: int) -> None:
    if steps < 1:
        raise SettingsError(f"steps must be at least 1; got {steps}")


@dataclass(frozen=True)
class PretrainChoices:
    """Choices for the pretraining of an embedding.

    Parameters
    ----------
    steps
        Number of optimizer steps.
    anyway
        Whether to train even if the flow has no signal.

    Raises
    ------
    SettingsError
        If `steps` is below 1.
    """

    steps: int = STEPS
    anyway: bool = False

    def __post_init__(self) -> None:
        _require_steps(self.steps)

    def settings(self, device: str, side: int) -> PretrainSettings:
        """Return the settings that these choices determine.

        Parameters
        ----------
        device
            Name of the device of training and flow, as in `resolve_device`.
        side
            Shorter side of the loop in px, which limits the windows.
        """
        from napari_motionseg.training import PretrainSettings

        base = PretrainSettings.recipe("loops")
        crop = min(base.crop or side, side)
        return dataclasses.replace(
            base,
            steps=self.steps,
            crop=crop,
            points=base.points if crop >= LEAST_SIDE else crop**2 // 2,
            training=dataclasses.replace(base.training, device=device),
            flow=dataclasses.replace(base.flow, device=device),
        )


@dataclass(frozen=True)
class AdaptationChoices:
    """Choices for the adaptation of the flow network to a loop.

    Parameters
    ----------
    steps
        Number of optimizer steps.

    Raises
    ------
    SettingsError
        If `steps` is below 1.
    """

    steps: int = STEPS

    def __post_init__(self) -> None:
        _require_steps(self.steps)

    def settings(self, device: str) -> AdaptationSettings:
        """Return the settings that these choices determine, which show previews.

        Parameters
        ----------
        device
            Name of the device, as in `resolve_device`.
        """
        from napari_motionseg.training.flow.composed_pairs import AdaptationSettings

        base = AdaptationSettings()
        training = dataclasses.replace(
            base.training,
            steps=self.steps,
            preview_every=PREVIEW_EVERY,
            device=device,
        )
        return dataclasses.replace(base, training=training)
