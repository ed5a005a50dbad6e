"""Read values of DICOM attributes, and tolerate careless writers."""

from __future__ import annotations

import math
import re
from typing import Any

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.functional_groups import FunctionalGroups
from napari_motionseg.io.optional_parts import OptionalParts

PADDING = " \t\r\n\0"
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
NUMBER_LIKE = re.compile(r"[0-9+\-.,eEnNaAiIfF ]{1,24}")


class Attributes:
    """The attributes of one header, at its root or in its functional groups.

    No method raises an error because of a value: unusable values are left out, and
    `parts` gets a sentence about them.

    Parameters
    ----------
    dataset
        The header as a data set.
    parts
        Collector of sentences about unusual values.

    Attributes
    ----------
    groups : FunctionalGroups
        Shared and per-frame functional groups of enhanced objects.
    """

    def __init__(self, dataset: Dataset, parts: OptionalParts) -> None:
        self.dataset = dataset
        self.parts = parts
        self.groups = FunctionalGroups(dataset)

    def holder(self, keyword: str) -> Dataset | None:
        """Return the data set that holds a value for an attribute, or None.

        The root is searched first, then the shared functional groups, then the groups
        of the first frame.
        """
        candidates = (self.dataset, *self.groups.macros())
        return next((one for one in candidates if _has_value(one, keyword)), None)

    def numbers(self, keyword: str, holder: Dataset | None = None) -> tuple[float, ...]:
        """Return the finite numbers of an attribute.

        Parameters
        ----------
        keyword
            Keyword of the attribute.
        holder
            Data set to read from; None uses the one that `holder` finds.

        Returns
        -------
        tuple of float
            All values in their order; empty if the attribute is missing or empty, or if
            one of its values is not a finite number.
        """
        where = self.holder(keyword) if holder is None else holder
        if where is None:
            return ()
        found = []
        for value in values_of(where, keyword):
            number, repaired = _number(value)
            if number is None or not math.isfinite(number):
                self.parts.note(f"{keyword} holds {_shown(value)}; it was ignored.")
                return ()
            if repaired:
                self.parts.note(f"{keyword} {value!r} was read as {number:g}.")
            found.append(number)
        return tuple(found)

    def number(self, keyword: str, holder: Dataset | None = None) -> float | None:
        """Return the first number of an attribute, or None if it has none."""
        return next(iter(self.numbers(keyword, holder)), None)

    def integers(self, keyword: str, holder: Dataset | None = None) -> tuple[int, ...]:
        """Return the numbers of an attribute as integers.

        Empty if one has a fraction.
        """
        numbers = self.numbers(keyword, holder)
        if any(not number.is_integer() for number in numbers):
            self.parts.note(f"{keyword} should hold whole numbers; it was ignored.")
            return ()
        return tuple(int(number) for number in numbers)

    def texts(self, keyword: str, holder: Dataset | None = None) -> tuple[str, ...]:
        """Return the values of an attribute as text without padding.

        Empty values are dropped.
        """
        where = self.holder(keyword) if holder is None else holder
        if where is None:
            return ()
        words = (_text(value).strip(PADDING) for value in values_of(where, keyword))
        return tuple(word for word in words if word)

    def text(self, keyword: str, holder: Dataset | None = None) -> str | None:
        """Return the first text of an attribute, or None if it has none."""
        return next(iter(self.texts(keyword, holder)), None)

    def items(self, keyword: str, holder: Dataset | None = None) -> list[Dataset]:
        """Return the items of a sequence.

        Empty, with a warning, if it is not a sequence.
        """
        where = self.holder(keyword) if holder is None else holder
        if where is None:
            return []

        def read() -> list[Dataset]:
            """Return the items, and raise an error if they cannot be parsed."""
            found = list(where[keyword].value)
            if not all(isinstance(item, Dataset) for item in found):
                raise TypeError("it is not a sequence")
            return found

        return self.parts.read(keyword, read, [])


def values_of(dataset: Dataset, keyword: str) -> list[Any]:
    """Return the values of an attribute, however they are stored.

    Returns
    -------
    list
        Numbers, texts or tags; empty if the attribute is missing or holds a sequence.
        Bytes that do not fit their value representation are returned as text.
    """
    return values_at(dataset, tag_for_keyword(keyword) or 0)


def values_at(dataset: Dataset, place: int | tuple[int, int]) -> list[Any]:
    """Return the values of an element of a data set; see `values_of`.

    Parameters
    ----------
    dataset
        The data set.
    place
        Tag of the element, or its group and element numbers.
    """
    tag = Tag(place)
    try:
        element = dataset.get(tag)
        value = None if element is None else element.value
    except DAMAGE:
        value = getattr(dataset.get_item(tag), "value", None)
    if isinstance(value, bytes):
        value = value.decode("latin-1").split("\\")
    if isinstance(value, (Dataset, Sequence)):
        return []
    # a person's name is iterable too, but letter by letter
    several = list(value) if isinstance(value, (MultiValue, list, tuple)) else [value]
    while several and (several[-1] is None or not _text(several[-1]).strip(PADDING)):
        several.pop()
    return several


def _has_value(dataset: Dataset, keyword: str) -> bool:
    """Return whether an attribute is present and not empty, without converting it."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return False
    value = getattr(dataset.get_item(tag), "value", None)
    return value is not None and value not in ("", b"")


def _number(value: Any) -> tuple[float | None, bool]:
    """Return a value as a number, and whether it had to be repaired for that."""
    if isinstance(value, (int, float)):
        return _as_float(value), False
    text = _text(value).strip(PADDING)
    if DECIMAL_COMMA.fullmatch(text):
        return float(text.replace(",", ".")), True
    return _as_float(text), False


def _as_float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    try:
        return str(value)
    except DAMAGE:
        return ""


def _shown(value: Any) -> str:
    """Return a bad value in words; text unlike a number is not quoted, for privacy."""
    text = _text(value).strip(PADDING)
    return repr(text) if NUMBER_LIKE.fullmatch(text) else "a value that is not a number"
