"""Hold the user's choices for a training: recipe, steps, propagated labels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_motionseg.errors import SettingsError
from napari_motionseg.viewmodel.preview_settings import finetune_settings

if TYPE_CHECKING:
    from napari_motionseg.segmentation import FinetuneSettings


@dataclass(frozen=True)
class TrainingChoices:
    """Choices of the Train section, which determine the settings of fine-tuning.

    Parameters
    ----------
    recipe
        Name of the recipe that gives the other settings.
    steps
        Largest number of optimizer steps; None for the number of the recipe.
    carry
        Whether painted labels are propagated along the flow to neighbouring frames.

    Raises
    ------
    SettingsError
        If `steps` is below 1.
    """

    recipe: str = "quick"
    steps: int | None = None
    carry: bool = False

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise SettingsError(f"steps must be at least 1 or None; got {self.steps}")

    def settings(self) -> FinetuneSettings:
        """Return the settings that these choices determine, with previews.

        Raises
        ------
        SettingsError
            If the recipe is unknown.
        """
        from napari_motionseg.segmentation.flow_propagation import CarrySettings

        settings = finetune_settings(self.recipe, self.steps)
        if not self.carry:
            return settings
        return dataclasses.replace(settings, carry=CarrySettings())


def on_device(settings: FinetuneSettings, device: str) -> FinetuneSettings:
    """Return settings that train on a device."""
    training = dataclasses.replace(settings.training, device=device)
    return dataclasses.replace(settings, training=training)
