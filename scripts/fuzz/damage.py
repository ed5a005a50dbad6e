"""Ways to damage bytes and trees of files, whatever their format."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

Draw = np.random.Generator
EDGES = (0, 1, -1, 2**7, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, -(2**31), 2**31, 2**20)
BLOCK = 64


def pick(draw: Draw, options):
    """One of a sequence."""
    return options[int(draw.integers(len(options)))]


def place(draw: Draw, content: bytes | bytearray) -> int:
    """An offset; as often in the first 512 bytes, where headers are, as anywhere."""
    end = max(len(content), 1)
    return int(draw.integers(min(end, 512) if draw.random() < 0.5 else end))


def flip_bits(draw: Draw, content: bytearray) -> None:
    for _ in range(int(draw.integers(1, 9))):
        if content:
            content[place(draw, content)] ^= 1 << int(draw.integers(8))


def set_bytes(draw: Draw, content: bytearray) -> None:
    at, length = place(draw, content), int(draw.integers(1, 9))
    content[at : at + length] = draw.bytes(length)


def edge_number(draw: Draw, content: bytearray) -> None:
    """Write an integer at which programs stumble, in either byte order."""
    size = pick(draw, (1, 2, 4, 8))
    value = int(pick(draw, EDGES)) % 256**size
    at = place(draw, content)
    content[at : at + size] = value.to_bytes(size, pick(draw, ("little", "big")))


def cut(draw: Draw, content: bytearray) -> None:
    del content[place(draw, content) :]


def zero(draw: Draw, content: bytearray) -> None:
    at, length = place(draw, content), int(draw.integers(1, BLOCK * 4))
    end = min(len(content), at + length)
    content[at:end] = bytes(end - at)


def drop(draw: Draw, content: bytearray) -> None:
    at = place(draw, content)
    del content[at : at + int(draw.integers(1, BLOCK))]


def repeat(draw: Draw, content: bytearray) -> None:
    at = place(draw, content)
    part = content[at : at + int(draw.integers(1, BLOCK))]
    content[at:at] = part * int(draw.integers(1, 4))


def swap(draw: Draw, content: bytearray) -> None:
    first, second = sorted((place(draw, content), place(draw, content)))
    size = min(BLOCK, second - first, len(content) - second)
    one, two = content[first : first + size], content[second : second + size]
    content[first : first + size], content[second : second + size] = two, one


def insert(draw: Draw, content: bytearray) -> None:
    at = place(draw, content)
    content[at:at] = draw.bytes(int(draw.integers(1, BLOCK)))


ANY = (flip_bits, set_bytes, edge_number, cut, zero, drop, repeat, swap, insert)


def damage_bytes(draw: Draw, content: bytes) -> bytes:
    """Damage bytes one to three times."""
    damaged = bytearray(content)
    for _ in range(int(draw.integers(1, 4))):
        pick(draw, ANY)(draw, damaged)
    return bytes(damaged)


def splice(draw: Draw, content: bytes, other: bytes) -> bytes:
    """The head of one file and the tail of another."""
    return content[: place(draw, content)] + other[place(draw, other) :]


def remove(draw: Draw, file: Path) -> None:
    file.unlink()


def empty(draw: Draw, file: Path) -> None:
    file.write_bytes(b"")


def folder_instead(draw: Draw, file: Path) -> None:
    file.unlink()
    file.mkdir()


def device_instead(draw: Draw, file: Path) -> None:
    file.unlink()
    file.symlink_to(pick(draw, ("/dev/zero", "/dev/random", "/dev/tty", "/dev/full")))


def pipe_instead(draw: Draw, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link_away(draw: Draw, file: Path) -> None:
    file.unlink()
    file.symlink_to(pick(draw, ("/etc/hostname", "nowhere", file.name, "..")))


def exchange(draw: Draw, file: Path) -> None:
    """Give a file the content of another of its folder."""
    others = sorted(p for p in file.parent.iterdir() if p.is_file())
    shutil.copyfile(pick(draw, others), file.with_name("other"))
    file.with_name("other").replace(file)


ON_FILES = (remove, empty, folder_instead, device_instead, pipe_instead, link_away,
            exchange)  # fmt: skip


def files_in(path: Path) -> list[Path]:
    """The file itself, or all files below a folder."""
    if path.is_file():
        return [path]
    return sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
