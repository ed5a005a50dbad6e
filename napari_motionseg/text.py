"""Make text from files safe for a terminal, a layer name, a web page or JSON.

A patient's name, a description or a file name may contain anything: control sequences
for a terminal, characters that reverse the reading direction, line feeds that forge a
line in a log, or tags that a Qt label would render as HTML.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# zero-width joiners are needed to write Persian and Indian scripts, and are harmless
_JOINERS = "\u200c\u200d"
# Qt takes a text with such a part for HTML; an invisible grapheme joiner prevents that.
# Without a closing bracket there is no tag: "0 < low <= high" stays as it is.
_MARKUP = re.compile(r"<(?=[\w/!?\s][^>]*>)|&(?=lt;)")
_SPLIT = "\u034f"
# plain ASCII is the usual case, and needs no further check
_PLAIN = re.compile(r"[ -%'-;=-~]*")


def without_controls(text: object) -> str:
    r"""Return text as one line without any control character.

    White space becomes a space. Control characters, bidirectional controls, invisible
    characters and halves of surrogate pairs become escapes such as ``\x1b``.

    Parameters
    ----------
    text
        Text from anywhere; any other object is converted to text first.
    """
    plain = str(text)
    return plain if _PLAIN.fullmatch(plain) else "".join(map(_shown, plain))


def printable(text: object) -> str:
    """Return text as one line that is harmless in a terminal and in a Qt label.

    In addition to `without_controls`, an invisible character prevents Qt from taking
    the text for HTML, as napari's notifications and tooltips otherwise do.

    Parameters
    ----------
    text
        Text from anywhere; any other object is converted to text first.
    """
    return _MARKUP.sub(lambda found: found[0] + _SPLIT, without_controls(text))


def lines_without_controls(text: object) -> str:
    """Apply `without_controls` to each line of a text.

    Parameters
    ----------
    text
        Text whose line feeds this program has inserted itself.
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
    """Return a value as JSON that every parser accepts.

    NaN and infinities, which JSON lacks, become null; objects of other types become
    text.
    Characters outside ASCII are escaped.

    Parameters
    ----------
    value
        Mappings, lists, numbers, text and None, also NumPy's numbers and arrays.
    indent
        Number of spaces by which each level is indented; None writes a single line.
    """
    return json.dumps(_known(value), allow_nan=False, indent=indent)


def _known(value: Any) -> Any:
    """Return a value that consists only of types that JSON knows."""
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
