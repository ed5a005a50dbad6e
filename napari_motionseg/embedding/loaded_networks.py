"""Keep the networks whose embeddings are shown in memory."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

MOST = 2  # networks, because at most two are shown side by side


class Networks:
    """The networks of the checkpoints used last; any thread may use it."""

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
        # loaded without the lock, so that other networks stay available
        if kept is None:
            network, _ = load_model(path, kind=("embedding", "segmentation"))
            kept = (network, hashlib.sha256(path.read_bytes()).hexdigest())
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = kept  # the latest network comes last
            for old in [*self._kept][:-MOST]:
                del self._kept[old]
        return kept
