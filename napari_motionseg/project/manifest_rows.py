"""Check the values of ``project.json``, which may come from anybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from napari_motionseg.text import without_controls

LARGEST_SIDE = 2**24  # frames, rows or columns; more is damage
LARGEST_NUMBER = 2**31 - 1  # of a loop or layer; journals store 32 bits
LONGEST_NAME = 1000  # characters of a name that people read
LONGEST_FILE_NAME = 255
_DTYPES = re.compile(r"bool|u?int(8|16|32|64)|[<>|]?(b1|[iu][1248])")
_STORED = re.compile(r"[0-9]{1,10}\.npz")
_DRIVE = re.compile(r"[A-Za-z]:")  # on Windows it leads to another place


def number(value: Any) -> int:
    """Return the number of a loop or layer, from 1."""
    if type(value) is not int or not 0 < value <= LARGEST_NUMBER:
        raise ValueError(f"must be an integer from 1 to {LARGEST_NUMBER}")
    return value


def text(value: Any) -> str:
    """Return any text."""
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def name(value: Any) -> str:
    """Return a name for people to read, without control characters."""
    return without_controls(text(value)[:LONGEST_NAME]).strip() or "unnamed"


def path(value: Any) -> str:
    """Return a path; where it leads is checked when it is followed."""
    if "\0" in text(value):
        raise ValueError("must be a path")
    return str(value)


def flag(value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise TypeError("must be an object")
    return value


def shape(value: Any) -> tuple[int, int, int]:
    """Return ``(T, H, W)``."""
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("a shape is a list of three integers")
    for side in value:
        if type(side) is not int or not 0 < side <= LARGEST_SIDE:
            raise ValueError(f"a shape is of integers from 1 to {LARGEST_SIDE}")
    return value[0], value[1], value[2]


def dtype(value: Any) -> str:
    """Return the name of an integer type of NumPy."""
    if not _DTYPES.fullmatch(text(value)):
        raise ValueError(f"has type {value:.40}, which is no integer type of NumPy")
    return str(value)


def kind_of_layer(value: Any) -> str:
    """Return ``"labels"`` or ``"masks"``."""
    if value not in ("labels", "masks"):
        raise ValueError("must be 'labels' or 'masks'")
    return str(value)


def stored(value: Any) -> str:
    """Return the name of a file in ``loops``, or nothing."""
    if text(value) and not _STORED.fullmatch(value):
        raise ValueError("is no file name that projects use, like '1.npz'")
    return str(value)


def file_name(value: Any) -> str:
    """Return a plain file name that cannot lead out of its folder on any system."""
    good = (
        0 < len(text(value)) <= LONGEST_FILE_NAME
        and value.isprintable()
        and not {"/", "\\"} & set(value)
        and value not in (".", "..")
        and not _DRIVE.match(value)
    )
    if not good:
        raise ValueError("is no file name")
    return str(value)


def checked(
    row: Any, rules: dict[str, Callable[[Any], Any]], where: str
) -> dict[str, Any]:
    """Return the values of a row that have rules, each checked by its rule.

    Parameters
    ----------
    row
        An object of the file; values without a rule are of a later release and are
        left out.
    rules
        The rule of each value, by its name; it returns the value, or raises
        `ValueError` or `TypeError` with what the value must be.
    where
        What the row is, for messages.

    Raises
    ------
    ValueError, TypeError
        If the row is no object or breaks a rule; the message names the value.
    """
    if not isinstance(row, dict):
        raise TypeError(f"a row of {where} is no object")
    values = {}
    for key in rules.keys() & row.keys():
        try:
            values[key] = rules[key](row[key])
        except (ValueError, TypeError) as error:
            shown = repr(row[key])[:80]
            raise ValueError(f"{key} in {where} is {shown}: {error}") from error
    return values
