"""Check the values of ``project.json``, which may come from an unknown source."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from napari_motionseg.text import without_controls

LARGEST_SIDE = 2**24  # frames, rows or columns; a larger number is damage
LARGEST_NUMBER = 2**31 - 1  # number of a loop or layer; journals store 32 bits
LONGEST_NAME = 1000  # characters of a displayed name
LONGEST_FILE_NAME = 255  # characters, the limit of most file systems
_DTYPES = re.compile(r"bool|u?int(8|16|32|64)|[<>|]?(b1|[iu][1248])")
_STORED = re.compile(r"[0-9]{1,10}\.npz")
_DRIVE = re.compile(r"[A-Za-z]:")  # on Windows, such a prefix leads to another drive


def number(value: Any) -> int:
    """Check the number of a loop or layer, which counts from 1."""
    if type(value) is not int or not 0 < value <= LARGEST_NUMBER:
        raise ValueError(f"must be an integer from 1 to {LARGEST_NUMBER}")
    return value


def text(value: Any) -> str:
    """Check that a value is text."""
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def name(value: Any) -> str:
    """Check a displayed name, and remove control characters from it."""
    return without_controls(text(value)[:LONGEST_NAME]).strip() or "unnamed"


def path(value: Any) -> str:
    """Check that a value is a path; its target is checked when it is followed."""
    if "\0" in text(value):
        raise ValueError("must be a path")
    return str(value)


def flag(value: Any) -> bool:
    """Check that a value is true or false."""
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Check that a value is a JSON object."""
    if not isinstance(value, dict):
        raise TypeError("must be an object")
    return value


def shape(value: Any) -> tuple[int, int, int]:
    """Check a shape ``(T, H, W)``."""
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("a shape must be a list of three integers")
    for side in value:
        if type(side) is not int or not 0 < side <= LARGEST_SIDE:
            raise ValueError(f"a shape must have integers from 1 to {LARGEST_SIDE}")
    return value[0], value[1], value[2]


def dtype(value: Any) -> str:
    """Check the name of an integer type of NumPy."""
    if not _DTYPES.fullmatch(text(value)):
        raise ValueError("must be the name of an integer type of NumPy")
    return str(value)


def kind_of_layer(value: Any) -> str:
    """Check that a value is ``"labels"`` or ``"masks"``."""
    if value not in ("labels", "masks"):
        raise ValueError("must be 'labels' or 'masks'")
    return str(value)


def stored(value: Any) -> str:
    """Check the name of a file in ``loops``, which may be empty."""
    if text(value) and not _STORED.fullmatch(value):
        raise ValueError("must be a file name as projects use it, like '1.npz'")
    return str(value)


def file_name(value: Any) -> str:
    """Check a plain file name that stays in its folder on any operating system."""
    good = (
        0 < len(text(value)) <= LONGEST_FILE_NAME
        and value.isprintable()
        and not {"/", "\\"} & set(value)
        and value not in (".", "..")
        and not _DRIVE.match(value)
    )
    if not good:
        raise ValueError("must be a plain file name")
    return str(value)


def checked(
    row: Any, rules: dict[str, Callable[[Any], Any]], where: str
) -> dict[str, Any]:
    """Return the values of a row that have rules, each checked by its rule.

    Parameters
    ----------
    row
        Object from the file. Values without a rule come from a later release and are
        left out.
    rules
        Rule of each value by its name: a function that returns the value, or raises
        `ValueError` or `TypeError` with a description of a valid value.
    where
        Description of the row, for messages.

    Raises
    ------
    ValueError, TypeError
        If the row is not an object or breaks a rule.
    """
    if not isinstance(row, dict):
        raise TypeError(f"a row of {where} must be an object")
    values = {}
    for key in rules.keys() & row.keys():
        try:
            values[key] = rules[key](row[key])
        except (ValueError, TypeError) as error:
            shown = repr(row[key])[:80]
            raise ValueError(f"{key} in {where} is {shown}: {error}") from error
    return values
