"""Read the display window: the stored values that are shown black and white."""

from __future__ import annotations

import math

from pydicom import Dataset

from napari_motionseg.io.dicom_values import Attributes
from napari_motionseg.io.pixel_format import PixelFormat, stored_range

Window = tuple[float, float]
MACRO = "FrameVOILUTSequence"


def window(attributes: Attributes, form: PixelFormat) -> Window | None:
    """Return the values shown black and white, from the VOI LUT or the first window.

    Parameters
    ----------
    attributes
        Attributes of the header.
    form
        Format of the pixels; for MONOCHROME1 the window is inverted with the pixels.

    Returns
    -------
    tuple of float or None
        Stored values shown black and white, or None. The rescale slope is not applied,
        because windows of XA refer to stored values.
    """
    tables = attributes.items("VOILUTSequence")
    found = next(filter(None, (_of_table(attributes, one) for one in tables)), None)
    found = found or _of_window(attributes)
    if found is None:
        return None
    lowest, highest = stored_range(form)
    if not math.isfinite(found[1] - found[0]):
        attributes.parts.note("The display window is infinite; it was ignored.")
        return None
    if found[1] < lowest or found[0] > highest:
        attributes.parts.note(
            f"The display window from {found[0]:g} to {found[1]:g} lies outside the "
            f"stored values from {lowest} to {highest}; it was ignored."
        )
        return None
    if form.photometric != "MONOCHROME1":
        return found
    return lowest + highest - found[1], lowest + highest - found[0]


def _of_table(attributes: Attributes, table: Dataset) -> Window | None:
    """Return the input range of a lookup table; None if it has a single entry."""
    descriptor = attributes.integers("LUTDescriptor", table)
    if len(descriptor) != 3 or descriptor[0] == 1 or descriptor[0] < 0:
        return None
    entries = descriptor[0] or 65536  # 0 stands for 2^16, PS3.3 C.11.2.1.1
    return float(descriptor[1]), float(descriptor[1] + entries - 1)


def _of_window(attributes: Attributes) -> Window | None:
    holder = attributes.holder("WindowCenter")
    if holder is None:
        return None
    centres = attributes.numbers("WindowCenter", holder)
    widths = attributes.numbers("WindowWidth", holder)
    if len(centres) > 1:
        attributes.parts.note(
            "The file has several display windows; the first one was used."
        )
    if _changes(attributes):
        attributes.parts.note(
            "The display window changes from frame to frame; the first one was used."
        )
    exact = attributes.text("VOILUTFunction", holder) == "LINEAR_EXACT"
    for centre, width in zip(centres, widths, strict=False):
        if exact and width > 0:
            return centre - width / 2, centre + width / 2
        if not exact and width > 1:  # PS3.3 C.11.2.1.2.1
            low = centre - 0.5 - (width - 1) / 2
            return low, centre - 0.5 + (width - 1) / 2
    if centres:
        attributes.parts.note("WindowWidth gives no display window; it was ignored.")
    return None


def _changes(attributes: Attributes) -> bool:
    items = attributes.groups.sampled(MACRO, len(attributes.groups))
    return len({attributes.numbers("WindowCenter", item) for item in items}) > 1
