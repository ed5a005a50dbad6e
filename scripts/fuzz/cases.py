"""A case: one damaged input, the same for the same seed and number."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np

from fuzz.damage import ON_FILES, Draw, damage_bytes, files_in, pick, splice
from fuzz.dicom_damage import dicom
from fuzz.structure import BY_SUFFIX


def draw_of(reader: str, seed: int, number: int) -> Draw:
    """The random numbers of a case."""
    return np.random.default_rng([seed, zlib.crc32(reader.encode()), number % 2**32])


def make_case(seeds: Path, reader: str, seed: int, number: int, room: Path) -> Path:
    """Copy one of the valid inputs of a reader and damage it.

    Parameters
    ----------
    seeds
        Folder with a folder of valid inputs for each reader.
    reader
        Name of the reader.
    seed, number
        What the damage depends on. A negative number gives an input as it is.
    room
        An empty folder, where the case is made.
    """
    draw = draw_of(reader, seed, number)
    inputs = sorted((seeds / reader).iterdir())
    chosen = pick(draw, inputs) if number >= 0 else inputs[number % len(inputs)]
    case = room / chosen.name
    if chosen.is_dir():
        shutil.copytree(chosen, case)
    else:
        shutil.copyfile(chosen, case)
    times = int(draw.integers(1, 3)) if case.is_dir() else 1
    for _ in range(times if number >= 0 else 0):
        damage_case(draw, case, [p for p in inputs if p.is_file()])
    return case


def damage_case(draw: Draw, case: Path, others: list[Path]) -> None:
    """Damage a file of a case by what it holds, as bytes, or as a file."""
    files = files_in(case)
    if not files:
        return
    file = pick(draw, files)
    act = draw.random()
    if act < (0.2 if case.is_dir() else 0.02):
        pick(draw, ON_FILES)(draw, file)
        return
    content = file.read_bytes()
    if act < 0.3 and others and case.is_file():
        file.write_bytes(splice(draw, content, pick(draw, others).read_bytes()))
        return
    file.write_bytes(damaged(draw, file, content))


def damaged(draw: Draw, file: Path, content: bytes) -> bytes:
    """Damage a file's content, two times of three with knowledge of its format."""
    by_format = BY_SUFFIX.get(file.suffix)
    if content[128:132] == b"DICM":
        by_format = dicom
    if by_format is None or draw.random() < 1 / 3:
        return damage_bytes(draw, content)
    try:
        return by_format(draw, content)
    except Exception:  # noqa: BLE001 - it cannot be parsed any more
        return damage_bytes(draw, content)


def make_copy(file: Path, seed: int, number: int, room: Path) -> Path:
    """Damage a copy of a given file, as bytes alone."""
    draw = draw_of(file.name, seed, number)
    case = room / f"copy{file.suffix}"
    case.write_bytes(damage_bytes(draw, file.read_bytes()))
    return case
