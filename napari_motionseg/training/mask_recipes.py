"""Named recipes of what a segmentation network is shown while it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name
from napari_motionseg.synthesis.camera import CameraConfig
from napari_motionseg.training.masks import varied_angiograms


def mask_recipe(name: str) -> dict[str, Any]:
    """Return fields of `MaskTrainingSettings` by the name of a recipe.

    Parameters
    ----------
    name
        ``"cameras"``: pictures as many cameras and consoles give them, vessels from
        thin to very wide. ``"quiet"``: nearly noiseless pictures that fill the frame,
        as all weights up to version c60b695 were trained on.

    Raises
    ------
    SettingsError
        If there is no such recipe.
    """
    if name not in MASK_RECIPES:
        raise SettingsError(unknown_name("recipe", name, MASK_RECIPES))
    return MASK_RECIPES[name]()


def _quiet() -> dict[str, Any]:
    return {"synthesis": varied_angiograms()}


def _cameras() -> dict[str, Any]:
    # noise belongs to the picture, not to the anatomy: it is added after zooming
    synthesis = varied_angiograms().changed(
        noise=(0.0, 0.3),
        blur=(0.4, 1.2),
        tortuosity=(0.1, 1.6),
        vessel_size=(0.6, 2.0),
        opacity=(0.2, 0.9),
        jpeg=(100.0, 100.0),
    )
    return {
        "synthesis": synthesis,
        "camera": CameraConfig(),
        "zoom": (0.4, 1.6),
    }


MASK_RECIPES: Mapping[str, Callable[[], dict[str, Any]]] = MappingProxyType(
    {"cameras": _cameras, "quiet": _quiet}
)
