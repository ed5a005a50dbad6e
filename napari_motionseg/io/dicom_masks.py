"""Read the Mask module: which frames are subtracted from which (PS3.3 C.7.6.10)."""

from __future__ import annotations

from pydicom import Dataset

from napari_motionseg.cine.acquisition import Subtraction
from napari_motionseg.io.dicom_values import Attributes

SEQUENCE = "MaskSubtractionSequence"
OPERATIONS = ("NONE", "AVG_SUB", "TID", "REV_TID")
MOST_AVERAGED = 1000  # contrast frames; a larger number is damage
MOST_SHIFT = 1000.0  # pixels; a larger shift is damage
Shift = tuple[float, float]


def subtractions(attributes: Attributes, count: int) -> tuple[Subtraction, ...]:
    """Return the items of the Mask module.

    Parameters
    ----------
    attributes
        Attributes of the header.
    count
        Number of readable frames; frame numbers beyond it are left out and noted.
    """
    shifts = _shifts_of_frames(attributes, count)
    found = []
    for number, item in enumerate(attributes.items(SEQUENCE), start=1):
        name = f"Item {number} of {SEQUENCE}"

        def read(item: Dataset = item, name: str = name) -> Subtraction | None:
            """Return the mask item, or None if it cannot be used."""
            return _item(attributes, item, count, name, shifts)

        subtraction = attributes.parts.read(name, read, None)
        if subtraction is not None:
            found.append(subtraction)
    return tuple(found)


def _item(
    attributes: Attributes,
    item: Dataset,
    count: int,
    name: str,
    shifts: dict[int, tuple[Shift, ...]],
) -> Subtraction | None:
    operation = (attributes.text("MaskOperation", item) or "NONE").upper()
    if operation not in OPERATIONS:
        attributes.parts.leave_out(name, f"has the unknown operation {operation!r}")
        return None
    # "If zero length, TID Offset defaults to 1", PS3.3 table C.7-16
    offset = next(iter(attributes.integers("TIDOffset", item)), 1)
    averaging = next(iter(attributes.integers("ContrastFrameAveraging", item)), 1)
    identity = next(iter(attributes.integers("SubtractionItemID", item)), None)
    return Subtraction(
        operation=operation,
        mask_frames=_mask_frames(attributes, item, count, name),
        applicable=_applicable(attributes, item, name),
        shift=_shift(attributes, item) or (0.0, 0.0),
        tid_offset=offset,
        contrast_averaging=averaging if 1 <= averaging <= MOST_AVERAGED else 1,
        frame_shifts=shifts.get(identity, ()) if identity is not None else (),
    )


def _mask_frames(
    attributes: Attributes, item: Dataset, count: int, name: str
) -> tuple[int, ...]:
    numbers = attributes.integers("MaskFrameNumbers", item)
    inside = tuple(n - 1 for n in numbers if 1 <= n <= count)
    if len(inside) < len(numbers):
        outside = ", ".join(str(n) for n in numbers if not 1 <= n <= count)
        attributes.parts.note(
            f"{name} names mask frames that the loop does not have ({outside}); they "
            "were left out."
        )
    return inside


def _applicable(
    attributes: Attributes, item: Dataset, name: str
) -> tuple[int, ...] | None:
    """Return pairs of first and last index; None if the item names no range."""
    numbers = attributes.integers("ApplicableFrameRange", item)
    if not numbers:
        return None
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    good = [(first, last) for first, last in pairs if 1 <= first <= last]
    if len(good) * 2 < len(numbers):
        attributes.parts.note(
            f"{name} has an ApplicableFrameRange that is not a list of first and last "
            f"frames ({', '.join(map(str, numbers))}); the invalid part was left out."
        )
    return tuple(n - 1 for pair in good for n in pair)


def _shift(attributes: Attributes, item: Dataset) -> Shift | None:
    both = attributes.numbers("MaskSubPixelShift", item)
    if not both:
        return None
    if len(both) == 2 and max(map(abs, both)) <= MOST_SHIFT:
        return both[0], both[1]
    attributes.parts.note("MaskSubPixelShift is not a pair of shifts; it was ignored.")
    return None


def _shifts_of_frames(
    attributes: Attributes, count: int
) -> dict[int, tuple[Shift, ...]]:
    """Return each frame's mask shift by SubtractionItemID (C.7.6.16.2.14)."""
    if not attributes.items(SEQUENCE) or not len(attributes.groups):
        return {}
    found: dict[int, dict[int, Shift]] = {}
    groups = attributes.groups.items_of_frames("FramePixelShiftSequence", count)
    for t, items in enumerate(groups):
        for item in items:
            shift = _shift(attributes, item)
            for identity in attributes.integers("SubtractionItemID", item)[:1]:
                if shift is not None:
                    found.setdefault(identity, {})[t] = shift
    nothing = (0.0, 0.0)
    return {
        identity: tuple(of_frames.get(t, nothing) for t in range(count))
        for identity, of_frames in found.items()
    }
