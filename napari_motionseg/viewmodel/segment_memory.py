"""Store the choices of the Segment dock in the project, and restore them."""

from __future__ import annotations

import math
from typing import Any, get_args

from napari_motionseg.io.labels import LabelMode
from napari_motionseg.project.mask_probabilities import LEAST, MOST
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.session import Model

SETTINGS = "segment"  # key of the choices that a project stores
MOST_PX = 100_000  # upper limit for *Smallest part*, in pixels


class SegmentMemory:
    """Write each choice of a `SegmentState` to its session, and restore it.

    Values of a project come from a file and are checked; invalid values are ignored.

    Parameters
    ----------
    state
        The state of the dock.
    """

    def __init__(self, state: SegmentState) -> None:
        self._state = state
        self._restoring = False
        self.restore(state.session.settings)
        state.events.connect(self._keep)

    def restore(self, settings: dict[str, Any]) -> None:
        """Restore the choices that a project stores, if it stores any.

        Parameters
        ----------
        settings
            Settings of all docks, as stored in the project's file.
        """
        kept = settings.get(SETTINGS)
        if not isinstance(kept, dict):
            return
        state = self._state
        self._restoring = True
        try:
            state.model = self._model(kept.get("model")) or state.model
            trained = self._model(kept.get("trained"))
            state.trained = None if trained is None else trained.path
            state.unlearned = kept.get("unlearned") is True
            if kept.get("label_mode") in get_args(LabelMode):
                state.label_mode = kept["label_mode"]
            default = state.threshold, state.smallest
            state.threshold, state.smallest = stored_adjustment(settings, default)
        finally:
            self._restoring = False

    def _keep(self, _: object = None) -> None:
        if self._restoring:
            return
        state = self._state
        values = {
            "model": None if state.model is None else state.model.path.name,
            "trained": None if state.trained is None else state.trained.name,
            "label_mode": state.label_mode,
            "unlearned": state.unlearned,
            "threshold": state.threshold,
            "smallest": state.smallest,
        }
        state.session.keep_settings(SETTINGS, values)

    def _model(self, name: Any) -> Model | None:
        """Return the session's model with a file name, or None."""
        models = reversed(self._state.session.models)
        return next((m for m in models if m.path.name == name), None)


def stored_adjustment(
    settings: dict[str, Any], default: tuple[float, int] = (0.5, 0)
) -> tuple[float, int]:
    """Return the threshold and the smallest part that a project stores.

    Parameters
    ----------
    settings
        Settings of all docks, as stored in the project's file.
    default
        Values to return in place of missing or invalid ones.
    """
    kept = settings.get(SETTINGS)
    kept = kept if isinstance(kept, dict) else {}
    threshold = _number(kept.get("threshold"), LEAST, MOST, default[0])
    smallest = _number(kept.get("smallest"), 0, MOST_PX, default[1])
    return threshold, int(smallest)


def _number(value: Any, least: float, most: float, default: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and least <= value <= most:
        return float(value)
    return default
