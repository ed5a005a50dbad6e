"""Send Python objects through a pipe, and large buffers through a file.

A pipe holds 64 KiB. A process that writes more waits until the other side reads, and a
process that imports torch does not read for seconds. Messages of more than a few KiB
are therefore written to a file in a private folder, and only the file's name goes
through the pipe. The reader copies the file into memory and removes it at once.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import tempfile
from pathlib import Path
from typing import Any

# largest message that is sent through the pipe and not in a file
INLINE_BYTES = 32 * 1024
ALIGNMENT = 64  # bytes; numpy and torch want arrays to begin at such places
_LENGTH = struct.Struct("!Q")
# parts of a message: the pickle first, then its buffers
Inline = tuple[bytearray, ...]
Frame = tuple[str | None, tuple[int, ...], Inline]


def encode(message: Any, folder: str | Path) -> bytes:
    """Return the bytes that are sent through the pipe for a message.

    Parameters
    ----------
    message
        Any object that can be pickled.
    folder
        Path of the folder for the file of a large message.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, 5, buffer_callback=buffers.append)
    parts = [memoryview(body), *(buffer.raw() for buffer in buffers)]
    sizes = tuple(part.nbytes for part in parts)
    if sum(sizes) <= INLINE_BYTES:
        frame: Frame = (None, sizes, tuple(map(bytearray, parts)))
    else:
        frame = (_spool(parts, folder), sizes, ())
    packed = pickle.dumps(frame, 5)
    return _LENGTH.pack(len(packed)) + packed


def decode(packed: bytes) -> Any:
    """Return the message in bytes from `read_frame`, and remove its file."""
    path, sizes, inline = pickle.loads(packed)
    parts: list[Any] = list(inline) if path is None else _collect(path, sizes)
    return pickle.loads(parts[0], buffers=parts[1:])


def write_frame(descriptor: int, packed: bytes) -> None:
    """Write bytes from `encode` to a pipe.

    Raises
    ------
    OSError
        If the other process does not read any more.
    """
    left = memoryview(packed)
    while left:
        left = left[os.write(descriptor, left) :]


def read_frame(descriptor: int) -> bytes:
    """Wait for one message on a pipe and return it for `decode`.

    Raises
    ------
    EOFError
        If the other side has ended.
    """
    length = _LENGTH.unpack(_read(descriptor, _LENGTH.size))[0]
    return _read(descriptor, length)


def _read(descriptor: int, count: int) -> bytes:
    # not through a buffered file: a thread that waits in one holds a lock that the
    # interpreter wants when it ends
    parts = []
    while count:
        part = os.read(descriptor, min(count, 2**20))
        if not part:
            raise EOFError("the other side of the pipe has ended")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _padding(size: int) -> int:
    return -size % ALIGNMENT


def _spool(parts: list[memoryview], folder: str | Path) -> str:
    """Write parts to a new file that only this user can read; return its path."""
    descriptor, path = tempfile.mkstemp(prefix="message-", dir=folder)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            for part in parts:
                _write_all(file.fileno(), part)
                _write_all(file.fileno(), memoryview(bytes(_padding(part.nbytes))))
    except BaseException:
        os.unlink(path)
        raise
    return path


def _write_all(descriptor: int, part: memoryview) -> None:
    left = part.cast("B") if part.nbytes else memoryview(b"")
    while left:
        left = left[os.write(descriptor, left) :]


def _collect(path: str, sizes: tuple[int, ...]) -> list[memoryview]:
    """Read the parts of a file into memory and remove the file."""
    total = sum(size + _padding(size) for size in sizes)
    # anonymous memory: unlike a bytearray, it is not filled with zeros first
    memory = memoryview(mmap.mmap(-1, total))
    with open(path, "rb", buffering=0) as file:
        done = 0
        while done < total:
            got = file.readinto(memory[done:])
            if not got:
                raise EOFError(f"{path}: ends after {done} of {total} bytes")
            done += got
    os.unlink(path)
    parts, start = [], 0
    for size in sizes:
        parts.append(memory[start : start + size])
        start += size + _padding(size)
    return parts
