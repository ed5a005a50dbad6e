"""Damage to DICOM objects that are still DICOM: elements, items, fragments, streams."""

from __future__ import annotations

import io
import warnings

from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from fuzz.damage import Draw, damage_bytes, pick
from fuzz.dicom_seeds import ENCODERS, NATIVE

ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
TEXTS = (
    b"", b"0 ", b"1 ", b"-1", b"NaN ", b"1e999 ", b"65535 ", b"2147483647", b"abc ",
    b"1\\2\\3 ", b"\x1b[31m ", b"4294967296", b"\\\\\\ ", b"0.0 ",
)  # fmt: skip
NUMBERS = (b"", b"\0\0", b"\1\0", b"\x08\0", b"\x0c\0", b"\x10\0", b"\xff\x7f",
           b"\xff\xff", b"\0\x80", b"\1\0\2\0", b"\xff" * 5)  # fmt: skip
PIXELS = Tag("PixelData")
SEQUENCES = ("MaskSubtractionSequence", "SharedFunctionalGroupsSequence",
             "PerFrameFunctionalGroupsSequence")  # fmt: skip


def odd_element(draw: Draw, data: Dataset) -> None:
    """Give an element, at any depth, a value that its type does not foresee."""
    for name in SEQUENCES:
        if name in data and data[name].value and draw.random() < 0.3:
            odd_element(draw, pick(draw, data[name].value))
            return
    tags = [tag for tag in data.keys() if tag != PIXELS]  # noqa: SIM118
    if not tags:
        return
    tag = pick(draw, tags)
    values = NUMBERS if data[tag].VR in ("US", "SS", "AT", "UL") else TEXTS
    raw = pick(draw, values)
    kind = data[tag].VR if draw.random() < 0.8 else pick(draw, ("US", "DS", "SQ", "OB"))
    little = data.original_encoding[1] is not False
    data._dict[tag] = RawDataElement(tag, kind, len(raw), raw, 0, False, little)


def without_element(draw: Draw, data: Dataset) -> None:
    tags = [tag for tag in data.keys() if tag != PIXELS or draw.random() < 0.1]  # noqa: SIM118
    if tags:
        del data[pick(draw, tags)]


def repeated_item(draw: Draw, data: Dataset) -> None:
    for name in SEQUENCES:
        if name in data and data[name].value:
            data[name].value.append(data[name].value[0])


def other_syntax(draw: Draw, data: Dataset) -> None:
    syntaxes = [*NATIVE.values(), *(uid for uid, _, _ in ENCODERS.values())]
    data.file_meta.TransferSyntaxUID = pick(draw, [*syntaxes, "1.2.840.113619.5.2", ""])


def fragments(value: bytes) -> list[bytes]:
    """Content of each item, the offset table first."""
    found, at = [], 0
    while value[at : at + 4] == ITEM:
        length = int.from_bytes(value[at + 4 : at + 8], "little")
        found.append(value[at + 8 : at + 8 + length])
        at += 8 + length
    return found


def joined(draw: Draw, items: list[bytes]) -> bytes:
    """Encapsulate items; sometimes an item's length is wrong or the end is missing."""
    lies = draw.random() < 0.15
    wrong = int(draw.integers(len(items))) if lies and items else -1
    parts = []
    for number, item in enumerate(items):
        length = len(item) if number != wrong else int(
            pick(draw, (0, 1, len(item) + 2, 2**31, 2**32 - 1)))  # fmt: skip
        parts.append(ITEM + length.to_bytes(4, "little") + item)
    return b"".join(parts) + (END if draw.random() < 0.9 else b"")


def odd_pixels(draw: Draw, data: Dataset) -> None:
    """Damage native pixels, or the fragments and streams of compressed ones."""
    value = data.PixelData
    items = fragments(value)
    if len(items) < 2:
        data[PIXELS]._value = damage_bytes(draw, value)
        return
    which, act = int(draw.integers(1, len(items))), draw.random()
    if act < 0.15:
        items.pop(which)
    elif act < 0.25:
        items.insert(which, pick(draw, items))
    elif act < 0.35:
        items[0] = damage_bytes(draw, items[0]) if items[0] else draw.bytes(16)
    elif act < 0.45:
        half = len(items[which]) // 2
        items[which : which + 1] = [items[which][:half], items[which][half:]]
    elif act < 0.55:
        items[which] = b""
    else:
        items[which] = damage_bytes(draw, items[which])
    data[PIXELS]._value = joined(draw, items)


ACTS = (odd_element, odd_element, without_element, odd_pixels, odd_pixels, odd_pixels,
        repeated_item, other_syntax)  # fmt: skip


def dicom(draw: Draw, content: bytes) -> bytes:
    """Damage an object once to three times, and write it as well as it can be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = dcmread(io.BytesIO(content), force=True)
            for _ in range(int(draw.integers(1, 4))):
                pick(draw, ACTS)(draw, data)
            held = io.BytesIO()
            data.save_as(held, enforce_file_format=False)
            return held.getvalue()
        except Exception:  # noqa: BLE001 - pydicom refuses to write some of these
            return damage_bytes(draw, content)
