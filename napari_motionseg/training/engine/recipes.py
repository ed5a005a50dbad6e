"""Named recipes of settings, and changes of fields within them."""

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
        Functions that return the settings, by name.

    Raises
    ------
    SettingsError
        If there is no recipe of this name; the message lists those that there are.
    """
    if name not in recipes:
        raise SettingsError(unknown_name("recipe", name, recipes))
    return recipes[name]()


def with_changes(settings: S, changes: Mapping[str, Any]) -> S:
    """Return a copy of settings with other values of some fields.

    Parameters
    ----------
    settings
        A frozen dataclass; it may hold other settings.
    changes
        New values by field name. A dot leads into settings within settings:
        ``"training.steps"``. All changes of a class are made at once, so that only
        the result must be valid.

    Raises
    ------
    SettingsError
        If the settings class refuses a value.
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
