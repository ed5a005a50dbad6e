"""Text from files commands nothing, wherever it is shown."""

import json
import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.text import as_json, lines_without_controls, printable

HOSTILE = {
    "ansi": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;owned\x07",
    "c1": "\x9b31m",
    "bidi": "abc\u202egpj.exe",
    "isolate": "\u2066x\u2069",
    "newline": "a\nmotionseg: all is well",
    "carriage": "secret\rpublic",
    "null": "a\x00b",
    "backspace": "ab\x08\x08cd",
    "separator": "a\u2028b\u2029c",
    "next line": "a\x85b",
    "zero width": "a\u200bb\ufeffc",
    "tags": "a\U000e0041b",
    "surrogate": b"\xff\xfe".decode("utf-8", "surrogateescape"),
    "delete": "a\x7fb",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_commands(text):
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert printable(shown) == shown
    assert len(shown.splitlines()) == 1


def test_what_was_there_can_be_told():
    assert printable("\x1b[31mred") == "\\x1b[31mred"
    assert printable("a\u202eb") == "a\\u202eb"
    assert printable("a\tb\nc\u00a0d\u3000e") == "a b c d e"
    assert printable(Path("a\x07b")) == "a\\x07b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Müller^Jörg",
        "山田^太郎",
        "محمد",
        "می\u200cخواهم",
        "a & b",
        "1 < 2",
        "a>b",
        "🫀",
    ],
)
def test_names_of_people_stay(text):
    assert printable(text).replace("\u034f", "") == text


@pytest.mark.parametrize(
    "text",
    ["<b>x</b>", "<img src='//host/share'>", "a <b>", "&lt;b&gt;"],
)
def test_qt_takes_nothing_for_html(text):
    qt = pytest.importorskip("qtpy.QtCore").Qt
    assert qt.mightBeRichText(text)
    assert not qt.mightBeRichText(printable(text))
    assert printable(text).replace("\u034f", "") == text


def test_lines_that_the_program_makes_stay():
    assert lines_without_controls("a\x1bb\nc\td") == "a\\x1bb\nc d"


def test_errors_and_warnings_are_printable():
    assert str(ReadError("a\x1b[2J\nb")) == "a\\x1b[2J b"
    assert str(PartialReadWarning("a\u202eb")) == "a\\u202eb"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.warn("x\x1b[1A", PartialReadWarning, stacklevel=1)
    assert str(seen[0].message) == "x\\x1b[1A"


def test_a_loop_has_a_printable_name_and_notes():
    cine = Cine.from_array(
        np.zeros((2, 4, 4), np.uint8), name="a\x1b[31m\nb", notes=("<b>\x07",)
    )
    assert cine.name == "a\\x1b[31m b"
    assert cine.notes == ("<\u034fb>\\x07",)


def strict(text):
    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


def test_json_is_json_whatever_is_in_it():
    row = {
        "a": float("nan"),
        "b": [np.inf, -np.inf, np.float32("nan"), np.float64(1.5)],
        "c": {1: np.arange(3), "t": (np.int64(2), np.bool_(True))},
        "d": Path("x\x1b"),
        "e": Decimal("NaN"),
        "f": None,
        "g": True,
        "h": b"\xff".decode("utf-8", "surrogateescape"),
    }
    text = as_json(row)
    assert text.isascii()
    assert "\n" not in text
    assert strict(text) == {
        "a": None,
        "b": [None, None, None, 1.5],
        "c": {"1": [0, 1, 2], "t": [2, True]},
        "d": "x\x1b",
        "e": "NaN",
        "f": None,
        "g": True,
        "h": "\udcff",
    }
    assert strict(as_json(row, indent=2)) == strict(text)
