"""Read the colour tables of PALETTE COLOR images (PS3.3 C.7.6.3.1.5 and C.7.9)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of YBR_FULL
COLOURS = ("Red", "Green", "Blue")
MOST_ENTRIES = 65536
DISCRETE, LINEAR, INDIRECT = 0, 1, 2  # opcodes of segmented tables


@dataclasses.dataclass(frozen=True, eq=False)
class Palette:
    """Luminance of the indices of a PALETTE COLOR image.

    Parameters
    ----------
    luminance
        Gray value of each entry, ``(N,)`` uint8 or uint16.
    first
        Index of the first entry. Lower indices have the value of the first entry, and
        indices after the last entry have the value of the last one.
    bits
        Number of bits of an entry, 8 or 16.
    """

    luminance: NDArray[Any]
    first: int
    bits: int

    def __call__(self, indices: NDArray[Any]) -> NDArray[Any]:
        """Return the luminance of indices of any shape."""
        places = indices.astype(np.int64) - self.first
        found: NDArray[Any] = self.luminance[
            np.clip(places, 0, len(self.luminance) - 1)
        ]
        return found


def read_palette(data: Dataset) -> Palette:
    """Return the palette of a data set.

    Parameters
    ----------
    data
        Attributes of a file with PhotometricInterpretation PALETTE COLOR.

    Raises
    ------
    ValueError
        If a table is missing, too short or contradicts its descriptor.
    """
    tables, firsts = [], []
    for colour in COLOURS:
        described = data.get(f"{colour}PaletteColorLookupTableDescriptor")
        if described is None or len(described) != 3:
            raise ValueError(f"the palette of {colour.lower()} has no descriptor")
        count, first, bits = (int(value) for value in described)
        if bits not in (8, 16):
            raise ValueError(f"a palette entry has {bits} bits; it can have 8 or 16")
        count = count % MOST_ENTRIES or MOST_ENTRIES  # 65536 is written as 0
        tables.append(_entries(data, colour, count, bits))
        firsts.append(first)
    if len({len(table) for table in tables}) > 1 or len({*firsts}) > 1:
        raise ValueError("the palettes of red, green and blue differ in length")
    colours = np.stack(tables, axis=-1).astype(np.float64)
    # judged by the entries, because some descriptors say 16 for entries of 8 bits
    bits = 8 if colours.max() <= 255 else 16
    gray = np.rint(colours @ np.asarray(LUMINANCE)).astype(f"u{bits // 8}")
    return Palette(gray, firsts[0], bits)


def _entries(data: Dataset, colour: str, count: int, bits: int) -> NDArray[Any]:
    raw = data.get(f"{colour}PaletteColorLookupTableData")
    segmented = raw is None
    if segmented:
        raw = data.get(f"Segmented{colour}PaletteColorLookupTableData")
    if raw is None:
        raise ValueError(f"the palette of {colour.lower()} is missing")
    values = _words(raw, big=data.original_encoding[1] is False)
    # two entries of 8 bits may share one word
    if bits == 8 and segmented or not segmented and len(values) < count:
        values = np.stack([values & 255, values >> 8], axis=-1).reshape(-1)
    if segmented:
        values = np.asarray(_expanded([int(v) for v in values], count, bits))
    if len(values) < count:
        raise ValueError(
            f"the palette of {colour.lower()} has only {len(values)} of {count} entries"
        )
    return values[:count]


def _words(raw: Any, big: bool) -> NDArray[Any]:
    if isinstance(raw, bytes):
        even = raw + b"\0" * (len(raw) % 2)
        return np.frombuffer(even, ">u2" if big else "<u2").astype(np.int64)
    several = [raw] if isinstance(raw, int) else list(raw)
    return np.asarray(several, np.int64) & 0xFFFF


def _expanded(values: list[int], count: int, bits: int) -> list[int]:
    """Return the `count` entries of a segmented table (PS3.3 C.7.9.2).

    An indirect segment repeats earlier segments of the table. It must not repeat
    another indirect one, so the work is bounded by the number of entries.
    """
    entries: list[int] = []
    starts: set[int] = set()  # positions at which segments begin
    position, address_values = 0, 32 // bits
    while position + 2 <= len(values) and len(entries) < count:
        starts.add(position)
        opcode, repeats = values[position : position + 2]
        if opcode != INDIRECT:
            position = _append(entries, values, position)
            continue
        address = values[position + 2 : position + 2 + address_values]
        offset = sum(value << bits * place for place, value in enumerate(address))
        # the Standard counts bytes, but some writers count values
        at = offset * 8 // bits if offset * 8 // bits in starts else offset
        if at not in starts:
            raise ValueError(
                "a segmented palette repeats something that is not a segment"
            )
        for _ in range(repeats):
            if len(entries) < count:
                at = _append(entries, values, at)
        position += 2 + address_values
    return entries


def _append(entries: list[int], values: list[int], position: int) -> int:
    """Append the entries of a discrete or linear segment.

    Return the position after it.
    """
    segment = values[position : position + 3]
    if len(segment) < 3 or segment[0] not in (DISCRETE, LINEAR):
        raise ValueError("a segmented palette has a segment of unknown type")
    opcode, length, last = segment
    if opcode == LINEAR:
        if not entries or not length:
            raise ValueError("a segmented palette has a ramp without a first value")
        ramp = np.linspace(entries[-1], last, length + 1)[1:]
        entries += [int(value) for value in np.rint(ramp)]
        return position + 3
    end = position + 2 + length
    if not length or end > len(values):
        raise ValueError("a segmented palette is cut off")
    entries += values[position + 2 : end]
    return end
