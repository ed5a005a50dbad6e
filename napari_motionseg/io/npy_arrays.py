"""Read NumPy arrays from untrusted files: no unpickling, no memory mapping."""

from __future__ import annotations

import io
import struct
import tokenize
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

PART_BYTES = 2**24  # bytes read at once, so that a false header costs no memory
LONGEST_HEADER = 10_000  # bytes, the same limit as NumPy's

NpyHeader = tuple[tuple[int, ...], bool, np.dtype[Any]]


def npy_header(stream: IO[bytes]) -> NpyHeader:
    """Return shape, Fortran order and type from the header of an array.

    Parameters
    ----------
    stream
        File at its beginning; it is left at the first value.

    Raises
    ------
    ValueError
        If the header is invalid, or is that of Python objects.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"npy version {version} is not supported")
    form = "<H" if version == (1, 0) else "<I"
    length = stream.read(struct.calcsize(form))
    size = struct.unpack(form, length)[0]
    if size > LONGEST_HEADER:
        raise ValueError(
            f"the header of the array has {size} bytes; at most {LONGEST_HEADER} are "
            "read"
        )
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
        raise ValueError(f"the shape of the array is invalid: {shape}")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    return shape, fortran, dtype


def npy_pixels(stream: IO[bytes], header: NpyHeader) -> NDArray[Any]:
    """Return the array that follows a header, in native byte order.

    Parameters
    ----------
    stream
        File at the first value of the array.
    header
        Header that `npy_header` returned; the caller has checked its size.

    Raises
    ------
    ValueError
        If the file is shorter than the header promises.
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
