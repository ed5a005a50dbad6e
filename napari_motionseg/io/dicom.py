"""Read a DICOM file as a cine loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine, FrameStack
from napari_motionseg.cine.source_file import SourceFile
from napari_motionseg.errors import DamagedFrameError, PartialReadWarning, ReadError
from napari_motionseg.io import dicom_geometry, dicom_spacing, dicom_technical
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom_ecg import ecg, r_waves
from napari_motionseg.io.dicom_header import Header, read_header
from napari_motionseg.io.dicom_masks import subtractions
from napari_motionseg.io.dicom_pixels import PixelSource
from napari_motionseg.io.dicom_spacing import Spacing
from napari_motionseg.io.dicom_timing import Timing, frame_times
from napari_motionseg.io.dicom_values import Attributes
from napari_motionseg.io.dicom_window import window
from napari_motionseg.io.loop_names import loop_name
from napari_motionseg.io.optional_parts import OptionalParts
from napari_motionseg.io.pixel_format import (
    PixelFormat,
    check_budget,
    pixel_format,
    sizes_agree,
    stored_range,
)
from napari_motionseg.io.sop_classes import is_segmentation_data


@dataclass(frozen=True)
class OpenedFile:
    """A DICOM file whose frames can be decoded.

    Parameters
    ----------
    header
        Attributes of the file.
    form
        Format of the stored pixels.
    decode
        Function that returns frame `t` as gray values ``(H, W)``.
    count
        Number of frames that the file holds.
    notes
        Full sentences about what was noticed while the file was opened.
    """

    header: Header
    form: PixelFormat
    decode: Callable[[int], Any]
    count: int
    notes: tuple[str, ...] = ()


def read_dicom(path: str | Path, memory_budget: int) -> Cine:
    """Read a file of one or several frames as a loop.

    Parameters
    ----------
    path
        Path of the file.
    memory_budget
        Number of bytes that all decoded frames together may take.

    Raises
    ------
    ReadError
        If the file is not a loop; subclasses tell what is missing.

    Warns
    -----
    PartialReadWarning
        If there are fewer or more frames than promised, or something was guessed.
    """
    opened = open_file(read_header(path, memory_budget), memory_budget)
    return cine_of_files([opened], memory_budget, Path(path))


def open_file(header: Header, memory_budget: int) -> OpenedFile:
    """Open the frames of a file without decoding any.

    Parameters
    ----------
    header
        Attributes of the file.
    memory_budget
        Number of bytes that the decoded frames may take.

    Raises
    ------
    ReadError
        If the pixels cannot be read.

    Warns
    -----
    PartialReadWarning
        If header and pixel data disagree, or something had to be guessed.
    """
    with pydicom_quiet(), damage_named(header.path, "DICOM header"):
        if is_segmentation_data(header.dataset):
            raise ReadError(
                f"{header.path}: is a DICOM Segmentation, not a loop: open the loop "
                "that it was made of, and read this file as its masks"
            )
        source = PixelSource(header, pixel_format(header))
        form = source.form
        check_budget(form, source.count, memory_budget, header.path)
    for warning in source.warnings:
        message = f"{header.path}: {warning}"
        warnings.warn(message, PartialReadWarning, stacklevel=4)
    notes = (*source.notes, *source.warnings)
    return OpenedFile(header, form, source, source.count, notes)


def cine_of_files(
    files: Sequence[OpenedFile],
    memory_budget: int,
    source: Path,
    name: str | None = None,
) -> Cine:
    """Make a loop from one multi-frame file, or from files of one frame each.

    Parameters
    ----------
    files
        One file, or several in the order of their frames, all of one size and type.
    memory_budget
        Number of bytes that all decoded frames together may take.
    source
        File or folder that is recorded as the source of the loop.
    name
        Name of the loop; None takes the name of the source.

    Raises
    ------
    ReadError
        If the frames differ in size or type, or need too much memory.

    Warns
    -----
    PartialReadWarning
        For each part of the header that had to be left out.
    """
    forms = [opened.form for opened in files]
    if not sizes_agree(forms):
        sizes = sorted({f"{f.rows} x {f.columns}" for f in forms})
        raise ReadError(
            f"{source}: frames differ in size or type ({', '.join(sizes)}), but a loop "
            "has one size; put the files of each size into their own folder"
        )
    each = memory_budget // len(files)
    for opened in files:
        check_budget(opened.form, opened.count, each, opened.header.path)
    with damage_named(source, "DICOM header"), pydicom_quiet():
        return _assemble(files, source, name or loop_name(source))


def _assemble(files: Sequence[OpenedFile], source: Path, name: str) -> Cine:
    first = files[0]
    parts = OptionalParts(first.header.path)
    for note in (note for opened in files for note in opened.notes):
        parts.note(note)
    headers = [Attributes(opened.header.dataset, parts) for opened in files]
    frames = _frame_stack(files)
    return Cine(
        frames,
        bits_stored=first.form.bits_stored,
        signed=first.form.signed,
        name=name,
        source=source,
        files=tuple(SourceFile(f.header.path, f.header.stamp) for f in files),
        **_meaning(headers, first, frames),
        notes=tuple(parts.notes),
    )


def _frame_stack(files: Sequence[OpenedFile]) -> FrameStack:
    form = files[0].form
    count = files[0].count if len(files) == 1 else len(files)
    shape = (count, form.rows, form.columns)
    blank = stored_range(form)[0]
    if len(files) == 1:
        return FrameStack(files[0].decode, shape, form.dtype, blank=blank)

    def decode(t: int) -> Any:
        """Decode the only frame of file `t`; an error names the frame of the loop."""
        try:
            return files[t].decode(0)
        except DamagedFrameError as error:
            raise DamagedFrameError(str(error), t) from error

    return FrameStack(decode, shape, form.dtype, blank=blank)


def _meaning(
    headers: Sequence[Attributes], first: OpenedFile, frames: FrameStack
) -> dict[str, Any]:
    """Return the fields of a loop that its header gives; any of them may be missing."""
    header, form, count = headers[0], first.form, len(frames)
    read = header.parts.read
    in_header = form.frames if count <= form.frames else count
    timing = read(
        "The frame times",
        lambda: frame_times(headers, count, in_header),
        Timing(None, "unknown"),
    )
    spacing = read(
        "The pixel spacing",
        lambda: dicom_spacing.pixel_spacing(header),
        Spacing(None, "unknown"),
    )
    _note_rescale(header)
    return {
        "frame_times": timing.times,
        "timing_basis": timing.basis,
        "pixel_spacing": spacing.millimetres,
        "spacing_basis": spacing.basis,
        "pixel_aspect": spacing.aspect,
        "window": read("The display window", lambda: window(header, form), None),
        "view": read("The view", lambda: dicom_geometry.view(header), None),
        "subtraction": read(
            "MaskSubtractionSequence", lambda: subtractions(header, count), ()
        ),
        "valid_area": _valid_area(header, form, frames),
        "intensity_relationship": _intensity(header),
        "ecg": read("The ECG", lambda: ecg(header), {}),
        "r_waves": read(
            "The R waves", lambda: r_waves(header, count, timing.times), ()
        ),
        "technical": dicom_technical.technical(first.header, form, header),
        "patient": dicom_technical.patient(header),
    }


def _intensity(header: Attributes) -> str | None:
    found = header.text("PixelIntensityRelationship")
    return found.upper() if found else None


def _valid_area(
    header: Attributes, form: PixelFormat, frames: FrameStack
) -> NDArray[np.bool_] | None:
    shape = (form.rows, form.columns)
    area = header.parts.read(
        "The shutter or collimator",
        lambda: dicom_geometry.valid_area(header, shape),
        None,
    )
    padded = header.parts.read(
        "PixelPaddingValue", lambda: _padded(header, form, frames), None
    )
    if padded is None or not padded.any() or padded.all():
        return area
    return ~padded if area is None else area & ~padded


def _padded(
    header: Attributes, form: PixelFormat, frames: FrameStack
) -> NDArray[np.bool_] | None:
    """Return ``(H, W)`` True where the first readable frame has the padding value."""
    value = header.number("PixelPaddingValue")
    if value is None or form.samples != 1:
        return None
    limit = header.number("PixelPaddingRangeLimit")
    low, high = sorted((value, value if limit is None else limit))
    if form.photometric == "MONOCHROME1":
        total = sum(stored_range(form))
        low, high = total - high, total - low
    frame = frames[next((t for t in range(len(frames)) if frames.usable(t)), 0)]
    padded: NDArray[np.bool_] = (frame >= low) & (frame <= high)
    return padded


def _note_rescale(header: Attributes) -> None:
    """Note a mapping of stored values in the header: it is kept and not applied."""
    slope = header.number("RescaleSlope")
    if header.items("ModalityLUTSequence") or slope not in (None, 1.0):
        header.parts.note(
            "The Modality LUT or rescale was kept but not applied to the pixels."
        )
