"""Summarize a loop in words for a person."""

from __future__ import annotations

from napari_motionseg.cine.cine import Cine
from napari_motionseg.cine.frame_stack import describe_damage
from napari_motionseg.text import printable


def summarize_cine(cine: Cine) -> list[tuple[str, str]]:
    """Return titles and values that describe a loop, without patient attributes.

    Parameters
    ----------
    cine
        The loop to describe.

    Returns
    -------
    list of (str, str)
        Titles and values, as `printable` text.
    """
    count, rows, columns = cine.shape
    lines = [
        ("Frames", str(count)),
        ("Size", f"{rows} × {columns} px"),
        ("Depth", f"{cine.bits_stored} bits{', signed' if cine.signed else ''}"),
        ("Timing", _timing_words(cine)),
        ("Spacing", _spacing_words(cine)),
        ("View", "unknown" if cine.view is None else str(cine.view)),
    ]
    if cine.intensity_relationship:
        lines.append(("Grays", cine.intensity_relationship))
    operations = [item.operation for item in cine.subtraction]
    lines.append(("Mask", ", ".join(operations) or "none"))
    for title, key in (("Encoding", "transfer_syntax"), ("Modality", "modality")):
        if key in cine.technical:
            lines.append((title, str(cine.technical[key])))
    lines += [("Note", note) for note in cine.notes]
    if cine.frames.damaged:
        words = describe_damage(cine.frames.damaged, count)
        lines.append(("Damage", f"{words}, of those decoded so far"))
    return [(title, printable(value)) for title, value in lines]


def _timing_words(cine: Cine) -> str:
    if cine.frame_interval is None:
        return "unknown"
    rate = cine.frame_rate or 0.0
    return f"{cine.frame_interval:.1f} ms, {rate:.3g} frames/s ({cine.timing_basis})"


def _spacing_words(cine: Cine) -> str:
    if cine.pixel_spacing is None:
        return f"unknown ({cine.spacing_basis})"
    down, across = cine.pixel_spacing
    size = f"{down:.3f}" if down == across else f"{down:.3f} × {across:.3f}"
    return f"{size} mm ({cine.spacing_basis})"
