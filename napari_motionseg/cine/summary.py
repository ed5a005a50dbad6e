"""Summarize a loop in words."""

from __future__ import annotations

from napari_motionseg.cine.acquisition import Subtraction
from napari_motionseg.cine.cine import Cine
from napari_motionseg.cine.ecg import heart_rate
from napari_motionseg.cine.frame_stack import describe_damage
from napari_motionseg.text import printable

MOST_NAMED = 6  # frames of a subtraction mask that are listed
INTENSITY = {  # PixelIntensityRelationship, PS3.3 C.8.7.1.1.2
    "LIN": "proportional to the X-ray intensity (LIN)",
    "LOG": "logarithm of the X-ray intensity (LOG)",
    "DISP": "made for display, of unknown relation to the X-ray intensity (DISP)",
}
# by the beginning of `Cine.spacing_basis`
WHY_UNKNOWN = {
    "ImagerPixelSpacing without magnification": "the file gives the spacing at the "
    "detector (ImagerPixelSpacing) but not the magnification",
    "PixelSpacing of a projection": "the file does not say how its PixelSpacing was "
    "calibrated",
    "unknown": "the file gives none",
}


def summarize_cine(cine: Cine) -> list[tuple[str, str]]:
    """Return titles and values that describe a loop, without patient attributes.

    Parameters
    ----------
    cine
        The loop to describe.

    Returns
    -------
    list of (str, str)
        Titles and values as `printable` text, one pair for each line.
    """
    count, rows, columns = cine.shape
    lines = [
        ("Frames", str(count)),
        ("Duration", _duration_words(cine)),
        ("Frame rate", _rate_words(cine)),
        ("Size", f"{rows} × {columns} px{_area_words(cine)}"),
        ("Pixel spacing", _spacing_words(cine)),
        ("View angles", _view_words(cine)),
        ("Gray values", _gray_words(cine)),
        ("Subtraction mask", _mask_words(cine)),
    ]
    rate = heart_rate(cine.r_waves, cine.frame_times, cine.technical)
    if rate is not None:
        lines.append(("Heart rate", f"{rate[0]:.0f} beats/min ({rate[1]})"))
    if cine.ecg or cine.r_waves:
        lines.append(("ECG", _ecg_words(cine)))
    for title, key in (("Encoding", "transfer_syntax"), ("Modality", "modality")):
        if key in cine.technical:
            lines.append((title, str(cine.technical[key])))
    lines += [("Note", note) for note in cine.notes]
    if cine.frames.damaged:
        words = describe_damage(cine.frames.damaged, count)
        lines.append(("Damage", f"{words}, of those decoded so far"))
    return [(title, printable(value)) for title, value in lines]


def _duration_words(cine: Cine) -> str:
    if cine.frame_times is None or cine.frame_interval is None:
        return "unknown: the file gives no frame times"
    seconds = (float(cine.frame_times[-1]) + cine.frame_interval) / 1000
    return f"{seconds:.1f} s"


def _rate_words(cine: Cine) -> str:
    if cine.frame_interval is None:
        return "unknown: the file gives no frame times"
    rate = cine.frame_rate or 0.0
    each = f"{cine.frame_interval:.1f} ms a frame"
    return f"{rate:.3g} frames/s, {each} ({cine.timing_basis})"


def _area_words(cine: Cine) -> str:
    """Return the size of a frame in millimetres, where that is known."""
    if cine.pixel_spacing is None:
        return ""
    _, rows, columns = cine.shape
    down, across = cine.pixel_spacing
    return f", {rows * down:.0f} × {columns * across:.0f} mm"


def _view_words(cine: Cine) -> str:
    if cine.view is None:
        return "unknown"
    first, angle, second, other = str(cine.view).split()
    return f"{first} {angle}°, {second} {other}°"


def _gray_words(cine: Cine) -> str:
    relation = (cine.intensity_relationship or "").upper()
    words = INTENSITY.get(relation, relation)
    depth = f"{cine.bits_stored} bits{', signed' if cine.signed else ''}"
    return f"{depth}; {words}" if words else depth


def _mask_words(cine: Cine) -> str:
    """Return what the file says of subtraction, in words and with its terms."""
    words = [_one_mask_words(item) for item in cine.subtraction]
    return "; ".join(one for one in words if one) or "none"


def _one_mask_words(item: Subtraction) -> str:
    if item.operation == "AVG_SUB":
        frames = ", ".join(str(t) for t in item.mask_frames[:MOST_NAMED])
        more = ", ..." if len(item.mask_frames) > MOST_NAMED else ""
        several = "frame" if len(item.mask_frames) == 1 else "mean of frames"
        return f"{several} {frames}{more} (AVG_SUB)"
    if item.operation in ("TID", "REV_TID"):
        earlier = "earlier" if item.tid_offset >= 0 else "later"
        frames = "frame" if abs(item.tid_offset) == 1 else "frames"
        return f"{abs(item.tid_offset)} {frames} {earlier} ({item.operation})"
    return "" if item.operation == "NONE" else item.operation


def _ecg_words(cine: Cine) -> str:
    """Return which signals came with the loop, and how many R waves are named."""
    parts = []
    for name, trace in cine.ecg.items():
        timed = "" if trace.times is not None else ", without times"
        parts.append(f"{name} ({len(trace.samples)} samples{timed})")
    if cine.r_waves:
        parts.append(f"R waves at {len(cine.r_waves)} frames")
    return "; ".join(parts)


def _spacing_words(cine: Cine) -> str:
    if cine.pixel_spacing is None:
        basis = cine.spacing_basis
        reasons = (why for key, why in WHY_UNKNOWN.items() if basis.startswith(key))
        return f"unknown, lengths are in pixels: {next(reasons, basis)}"
    down, across = cine.pixel_spacing
    size = f"{down:.3f}" if down == across else f"{down:.3f} × {across:.3f}"
    return f"{size} mm ({cine.spacing_basis})"
