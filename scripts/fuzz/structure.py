"""Damage that knows a format: the outer checks of its parser still pass."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np

from fuzz.damage import Draw, damage_bytes, edge_number, pick
from fuzz.seeds import deep_json, gz

ODD_VALUES = (-1, 0, 1, 2**31 - 1, 2**62, 1e308, float("nan"), "", "x" * 4000, None,
              [], {}, [[[]]], True, "\x1b[31m", "../../x", "NaN")  # fmt: skip
DEPTH = 50_000


def odd_json(draw: Draw, value):
    """The same JSON with one value replaced, at any depth."""
    if isinstance(value, dict) and value and draw.random() < 0.8:
        key = pick(draw, sorted(value))
        if draw.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: odd_json(draw, value[key])}
    if isinstance(value, list) and value and draw.random() < 0.8:
        at = int(draw.integers(len(value)))
        return [*value[:at], odd_json(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, int) and draw.random() < 0.5:
        return value + int(pick(draw, (-1, 1, 255, 10**6)))
    return pick(draw, ODD_VALUES)


def odd_text(draw: Draw, text: str) -> str:
    """JSON as text, valid or too deep."""
    if draw.random() < 0.08:
        return deep_json(DEPTH)
    return json.dumps(odd_json(draw, json.loads(text)))


def json_file(draw: Draw, content: bytes) -> bytes:
    return odd_text(draw, content.decode()).encode()


def safetensors(draw: Draw, content: bytes) -> bytes:
    """Change the header's JSON, the card's within it, or the header's length."""
    (length,) = struct.unpack("<Q", content[:8])
    header, tensors = json.loads(content[8 : 8 + length]), content[8 + length :]
    metadata = header.get("__metadata__", {})
    if metadata and draw.random() < 0.6:
        key = pick(draw, sorted(metadata))
        metadata[key] = odd_text(draw, metadata[key])
    elif draw.random() < 0.5:
        header = odd_json(draw, header)
    else:
        values = np.frombuffer(
            bytearray(tensors[: len(tensors) // 4 * 4]), "<f4"
        ).copy()
        values[:: int(draw.integers(1, 50))] = pick(draw, (np.nan, np.inf, 1e38))
        tensors = values.tobytes() + tensors[len(values) * 4 :]
    text = json.dumps(header).encode()
    said = len(text) if draw.random() < 0.9 else int(pick(draw, (0, 2**40, 2**63 - 1)))
    return struct.pack("<Q", said) + text + tensors


def zipped(draw: Draw, content: bytes) -> bytes:
    """Damage one member; the archive's check sums are right again."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(held, "w") as new:
        names = old.namelist()
        chosen = pick(draw, names)
        for name in names:
            data = old.read(name)
            if name == chosen:
                data = npy(draw, data) if name.endswith(".npy") else damage_bytes(
                    draw, data)  # fmt: skip
            new.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def npy(draw: Draw, content: bytes) -> bytes:
    """Another type, shape or order in the header of an array."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        return damage_bytes(draw, content)
    shape, order, dtype = np.lib.format.read_array_header_1_0(stream)
    described = {"descr": dtype.str, "fortran_order": order, "shape": shape}
    sizes = ((), (0,), (2**40,), shape[::-1], (*shape, 1), (*shape, 3), (1, *shape),
             (2**20, 2**20, 2**20), (-1, 4, 4))  # fmt: skip
    changes = {
        "shape": pick(draw, sizes),
        "descr": pick(draw, ("|O", "<f8", "<f2", ">i4", "<c8", "|b1", "<U9", "<M8[s]")),
        "fortran_order": not order,
    }
    key = pick(draw, sorted(changes))
    text = repr({**described, key: changes[key]}).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text))
    return head + text + content[stream.tell() :]


