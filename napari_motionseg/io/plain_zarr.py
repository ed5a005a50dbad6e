"""Check zarr arrays from unknown sources before zarr opens them.

zarr follows links to devices, calls codecs that can execute code (pickle), and trusts
every size in its metadata and in the headers of compressed chunks. Flow needs none of
these: it is an array of floats in chunks of known size, compressed by zstd or Blosc.
"""

from __future__ import annotations

import json
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_motionseg.errors import ReadError
from napari_motionseg.io.regular_files import open_regular, read_regular

MOST_METADATA = 2**20  # bytes of a metadata file
CHECK_SUM_BYTES = 4  # CRC-32C at the end of an uncompressed chunk
ITEM_BYTES = {"float16": 2, "float32": 4, "float64": 8}
ITEM_NAMES = {2: "float16", 4: "float32", 8: "float64"}
CODECS = {"bytes", "zstd", "blosc", "crc32c"}
ABOUT = {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"}
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
HEAD = 18  # bytes of the longest header of a zstd frame


@dataclass(frozen=True)
class ZarrArray:
    """Metadata of a zarr array.

    Parameters
    ----------
    shape, chunk
        Shape of the array and of each chunk.
    kind
        Data type of a value: ``float16``, ``float32`` or ``float64``.
    compressor
        Compression of the chunks: ``"zstd"``, ``"blosc"``, or empty for none.
    """

    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    kind: str
    compressor: str

    @property
    def chunk_bytes(self) -> int:
        """Number of bytes of an uncompressed chunk."""
        return math.prod(self.chunk) * ITEM_BYTES[self.kind]


def require_plain_tree(folder: Path) -> None:
    """Raise `ReadError` if a folder holds links, devices or anything but files.

    Parameters
    ----------
    folder
        Folder of a zarr group or array.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink():
                raise ReadError(
                    f"{path}: is a symbolic link, which flow folders must not contain"
                )
            if not (path.is_file() or path.is_dir()):
                raise ReadError(f"{path}: is neither a file nor a folder")


def read_array_metadata(folder: Path) -> ZarrArray:
    """Read the metadata of an array in zarr's format 2 or 3.

    Parameters
    ----------
    folder
        Folder of the array.

    Raises
    ------
    ReadError
        If the metadata are missing, damaged, or ask for more than flow needs.
    """
    third = folder / "zarr.json"
    path = third if third.exists() else folder / ".zarray"
    try:
        content = json.loads(read_regular(path, MOST_METADATA, follow_links=False))
        read = _version3 if path == third else _version2
        array = read(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReadError(
            f"{path}: damaged or not a flow file: {type(error).__name__}: "
            f"{str(error)[:200]}"
        ) from error
    numbers = all(type(n) is int for n in (*array.shape, *array.chunk))
    same = len(array.shape) == len(array.chunk)
    if not (numbers and same) or not all(
        0 < part <= whole for part, whole in zip(array.chunk, array.shape, strict=True)
    ):
        raise ReadError(
            f"{path}: damaged: chunks of {list(array.chunk)[:8]} do not fit an array "
            f"of {list(array.shape)[:8]}"
        )
    return array


def require_plain_chunks(folder: Path, array: ZarrArray) -> None:
    """Raise `ReadError` if a chunk of an array unpacks to a wrong size.

    Parameters
    ----------
    folder
        Folder of the array.
    array
        Metadata of the array.
    """
    for place, _, files in os.walk(folder):
        for name in files:
            if name in ABOUT or name.startswith("."):
                continue
            path = Path(place, name)
            with open_regular(path, follow_links=False) as stream:
                size = os.fstat(stream.fileno()).st_size
                unpacked = _unpacked(stream.read(HEAD), size, array.compressor)
            extra = 0 if array.compressor else CHECK_SUM_BYTES
            if not array.chunk_bytes <= unpacked <= array.chunk_bytes + extra:
                raise ReadError(
                    f"{path}: damaged: a chunk unpacks to {unpacked} bytes instead of "
                    f"{array.chunk_bytes}"
                )


def _version3(content: dict[str, Any]) -> ZarrArray:
    codecs = [codec["name"] for codec in content["codecs"]]
    unknown = sorted(set(codecs) - CODECS)
    if unknown or content.get("storage_transformers"):
        raise ValueError(f"codec {unknown[:1]} is not used for flow")
    kind = content["data_type"]
    if kind not in ITEM_BYTES:
        raise ValueError(f"data type {str(kind)[:40]!r} is not a float")
    if content["chunk_grid"]["name"] != "regular":
        raise ValueError("its chunks have different sizes")
    chunk = content["chunk_grid"]["configuration"]["chunk_shape"]
    compressor = next((c for c in ("zstd", "blosc") if c in codecs), "")
    return ZarrArray(tuple(content["shape"]), tuple(chunk), kind, compressor)


def _version2(content: dict[str, Any]) -> ZarrArray:
    compressor = (content["compressor"] or {"id": ""})["id"]
    if content.get("filters") or compressor not in ("", "zstd", "blosc"):
        raise ValueError("it has a filter or compressor that is not used for flow")
    dtype = content["dtype"]
    if not (len(dtype) == 3 and dtype[1] == "f" and int(dtype[2]) in ITEM_NAMES):
        raise ValueError(f"data type {str(dtype)[:40]!r} is not a float")
    kind = ITEM_NAMES[int(dtype[2])]
    return ZarrArray(
        tuple(content["shape"]), tuple(content["chunks"]), kind, compressor
    )


def _unpacked(head: bytes, size: int, compressor: str) -> int:
    """Return the size that a chunk claims to unpack to; -1 if it claims none."""
    if compressor == "blosc":
        return int(struct.unpack("<I", head[4:8])[0]) if len(head) >= 8 else -1
    return _zstd_size(head) if compressor == "zstd" else size


def _zstd_size(head: bytes) -> int:
    """Return the content size from the header of a zstd frame (RFC 8878, 3.1.1.1)."""
    if head[:4] != ZSTD_MAGIC or len(head) < HEAD:
        return -1
    descriptor = head[4]
    single = descriptor >> 5 & 1
    start = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3]
    length = (single, 2, 4, 8)[descriptor >> 6]
    if not length:
        return -1
    size = int.from_bytes(head[start : start + length], "little")
    return size + 256 if length == 2 else size
