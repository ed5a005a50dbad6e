"""Text from files on its way to a terminal, a layer name, a page or JSON.

A patient's name, a description or the name of a file may hold anything: sequences that
command a terminal, characters that turn the direction of what follows, line feeds that
forge a line of a log, tags that a label of Qt takes for HTML.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# joins letters in Persian and Indian scripts, and does nothing else
_JOINERS = "\u200c\u200d"
# What makes Qt take a text for HTML; a grapheme joiner in between is not seen. Without
# a closing bracket there is no tag: "0 < low <= high" stays as it is.
_MARKUP = re.compile(r"<(?=[\w/!?\s][^>]*>)|&(?=lt;)")
_SPLIT = "\u034f"
# the usual case, which needs no second look
_PLAIN = re.compile(r"[ -%'-;=-~]*")


def without_controls(text: object) -> str:
    r"""Return text as one line without anything that commands a terminal.

    White space becomes a space. Control characters, bidirectional controls, invisible
    characters and halves of surrogate pairs become escapes such as ``\x1b``.

    Parameters
    ----------
    text
        Text from anywhere; other objects are turned into text first.
    """
    plain = str(text)
    return plain if _PLAIN.fullmatch(plain) else "".join(map(_shown, plain))


def printable(text: object) -> str:
    """Return text as one line that commands neither a terminal nor a label of Qt.

    Beside what `without_controls` does, an invisible character keeps Qt from taking the
    text for HTML: napari's notifications and tool tips do that by themselves.

    Parameters
    ----------
    text
        Text from anywhere; other objects are turned into text first.
    """
    return _MARKUP.sub(lambda found: found[0] + _SPLIT, without_controls(text))


def lines_without_controls(text: object) -> str:
    """Return text of several lines, each of them `without_controls`.

    Parameters
    ----------
    text
        Text whose line feeds were put there by this program.
    """
    return "\n".join(without_controls(line) for line in str(text).split("\n"))


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    return _escape(character)


def _escape(character: str) -> str:
    return ascii(character)[1:-1]


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON that every parser takes.

    Numbers that JSON does not know, NaN and infinities, become null; objects that it
    does not know become text. Characters outside of ASCII are escaped.

    Parameters
    ----------
    value
        Mappings, lists, numbers, text and None; also NumPy's numbers and arrays.
    indent
        Spaces by which each level is indented; None for a single line.
    """
    return json.dumps(_known(value), allow_nan=False, indent=indent)


def _known(value: Any) -> Any:
    """Return a value of types that JSON knows."""
    if isinstance(value, (str, bool)) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _known(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_known(each) for each in value]
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays, torch's tensors
        return _known(value.tolist())
    return str(value)
