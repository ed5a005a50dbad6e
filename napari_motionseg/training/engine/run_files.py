"""Refuse to replace files beside a checkpoint that no training wrote."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from napari_motionseg.errors import OccupiedError
from napari_motionseg.io.atomic import require_file_target
from napari_motionseg.training.engine.checkpointing import HEADER, state_path_of
from napari_motionseg.training.engine.run_log import log_folder_of, require_log_folder


def require_places(out: str | Path) -> None:
    """Refuse places beside a checkpoint that hold what no training wrote.

    The names of state and curves are derived from the checkpoint's, so that nobody has
    chosen to replace what is there.

    Parameters
    ----------
    out
        Path of the checkpoint that the training writes.

    Raises
    ------
    OccupiedError
        If a file is at the state's place that is no state, or the folder of the curves
        holds curves or pictures that no training wrote.
    """
    out = Path(out)
    require_file_target(out)
    state = state_path_of(out)
    require_file_target(state)
    if state.exists() and not is_state(state):
        raise OccupiedError(
            f"cannot write {state}: it is no training state that this program wrote; "
            "move it elsewhere, or choose another --out"
        )
    require_log_folder(log_folder_of(out))


def is_state(path: Path) -> bool:
    """Return whether a file is the state of a training, by its header alone."""
    try:
        with safe_open(path, framework="pt") as file:
            return isinstance(json.loads((file.metadata() or {})[HEADER]), dict)
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError):
        return False
