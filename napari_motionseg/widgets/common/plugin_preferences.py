"""Apply the preferences that napari keeps for this plugin.

napari 0.9 shows them under *File > Preferences > MotionSeg*; `napari.yaml` declares
them. Each preference sets an environment variable of this process, so that jobs in
child processes use it too. A variable that the user has set before starting napari has
priority over the preference. Older versions of napari have no such preferences, but the
environment variables work with them, too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from typing import Any

from napari_motionseg.environment import CACHE, DEVICE, MEMORY, MODEL, SCHEDULER
from napari_motionseg.widgets.common.early_imports import import_early

PLUGIN = "napari-motionseg"
CATEGORY = "computing"  # the key under `configurations` in napari.yaml
VARIABLES = {
    "device": DEVICE, "memory": MEMORY, "cache": CACHE, "model": MODEL,
    "scheduler": SCHEDULER,
}  # fmt: skip
# values that set no variable; napari.yaml has the same
DEFAULTS = {"device": "auto", "memory": 8.0, "cache": "", "model": "", "scheduler": ""}
# names of the variables that preferences have set, so that they may change them again
MARK = "MOTIONSEG_FROM_PREFERENCES"


def activate(context: object) -> None:
    """Apply the preferences, and prepare for the first dock; npe2 calls this once.

    Parameters
    ----------
    context
        Context of the plugin from npe2, which is not used.
    """
    if "napari" in sys.modules:
        import_early()
    preferences = computing_preferences()
    if preferences is None:
        return
    apply_preferences(preferences, os.environ)

    def follow(event: object) -> None:
        """Apply preferences that have changed."""
        apply_preferences(preferences, os.environ)

    preferences.events.connect(follow)


def computing_preferences() -> Any | None:
    """Return napari's preferences of this plugin, or None if napari has none.

    Preferences apply to windows. A program that reads files through npe2 without napari
    neither uses nor imports them.
    """
    if "napari" not in sys.modules:
        return None
    try:
        from napari.settings import get_plugin_settings

        return getattr(get_plugin_settings(PLUGIN), CATEGORY)
    except (ImportError, KeyError, AttributeError):
        return None


def keep_scheduler(address: str) -> None:
    """Keep the address of a scheduler in napari's preferences, if it has any.

    Parameters
    ----------
    address
        Address of the scheduler; empty for this computer.
    """
    preferences = computing_preferences()
    if preferences is not None and preferences.scheduler != address:
        preferences.scheduler = address


def apply_preferences(preferences: Any, environment: MutableMapping[str, str]) -> None:
    """Set an environment variable for each preference that the user has changed.

    Parameters
    ----------
    preferences
        Object with the attributes in `VARIABLES`.
    environment
        Environment variables of this process, which are changed.
    """
    ours = set(environment.get(MARK, "").split())
    for name, variable in VARIABLES.items():
        if variable in environment and variable not in ours:
            continue  # the user has set the variable, which has priority
        value = getattr(preferences, name)
        if value != DEFAULTS[name] and str(value).strip():
            environment[variable] = str(value).strip()
            ours.add(variable)
        else:
            environment.pop(variable, None)
            ours.discard(variable)
    if ours:
        environment[MARK] = " ".join(sorted(ours))
    else:
        environment.pop(MARK, None)
