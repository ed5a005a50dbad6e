"""Networks at hand: those whose embeddings are looked at, read once."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

MOST = 2  # are looked at side by side; more would only take memory


class Networks:
    """The networks of the checkpoints that were asked for last; any thread may ask."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Path, int], tuple[nn.Module, str]] = {}
        self._lock = threading.RLock()

    def of(self, path: Path) -> tuple[nn.Module, str]:
        """Return the network of a checkpoint, and the hash of its file.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged, or of a kind without embedding.
        """
        from napari_motionseg.models import load_model

        key = (path, path.stat().st_mtime_ns if path.exists() else 0)
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:  # read without the lock: the window waits for none but its own
            network, _ = load_model(path, kind=("embedding", "segmentation"))
            kept = (network, hashlib.sha256(path.read_bytes()).hexdigest())
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = kept  # the latest is last
            for old in [*self._kept][:-MOST]:
                del self._kept[old]
        return kept
