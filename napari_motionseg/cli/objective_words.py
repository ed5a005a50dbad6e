"""Read objectives, their weights and their settings from words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from napari_motionseg.errors import SettingsError


def as_objective(texts: Sequence[str]) -> str | dict[str, float]:
    """Return the name of a single objective, or the weights of several by name.

    Raises
    ------
    SettingsError
        If a weight is not a number, or a name occurs twice.
    """
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    weights: dict[str, float] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        try:
            weight = float(value) if sign else 1.0
        except ValueError:
            raise SettingsError(
                f"--objective must be NAME or NAME=WEIGHT; got {text!r}"
            ) from None
        if name in weights:
            raise SettingsError(f"--objective {name} is given twice; give it once")
        weights[name] = weight
    return weights


def as_option(text: str) -> tuple[str, Any]:
    """Return name and value of ``NAME=VALUE``; the value is parsed as JSON if possible.

    Raises
    ------
    SettingsError
        If the name is missing.
    """
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise SettingsError(f"--option must be NAME=VALUE; got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
