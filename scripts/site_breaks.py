"""A hook of mkdocs: lines of code and cells of tables break where they can be read.

A browser breaks a line after any hyphen, so that ``--out`` may become ``--`` and
``out``. Options are therefore kept whole. In the narrow columns of a phone, long names
may break after an underscore, a dot or a slash, and before a capital letter.
"""

from __future__ import annotations

import re
from typing import Any

OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
LONG = re.compile(r"[\w./=]{13,}")  # shorter words fit into a column of a phone
INSIDE = re.compile(r"(?<=[_./=])(?=\w)|(?<=[a-z])(?=[A-Z])")
TAG = re.compile(r"(<[^>]*>)")
SHELL = re.compile(r'<div class="[^"]*\blanguage-(?:bash|sh|shell)\b')


def on_page_content(text: str, **_: Any) -> str:
    """Mark options that must stay whole, and places where a long name may break."""
    made, inside = [], {"pre": 0, "code": 0, "td": 0}
    in_shell = False
    for piece in TAG.split(text):
        if piece.startswith("<"):
            in_shell = in_shell or bool(SHELL.match(piece))
            _count(piece, inside)
            in_shell = in_shell and piece != "</pre>"
        elif inside["pre"]:
            piece = _with_options(piece) if in_shell else piece
        elif inside["code"] or inside["td"]:
            piece = _with_breaks(piece) if inside["td"] else piece
            piece = _with_options(piece) if inside["code"] else piece
        made.append(piece)
    return "".join(made)


def _count(tag: str, inside: dict[str, int]) -> None:
    """Update how many elements of each kind are open after a tag."""
    found = re.match(r"<(/?)(\w+)", tag)
    if found and found[2] in inside:
        inside[found[2]] += -1 if found[1] else 1


def _with_options(text: str) -> str:
    return OPTION.sub(r'<span class="whole">\g<0></span>', text)


def _with_breaks(text: str) -> str:
    return LONG.sub(lambda word: INSIDE.sub("<wbr>", word[0]), text)
