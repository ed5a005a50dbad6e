"""Protect files beside a checkpoint that this program did not write."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from napari_motionseg.errors import OccupiedError
from napari_motionseg.io.atomic import require_file_target
from napari_motionseg.training.engine.checkpointing import HEADER, state_path_of
from napari_motionseg.training.engine.run_log import log_folder_of, require_log_folder


def require_places(out: str | Path) -> None:
    """Raise an error if other files are in the place of a training's state or log.

    The names of state and log are derived from the checkpoint's name, so the user has
    not agreed to replace existing files.

    Parameters
    ----------
    out
        Path of the checkpoint that the training writes.

    Raises
    ------
    OccupiedError
        If the file at the state's path is not a training state, or the log folder holds
        curves or pictures that no training wrote.
    """
    out = Path(out)
    require_file_target(out)
    state = state_path_of(out)
    require_file_target(state)
    if state.exists() and not is_state(state):
        raise OccupiedError(
            f"cannot write {state}: it is not a training state of this program; "
            "move it elsewhere, or choose another --out"
        )
    require_log_folder(log_folder_of(out))


def is_state(path: Path) -> bool:
    """Return whether a file is the state of a training, judged by its header."""
    try:
        with safe_open(path, framework="pt") as file:
            return isinstance(json.loads((file.metadata() or {})[HEADER]), dict)
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError):
        return False
