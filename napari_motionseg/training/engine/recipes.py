"""Find named recipes of settings, and change fields within settings."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

S = TypeVar("S")


def find_recipe(name: str, recipes: Mapping[str, Callable[[], S]]) -> S:
    """Return the settings of a named recipe.

    Parameters
    ----------
    name
        Name of the recipe.
    recipes
        Functions that return settings, by name of the recipe.

    Raises
    ------
    SettingsError
        If no recipe has this name; the message lists the known names.
    """
    if name not in recipes:
        raise SettingsError(unknown_name("recipe", name, recipes))
    return recipes[name]()


def with_changes(settings: S, changes: Mapping[str, Any]) -> S:
    """Return a copy of settings in which some fields have other values.

    Parameters
    ----------
    settings
        A frozen dataclass, which may contain other settings.
    changes
        New values by field name. A dot leads into contained settings, as in
        ``"training.steps"``. All changes of a class are made at once, so only the
        result must be valid.

    Raises
    ------
    SettingsError
        If the settings class does not accept a value.
    """
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in changes.items():
        first, dot, rest = name.partition(".")
        if dot:
            nested[first][rest] = value
        else:
            own[first] = value
    for first, inner in nested.items():
        own[first] = with_changes(own.get(first, getattr(settings, first)), inner)
    changed: S = dataclasses.replace(settings, **own)  # type: ignore[type-var]
    return changed
