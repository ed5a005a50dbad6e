"""Order image files by the numbers in their names, and judge what the names tell."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_motionseg.errors import PartialReadWarning, ReadError

MOST_NAMED = 3  # most kinds of names that a warning lists
_NUMBER = re.compile(r"[0-9]+")


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``frame2`` before ``frame10``; case has no effect."""
    parts = re.findall(r"[0-9]+|[^0-9]", f"{name.casefold()} ")
    return [(int(p), "") if p[0] in "0123456789" else (-1, p) for p in parts]


def in_order(files: Iterable[Path], folder: Path) -> list[Path]:
    """Return image files in the order of the numbers in their names.

    Parameters
    ----------
    files
        Files of one loop in any order.
    folder
        Folder that messages name.

    Raises
    ------
    ReadError
        If two files stand for the same frame: ``f1.png`` with ``f1.jpg`` or
        ``f01.png``.

    Warns
    -----
    PartialReadWarning
        If the names are of several kinds, such as ``a1.png`` and ``b1.png``.
    """
    ordered = sorted(files, key=lambda file: (natural(file.stem), file.name))
    for one, other in zip(ordered, ordered[1:], strict=False):
        if natural(one.stem) == natural(other.stem):
            raise ReadError(
                f"{folder}: {_below(one, folder)} and {_below(other, folder)} have the "
                "same number; keep one image for each frame"
            )
    kinds = list(dict.fromkeys(_NUMBER.sub("#", f.stem.casefold()) for f in ordered))
    if len(kinds) > 1:
        listed = ", ".join(kinds[:MOST_NAMED])
        more = ", ..." if len(kinds) > MOST_NAMED else ""
        warnings.warn(
            f"{folder}: the names of its {len(ordered)} images are of {len(kinds)} "
            f"kinds ({listed}{more}); all are read as one loop, ordered by name",
            PartialReadWarning,
            stacklevel=3,
        )
    return ordered


def _below(file: Path, folder: Path) -> Path:
    """Return the path of a file relative to a folder, if it lies there."""
    return file.relative_to(folder) if file.is_relative_to(folder) else file


def gap_note(ordered: Sequence[Path]) -> tuple[str, ...]:
    """Return a sentence if the numbers in names skip some frames; else nothing.

    Parameters
    ----------
    ordered
        Files in the order of their numbers. Steps that are all equal are no gaps.
    """
    numbers = [[int(n) for n in _NUMBER.findall(file.stem)] for file in ordered]
    if len(ordered) < 3 or len({len(found) for found in numbers}) != 1:
        return ()
    varying = [c for c in zip(*numbers, strict=True) if len(set(c)) > 1]
    if len(varying) != 1:
        return ()
    steps = [b - a for a, b in zip(varying[0], varying[0][1:], strict=False)]
    if min(steps) < 1 or len(set(steps)) == 1:
        return ()
    after = steps.index(max(steps))
    return (f"numbers are missing after {ordered[after].name}; frames may be missing",)
