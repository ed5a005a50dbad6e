"""Store embeddings on the disk, for loops that are opened again.

There is one file for each frame, named by a hash of network, pixels and version. The
same frame is therefore found wherever it comes from, and a changed frame is not. The
folder may be deleted at any time, and several programs may use it at once. Other files
in the folder are neither read nor deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io.cache_folder import cache_folder, make_marked
from napari_motionseg.io.code_version import code_version
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.io.temporary import temporary_folder

FORMAT = 1  # raise it whenever the meaning of stored embeddings changes
CAPACITY = 4 * 2**30  # bytes: 128 frames of 512 x 512 pixels and 64 dimensions
LARGEST_HEADER = 10_000  # bytes of a file's header
_NAME = re.compile(r"[0-9a-f]{40}\.npy")  # see `embedding_key`
# the beginning of each file: NPY 1.0, a header of 118 bytes, half precision, C order
_START = b"\x93NUMPY\x01\0\x76\0{'descr': '<f2', 'fortran_order': False, 'shape': ("
Half = NDArray[np.float16]


class EmbeddingStore:
    """A folder of embeddings, in which the least recently used make room for new ones.

    Parameters
    ----------
    folder
        Path of the folder, created when needed.
    capacity
        Number of bytes that all embeddings together may take.

    Notes
    -----
    `trouble` says why nothing can be written any more; reading remains possible.
    """

    def __init__(self, folder: str | Path, capacity: int = CAPACITY) -> None:
        self.folder = Path(folder)
        self.capacity = capacity
        self.trouble = ""

    @classmethod
    def default(cls) -> EmbeddingStore | None:
        """Return the user's store, beside that of flow; None if caches are off."""
        folder = cache_folder()
        return None if folder is None else cls(folder / "embedding")

    def holds(self, key: str) -> bool:
        """Return whether an embedding was written; `read` may still find it damaged."""
        return _is_own(self._path(key))

    def read(self, key: str) -> Half | None:
        """Return an embedding ``(D, H, W)``; None if it is missing or damaged."""
        path = self._path(key)
        try:
            with open_regular(path, follow_links=False) as file:
                shape = _shape_in(file)
                if shape is None:
                    return None
                stored = np.fromfile(file, "<f2", math.prod(shape))
        except (ReadError, OSError, MemoryError):
            return None
        with contextlib.suppress(OSError):
            os.utime(path, follow_symlinks=False)
        return stored.reshape(shape) if stored.size == math.prod(shape) else None

    def write(self, key: str, embedding: Half) -> None:
        """Store an embedding if there is space; see `trouble`."""
        if self.trouble or embedding.nbytes > self.capacity:
            return
        path = self._path(key)
        if os.path.lexists(path) and not _is_own(path, even_damaged=True):
            return  # the file of another program: others can still be stored
        self._make_room(embedding.nbytes)
        try:
            make_marked(self.folder)
            # not with `replacing`, which flushes to the disk: a cache may lose files
            with temporary_folder(self.folder) as room:
                np.save(room / path.name, embedding, allow_pickle=False)
                os.replace(room / path.name, path)
        except (OSError, WriteError) as error:
            self.trouble = f"embeddings are not kept for next time: {error}"

    def _make_room(self, needed: int) -> None:
        """Delete the least recently used embeddings until `needed` bytes fit in."""
        files = []
        for path in self._own():
            with contextlib.suppress(OSError):
                facts = path.lstat()
                files.append((facts.st_mtime, facts.st_size, path))
        total = sum(size for _, size, _ in files) + needed
        for _, size, path in sorted(files):
            if total <= self.capacity:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size

    def clear(self) -> None:
        """Delete all embeddings; other files in the folder stay."""
        for path in self._own():
            with contextlib.suppress(OSError):
                path.unlink()

    def _own(self) -> list[Path]:
        try:
            names = [name for name in os.listdir(self.folder) if _NAME.fullmatch(name)]
        except OSError:
            return []
        return [self.folder / name for name in names if _is_own(self.folder / name)]

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npy"


def _is_own(path: Path, *, even_damaged: bool = False) -> bool:
    """Return whether a file is an embedding that this program wrote.

    It is recognized by its name, and by a header that fits its size. A damaged
    embedding, which may be replaced, begins like every embedding, as far as it goes.
    """
    try:
        with open_regular(path, follow_links=False) as file:
            if not even_damaged:
                return _shape_in(file) is not None
            return _START.startswith(file.read(len(_START)))
    except (ReadError, OSError):
        return False


def _shape_in(file: BinaryIO) -> tuple[int, int, int] | None:
    """Return the shape in the header of an array file.

    None if the size does not fit.
    """
    header = _header(file)
    if header is None or not _is_half(header):
        return None
    left = os.fstat(file.fileno()).st_size - file.tell()
    expected = 2 * math.prod(header[0])
    return header[0] if expected == left and min(header[0]) > 0 else None


def _header(file: BinaryIO) -> Any:
    """Return shape, order and type from the header of an array file, or None."""
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            return None
        return np.lib.format.read_array_header_1_0(file, max_header_size=LARGEST_HEADER)
    except (ValueError, TypeError, SyntaxError, TokenError, RuntimeError, MemoryError):
        return None


def _is_half(header: Any) -> bool:
    shape, columns_first, dtype = header
    return dtype == np.dtype("<f2") and not columns_first and len(shape) == 3


def embedding_key(network: str, frame: NDArray[np.floating]) -> str:
    """Return the key of an embedding in the store.

    Parameters
    ----------
    network
        Hash of the checkpoint file.
    frame
        Frame ``(H, W)`` as the network gets it.
    """
    head = f"{FORMAT} {code_version()} {network} {frame.shape} {frame.dtype}"
    digest = hashlib.sha256(head.encode())
    digest.update(np.ascontiguousarray(frame).data)
    return digest.hexdigest()[:40]