def png(draw: Draw, content: bytes) -> bytes:
    """Change the content of a chunk, its check sum with it; or drop or repeat one."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    which = int(draw.integers(len(chunks))) if draw.random() < 0.6 else 0
    kind, data = chunks[which]
    act = draw.random()
    if act < 0.1:
        chunks.pop(which)
    elif act < 0.2:
        chunks.insert(which, chunks[which])
    elif act < 0.5 and kind == b"IHDR":
        changed = bytearray(data)
        size = struct.pack(">I", int(pick(draw, (0, 1, 2**14, 2**16, 2**31 - 1))))
        offset = int(pick(draw, (0, 4)))
        changed[offset : offset + 4] = size
        chunks[which] = (kind, bytes(changed))
    elif act < 0.6:
        chunks.insert(1, (b"zTXt", b"k\0\0" + zlib.compress(bytes(2**25))))
    else:
        chunks[which] = (kind, damage_bytes(draw, data))
    return content[:8] + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
        for k, d in chunks
    )


def tiff(draw: Draw, content: bytes) -> bytes:
    """Change one entry of a directory: its tag, type, count or value."""
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] not in (b"*\0", b"\0*"):
        return damage_bytes(draw, content)
    changed = bytearray(content)
    (at,) = struct.unpack_from(order + "I", content, 4)
    for _ in range(int(draw.integers(1, 4))):
        if at + 2 > len(content):
            break
        (entries,) = struct.unpack_from(order + "H", content, at)
        entry = at + 2 + 12 * int(draw.integers(max(entries, 1)))
        if entry + 12 > len(content):
            break
        offset, size = pick(draw, ((0, 2), (2, 2), (4, 4), (8, 4), (8, 2), (8, 4)))
        value = pick(draw, (0, 1, 2, 3, 8, 16, 2**15, 2**16 - 1, 2**31, 2**32 - 1, at))
        packed = struct.pack(order + "IH"[size == 2], int(value) % 256**size)
        changed[entry + offset : entry + offset + size] = packed
        if draw.random() < 0.5:
            (at,) = struct.unpack_from(order + "I", content, at + 2 + 12 * entries)
            if not at:
                break
    return bytes(changed)


def nifti(draw: Draw, content: bytes) -> bytes:
    """Damage the header, within the compression if there is one."""
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    changed = bytearray(plain)
    for _ in range(int(draw.integers(1, 3))):
        field, size = pick(draw, ((40, 2), (42, 2), (44, 2), (48, 2), (70, 2), (72, 2),
            (76, 4), (80, 4), (108, 4), (112, 4), (116, 4), (252, 2), (254, 2),
            (256, 4), (268, 4), (280, 4), (344, 4), (348, 4)))  # fmt: skip
        value = pick(draw, (0, 1, -1, 2, 64, 512, 2**15 - 1))
        packed = struct.pack("<h", value) if size == 2 else struct.pack(
            "<f", pick(draw, (0.0, -1.0, 1e38, float("nan"), float("inf"), 352.5, 1e9))
        )  # fmt: skip
        changed[field : field + size] = packed
    if draw.random() < 0.1:
        changed += bytes(2**26)
    return gz(bytes(changed)) if plain is not content else bytes(changed)


def boxes(draw: Draw, content: bytes) -> bytes:
    """Damage a box of MP4 or MOV, or a chunk of AVI, by its four letters."""
    names = (b"moov", b"mdat", b"stts", b"stsz", b"stco", b"stsd", b"tkhd", b"mvhd",
             b"avcC", b"idx1", b"movi", b"strh", b"strf", b"avih")  # fmt: skip
    there = [n for n in names if n in content]
    if not there:
        return damage_bytes(draw, content)
    at = content.index(pick(draw, there))
    part = bytearray(content[max(0, at - 4) : at + 64])
    edge_number(draw, part)
    return content[: max(0, at - 4)] + bytes(part) + content[at + 64 :]


BY_SUFFIX: dict[str, Callable[[Draw, bytes], bytes]] = {
    ".safetensors": safetensors, ".npz": zipped, ".pth": zipped, ".npy": npy,
    ".png": png, ".tif": tiff, ".nii": nifti, ".gz": nifti, ".mp4": boxes,
    ".mov": boxes, ".avi": boxes, ".json": json_file,
}  # fmt: skip
