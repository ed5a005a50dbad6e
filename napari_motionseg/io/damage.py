"""Turn the exceptions that libraries raise on broken files into one kind of error."""

from __future__ import annotations

import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from pydicom.errors import BytesLengthException
from tifffile import TiffFileError

from napari_motionseg.errors import DamagedFrameError, MotionSegError, ReadError

# exceptions that pydicom, Pillow, tifffile, zipfile and NumPy raise on damaged bytes
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,  # Pillow, on a broken PNG chunk
    TypeError,
    ValueError,
    BytesLengthException,
    Image.DecompressionBombError,
    TiffFileError,
    zipfile.BadZipFile,
    struct.error,
    zlib.error,
)


@contextmanager
def pydicom_quiet() -> Iterator[None]:
    """Silence pydicom's warnings about values that break the Standard.

    Many files contain such values. The readers check the values that matter, and report
    them in their own words.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")
        yield


@contextmanager
def damage_named(path: str | Path, what: str) -> Iterator[None]:
    """Raise damage as a `ReadError` that names the file and the expected content.

    Parameters
    ----------
    path
        Path of the file.
    what
        Expected content, as in "damaged or unreadable {what}".
    """
    try:
        yield
    except MotionSegError:
        raise
    except MemoryError as error:
        raise ReadError(f"{path}: needs more memory than is free") from error
    except PermissionError as error:
        raise ReadError(f"{path}: cannot be read: {error.strerror}") from error
    except FileNotFoundError as error:
        raise ReadError(f"{path}: no such file or folder") from error
    except DAMAGE as error:
        raise ReadError(f"{path}: damaged or unreadable {what} ({error})") from error


@contextmanager
def frame_damage_named(path: str | Path, frame: int) -> Iterator[None]:
    """Raise damage of one frame as a `DamagedFrameError`; other frames may be readable.

    Parameters
    ----------
    path
        Path of the file that holds the frame.
    frame
        Index of the frame in its loop, counted from 0.

    Raises
    ------
    DamagedFrameError
        If the bytes of this frame are damaged.
    ReadError
        If the file is missing, may not be read, or does not fit in memory.
    """
    try:
        yield
    except (MemoryError, PermissionError, FileNotFoundError):
        with damage_named(path, f"frame {frame}"):
            raise
    except MotionSegError:
        raise
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            # an error of the system, not of a decoder: a network share or a disk has
            # failed
            raise ReadError(f"{path}: cannot be read ({error.strerror})") from error
        raise DamagedFrameError(
            f"{path}: frame {frame} cannot be decoded ({error})", frame
        ) from error
