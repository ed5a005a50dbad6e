"""NumPy arrays from files of others: nothing is unpickled, mapped, or believed."""

from __future__ import annotations

import io
import struct
import tokenize
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

PART_BYTES = 2**24  # read at once; so a header that promises too much costs nothing
LONGEST_HEADER = 10_000  # bytes, as for NumPy

NpyHeader = tuple[tuple[int, ...], bool, np.dtype[Any]]


def npy_header(stream: IO[bytes]) -> NpyHeader:
    """Return shape, whether columns come first, and type, from the header of an array.

    Parameters
    ----------
    stream
        File at its beginning; afterwards at the first value.

    Raises
    ------
    ValueError
        If it is no header of an array, or one of Python objects.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"npy version {version}")
    form = "<H" if version == (1, 0) else "<I"
    length = stream.read(struct.calcsize(form))
    size = struct.unpack(form, length)[0]
    if size > LONGEST_HEADER:
        raise ValueError(f"the header of the array has {size} bytes")
    header = io.BytesIO(length + stream.read(size))
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        shape, fortran, dtype = readers[version](header)
    except (tokenize.TokenError, SyntaxError, RecursionError) as error:
        raise ValueError(f"the header of the array is damaged: {error}") from error
    if any(n < 0 for n in shape):
        raise ValueError(f"the array has shape {shape}")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    return shape, fortran, dtype


def npy_pixels(stream: IO[bytes], header: NpyHeader) -> NDArray[Any]:
    """Return the array that follows a header, in the byte order of this machine.

    Parameters
    ----------
    stream
        File at the first value.
    header
        What `npy_header` returned; its size must be known to be acceptable.

    Raises
    ------
    ValueError
        If the file is shorter than the header says.
    """
    shape, fortran, dtype = header
    needed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    raw = bytearray()
    while len(raw) < needed:
        part = stream.read(min(PART_BYTES, needed - len(raw)))
        if not part:
            raise ValueError(
                f"it ends too early: {len(raw)} of {needed} bytes of pixels are there"
            )
        raw += part
    flat = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="), copy=False)
    return flat.reshape(shape, order="F" if fortran else "C")
