"""Opening DICOM files: their header, and a plain sentence for what is no loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from napari_motionseg.errors import ReadError
from napari_motionseg.io.damage import damage_named, pydicom_quiet

PREAMBLE_BYTES, MAGIC = 128, b"DICM"
FUNCTIONAL_GROUPS = (
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
NOT_LOOPS = {
    "SR": "a structured report",
    "PR": "a presentation state",
    "KO": "a key object selection",
    "SEG": "a segmentation",
    "ECG": "a waveform",
    "DOC": "a document",
}


@dataclass(frozen=True)
class Header:
    """What a file says of itself, and where its pixel data begin.

    Parameters
    ----------
    path
        The file.
    dataset
        All attributes before the pixel data.
    syntax
        Transfer syntax.
    pixels_at
        Offset of the pixel data's value in `path`; -1 if `inflated` holds them.
    pixels_length
        Bytes of the value; -1 if encapsulated.
    words
        Whether the value is of 16-bit words (OW), in pairs of bytes where it is not.
    inflated
        The value itself, of deflated files.
    """

    path: Path
    dataset: Dataset
    syntax: UID
    pixels_at: int
    pixels_length: int
    words: bool = False
    inflated: bytes | None = None


def is_dicom(path: Path) -> bool:
    """Return whether a file has the preamble of PS3.10."""
    try:
        with path.open("rb") as file:
            return file.read(PREAMBLE_BYTES + 4)[PREAMBLE_BYTES:] == MAGIC
    except OSError:
        return False


def read_header(path: str | Path) -> Header:
    """Read all but the pixels.

    Raises
    ------
    ReadError
        If the file is not DICOM, damaged, or holds no pixel data.
    """
    path = Path(path)
    with damage_named(path, "DICOM file"), pydicom_quiet():
        try:
            return _read(path)
        except InvalidDicomError as error:
            raise ReadError(f"{path}: is not a DICOM file") from error


def _read(path: Path) -> Header:
    with path.open("rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        syntax = getattr(dataset.file_meta, "TransferSyntaxUID", ImplicitVRLittleEndian)
        if syntax == DeflatedExplicitVRLittleEndian:
            file.seek(0)
            whole = dcmread(file)
            pixels = whole.get("PixelData")
            if pixels is None:
                raise ReadError(f"{path}: {without_pixels(dataset)}")
            return Header(
                path, dataset, syntax, -1, len(pixels), inflated=bytes(pixels)
            )
        found = _pixel_element(file, syntax)
    if found is None:
        raise ReadError(f"{path}: {without_pixels(dataset)}")
    return Header(path, dataset, syntax, *found)


def _pixel_element(file: Any, syntax: UID) -> tuple[int, int, bool] | None:
    """Return offset, length and whether of words, from where reading stopped."""
    order: Literal["little", "big"] = "little" if syntax.is_little_endian else "big"
    tag = file.read(4)
    numbers = [int.from_bytes(part, order) for part in (tag[:2], tag[2:])]
    if numbers != [0x7FE0, 0x0010]:
        return None
    representation = b"OW" if syntax.is_implicit_VR else file.read(4)[:2]
    length = int.from_bytes(file.read(4), order)
    undefined = length == 0xFFFFFFFF
    return file.tell(), -1 if undefined else length, representation == b"OW"


def without_pixels(dataset: Dataset) -> str:
    """Say what an object without pixel data is instead."""
    modality = str(dataset.get("Modality", ""))
    if modality in NOT_LOOPS:
        return f"is {NOT_LOOPS[modality]}, not a loop: it holds no pixel data"
    if "IconImageSequence" in dataset:
        return "holds only a thumbnail (an icon image), no pixel data"
    return "holds no pixel data"


def find_all(dataset: Dataset, keyword: str) -> Iterator[Any]:
    """Yield an attribute's values: at the root, then in the functional groups.

    Enhanced objects keep in shared and per-frame groups what others keep at the root.
    """
    if dataset.get(keyword) not in (None, ""):
        yield dataset.get(keyword)
    for groups in (
        "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
    ):
        for item in dataset.get(groups) or ():
            for element in item:
                if element.VR != "SQ":
                    continue
                for inner in element.value:
                    if inner.get(keyword) not in (None, ""):
                        yield inner.get(keyword)


def find(dataset: Dataset, keyword: str) -> Any:
    """Return the first of `find_all`, or None."""
    return next(find_all(dataset, keyword), None)


def numbers(value: Any) -> tuple[float, ...]:
    """Return one or several numbers as floats; nothing where the text is no number."""
    if value is None:
        return ()
    several = [value] if isinstance(value, (str, int, float)) else list(value)
    try:
        return tuple(float(one) for one in several)
    except (TypeError, ValueError):
        return ()
