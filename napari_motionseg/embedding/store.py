"""Embeddings that were computed once, kept on disk for when a loop is opened again.

One file a frame, named by the hash of network, pixels and version, so that the same
frame is found again wherever it comes from, and a changed one is not. The folder may be
deleted at any time, and several programs may use it at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_motionseg import __version__
from napari_motionseg.errors import WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.motion import FlowCache

FORMAT = 1
CAPACITY = 4 * 2**30  # bytes: 128 frames of 512 x 512 pixels and 64 dimensions
Half = NDArray[np.float16]


class EmbeddingStore:
    """A folder of embeddings, the least recently used of which make room for new ones.

    Parameters
    ----------
    folder
        Where; made when needed.
    capacity
        Bytes that all may take.

    Notes
    -----
    `trouble` says why nothing is written any more; reading goes on.
    """

    def __init__(self, folder: str | Path, capacity: int = CAPACITY) -> None:
        self.folder = Path(folder)
        self.capacity = capacity
        self.trouble = ""

    @classmethod
    def default(cls) -> EmbeddingStore | None:
        """Return the user's store, beside that of flow; None if caches are off."""
        flow = FlowCache.default()
        return None if flow is None else cls(flow.folder.parent / "embedding")

    def holds(self, key: str) -> bool:
        """Return whether an embedding was written; `read` may still find it damaged."""
        return self._path(key).is_file()

    def read(self, key: str) -> Half | None:
        """Return an embedding ``(D, H, W)``; None if missing or damaged."""
        path = self._path(key)
        try:
            stored = np.load(path, allow_pickle=False)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            stored = np.empty(0)
        if stored.dtype == np.float16 and stored.ndim == 3:
            return np.asarray(stored)
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def write(self, key: str, embedding: Half) -> None:
        """Keep an embedding, if there is space; see `trouble`."""
        if self.trouble or embedding.nbytes > self.capacity:
            return
        self._make_room(embedding.nbytes)
        try:
            with replacing(self._path(key)) as temporary:
                np.save(temporary, embedding, allow_pickle=False)
        except WriteError as error:
            self.trouble = f"embeddings are not kept for next time: {error}"

    def _make_room(self, needed: int) -> None:
        """Throw the longest unused out until `needed` bytes fit in."""
        files = []
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*.npy"):
                facts = path.stat()
                files.append((facts.st_mtime, facts.st_size, path))
        total = sum(size for _, size, _ in files) + needed
        for _, size, path in sorted(files):
            if total <= self.capacity:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npy"


def embedding_key(network: str, frame: NDArray[np.floating]) -> str:
    """Return what an embedding is kept by.

    Parameters
    ----------
    network
        Hash of the checkpoint.
    frame
        ``(H, W)`` as the network sees it.
    """
    head = f"{FORMAT} {__version__} {network} {frame.shape} {frame.dtype}"
    digest = hashlib.sha256(head.encode())
    digest.update(np.ascontiguousarray(frame).data)
    return digest.hexdigest()[:40]
