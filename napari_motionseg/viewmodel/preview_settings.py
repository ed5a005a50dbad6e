"""Make settings for trainings in the window, which show previews."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_motionseg.segmentation import FinetuneSettings

PREVIEW_EVERY = 10  # steps of training


def finetune_settings(recipe: str, steps: int | None) -> FinetuneSettings:
    """Return the settings of a fine-tuning that shows previews.

    Parameters
    ----------
    recipe
        Name of the recipe.
    steps
        Number of optimizer steps; None or 0 for the number of the recipe.
    """
    from napari_motionseg.segmentation import FinetuneSettings

    base = FinetuneSettings.recipe(recipe)
    training = dataclasses.replace(base.training, preview_every=PREVIEW_EVERY)
    shown = dataclasses.replace(base, training=training)
    return shown.with_steps(steps) if steps else shown
