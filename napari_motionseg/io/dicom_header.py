"""Open DICOM files and read their header; tell clearly what is not a loop."""

from __future__ import annotations

import dataclasses
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from napari_motionseg.errors import MemoryBudgetError, ReadError
from napari_motionseg.io.character_sets import choose_character_set
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom_encoding import (
    DOUBLE_PIXELS,
    FLOAT_PIXELS,
    MOST,
    PIXELS,
    BoundedFile,
    Encoding,
    PixelElement,
    find_pixel_element,
    peek_encoding,
    read_transfer_syntax,
)
from napari_motionseg.io.file_stamps import FileStamp
from napari_motionseg.io.inflation import InflatedFile
from napari_motionseg.io.regular_files import open_regular

PREAMBLE_BYTES, MAGIC = 128, b"DICM"
START_BYTES = PREAMBLE_BYTES + 8  # what is needed to find the first element
MEMORY_BUDGET = 8 * 2**30  # bytes
NOT_LOOPS = {
    "SR": "a structured report",
    "PR": "a presentation state",
    "KO": "a key object selection",
    "SEG": "a segmentation",
    "ECG": "a waveform",
    "DOC": "a document",
}
FLOATS = {FLOAT_PIXELS: "FloatPixelData", DOUBLE_PIXELS: "DoubleFloatPixelData"}


@dataclass(frozen=True)
class Header:
    """Header of a DICOM file, and the position of its pixel data.

    Parameters
    ----------
    path
        Path of the file.
    dataset
        All attributes before the pixel data.
    syntax
        Transfer syntax that the file names, or the one that fits its encoding if it
        names none.
    pixels_at
        Offset in bytes of the value of the pixel data, in `path` or in `inflated`.
    pixels_length
        Number of bytes of the value; -1 if undefined, as for encapsulated data.
    words
        Whether the value consists of 16-bit words (OW); False for bytes.
    big_endian
        Whether numbers begin with their most significant byte.
    inflated
        Value of the pixel data if the file is deflated; else None.
    warnings
        Sentences about what had to be guessed or is contradictory.
    irregular
        Whether other programs would take the attributes for something else: because of
        unknown value representations, unnamed deflation or a damaged preamble.
    stamp
        Stamp that detects a change of the file before its frames are read; None if
        unknown.
    """

    path: Path
    dataset: Dataset
    syntax: UID
    pixels_at: int
    pixels_length: int
    words: bool = False
    big_endian: bool = False
    inflated: bytes | None = None
    warnings: tuple[str, ...] = ()
    irregular: bool = False
    stamp: FileStamp | None = None

    def open_pixels(self) -> BinaryIO:
        """Open the stream that holds the pixel data; `pixels_at` is an offset in it.

        Raises
        ------
        ReadError
            If the file is missing, or has changed since its header was read.
        """
        if self.inflated is not None:
            return io.BytesIO(self.inflated)
        file = open_regular(self.path)
        try:
            if self.stamp is not None:
                self.stamp.require(file, self.path)
        except BaseException:
            file.close()
            raise
        return file


def is_dicom(path: Path) -> bool:
    """Return whether a file begins like a DICOM file, with or without a preamble.

    Parameters
    ----------
    path
        Path of the file. The answer is False for anything that is not a regular file.
    """
    try:
        with open_regular(path) as file:
            return _start(file.read(START_BYTES)) is not None
    except (OSError, ReadError):
        return False


def read_header(path: str | Path, memory_budget: int = MEMORY_BUDGET) -> Header:
    """Read the header of a DICOM file: everything except the pixels.

    Parameters
    ----------
    path
        Path of the file.
    memory_budget
        Number of bytes that the attributes, and an inflated file, may take.

    Raises
    ------
    ReadError
        If the file is not DICOM, is damaged, or holds no pixel data.
    MemoryBudgetError
        If reading needs more memory than the budget.
    """
    path = Path(path)
    with damage_named(path, "DICOM file"), pydicom_quiet(), open_regular(path) as file:
        stamp = FileStamp.of(file)
        header = _Reader(path, file, memory_budget).header()
        return dataclasses.replace(header, stamp=stamp)


def read_attributes(
    path: str | Path, memory_budget: int, most: tuple[int, int]
) -> Dataset:
    """Read the attributes of a DICOM file that need not hold pixels.

    Parameters
    ----------
    path
        Path of the file.
    memory_budget
        Number of bytes that the attributes, and an inflated file, may take.
    most
        Largest number of elements; see `find_pixel_element`.

    Raises
    ------
    ReadError
        If the file is not a regular file, not DICOM, or damaged, or its elements are
        too many or nested too deep.
    MemoryBudgetError
        If reading needs more memory than the budget.
    """
    path = Path(path)
    with damage_named(path, "DICOM file"), pydicom_quiet(), open_regular(path) as file:
        return _Reader(path, file, memory_budget, most).parsed().data


@dataclass(frozen=True)
class _Parsed:
    """Attributes of a file, and the stream that holds its data set."""

    file: BinaryIO
    data: Dataset
    syntax: UID
    encoding: Encoding
    pixels: PixelElement | None


def _start(head: bytes) -> int | None:
    """Return the offset of the first element; None if the file is not DICOM."""
    after = head[PREAMBLE_BYTES:]
    if after.startswith(MAGIC):
        return PREAMBLE_BYTES + len(MAGIC)
    if head.startswith(MAGIC):
        return len(MAGIC)
    # files of old archives lack the preamble and begin with an element of group 2 or 8
    encoding = peek_encoding(head)
    if encoding is not None and _group(head, encoding) in (2, 8):
        return 0
    # only the four letters are missing between the preamble and group 2
    encoding = peek_encoding(after)
    found = encoding == Encoding(implicit=False) and _group(after, encoding) == 2
    return PREAMBLE_BYTES if found else None


def _group(head: bytes, encoding: Encoding) -> int:
    return int.from_bytes(head[:2], "big" if encoding.big else "little")


class _Reader:
    """Read the header of one open file."""

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        budget: int,
        most: tuple[int, int] = MOST,
    ) -> None:
        self._path, self._budget, self._most = path, budget, most
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._warnings: list[str] = []
        self._repairs: dict[int, bytes] = {}
        self._irregular = False

    def header(self) -> Header:
        """Return the header of a file that holds integer pixels."""
        parsed = self.parsed()
        if parsed.pixels is None:
            raise ReadError(f"{self._path}: {without_pixels(parsed.data)}")
        if parsed.pixels.tag in FLOATS:
            raise ReadError(
                f"{self._path}: holds {FLOATS[parsed.pixels.tag]}, but the gray "
                "values of a loop must be integers"
            )
        return self._described(parsed, parsed.pixels)

    def parsed(self) -> _Parsed:
        """Return the attributes of the file, and where its pixels are."""
        start = _start(self._file.read(START_BYTES))
        if start is None:
            raise ReadError(f"{self._path}: is not a DICOM file")
        self._irregular = start not in (0, PREAMBLE_BYTES + len(MAGIC))
        text, start = read_transfer_syntax(self._file, start, self._size)
        named = UID(text) if text else None
        file, start, end = self._unpacked(named, start)
        encoding = self._encoding(file, start, named)
        syntax = named or _plain_syntax(encoding)
        pixels = find_pixel_element(
            file, start, end, encoding, self._most, self._repairs
        )
        if self._repairs:
            self._irregular = True
            self._warnings.append(
                "the value representation of some elements is unknown; their length "
                "was found from what follows"
            )
        data = self._attributes(file, start, end, encoding, pixels)
        return _Parsed(file, data, syntax, encoding, pixels)

    def _unpacked(self, named: UID | None, start: int) -> tuple[BinaryIO, int, int]:
        """Return the stream that holds the data set, and where it begins and ends."""
        self._file.seek(start)
        head = self._file.read(8)
        plain = peek_encoding(head)
        self._file.seek(start)
        if named != DeflatedExplicitVRLittleEndian:
            usual = plain is not None and _group(head, plain) == 8
            if not usual and self._is_deflated(start):
                self._irregular = True
                self._warnings.append("the data are deflated, though no syntax says so")
                return self._inflated(start)
            return self._file, start, self._size
        if plain is not None and _group(head, plain) == 8:
            self._warnings.append("the transfer syntax says deflated, the data are not")
            return self._file, start, self._size
        return self._inflated(start)

    def _inflated(self, start: int) -> tuple[BinaryIO, int, int]:
        self._file.seek(start)
        inflated = InflatedFile(self._file, self._size - start, self._budget)
        # the end is known only after everything is inflated
        return cast(BinaryIO, inflated), 0, 2**62

    def _is_deflated(self, start: int) -> bool:
        """Return whether deflated data begin here that inflate to a data set."""
        try:
            head = self._inflated(start)[0].read(8)
        except (ValueError, zlib.error):
            return False
        finally:
            self._file.seek(start)
        found = peek_encoding(head)
        return found is not None and _group(head, found) == 8

    def _encoding(self, file: BinaryIO, start: int, named: UID | None) -> Encoding:
        """Return the encoding of the data set; note where the file contradicts it."""
        file.seek(start)
        said = _said_encoding(named)
        found = peek_encoding(file.read(8)) or said or Encoding(implicit=True)
        if named is None:
            self._warnings.append(
                f"the file names no transfer syntax; it was read as {found}"
            )
        elif said is None:
            self._warnings.append(
                f"the transfer syntax {named} is unknown; the file was read as {found}"
            )
        elif found != said:
            self._warnings.append(
                f"the transfer syntax says {said}, the data set is {found}"
            )
        return found

    def _attributes(
        self,
        file: BinaryIO,
        start: int,
        end: int,
        encoding: Encoding,
        pixels: PixelElement | None,
    ) -> Dataset:
        stop = end if pixels is None else pixels.element_at
        if file is self._file:
            if stop - start > self._budget:
                raise MemoryBudgetError(
                    f"{self._path}: holds {(stop - start) / 2**30:.3g} GiB of "
                    "attributes, which is more than the memory budget"
                )
            file = cast(BinaryIO, BoundedFile(file, stop, self._repairs))
        file.seek(start)
        # pydicom checks the first element once more, and comes to the same result
        data = read_dataset(
            file,
            encoding.implicit,
            not encoding.big,
            stop_when=lambda tag, vr, length: tag in PIXELS,
        )
        choose_character_set(data)
        return data

    def _described(self, parsed: _Parsed, pixels: PixelElement) -> Header:
        inflated, at, length = None, pixels.at, pixels.length
        if isinstance(parsed.file, InflatedFile):
            parsed.file.seek(at)
            inflated = parsed.file.read(length)
            at = 0
        return Header(
            self._path,
            parsed.data,
            parsed.syntax,
            at,
            length,
            words=pixels.words,
            big_endian=parsed.encoding.big,
            inflated=inflated,
            warnings=tuple(self._warnings),
            irregular=self._irregular,
        )


def _said_encoding(named: UID | None) -> Encoding | None:
    """Return the encoding of a transfer syntax; None if the syntax is unknown."""
    if named is None or named.is_private or not named.is_transfer_syntax:
        return None
    return Encoding(
        implicit=named == ImplicitVRLittleEndian, big=named == ExplicitVRBigEndian
    )


def _plain_syntax(encoding: Encoding) -> UID:
    if encoding.implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRBigEndian if encoding.big else ExplicitVRLittleEndian


def without_pixels(dataset: Dataset) -> str:
    """Return a clause that says what an object without pixel data is."""
    modality = str(dataset.get("Modality", ""))
    if "DirectoryRecordSequence" in dataset:
        return (
            "is a DICOMDIR under another name, a list of files: name it DICOMDIR, or "
            "open its folder"
        )
    if modality in NOT_LOOPS:
        return f"is {NOT_LOOPS[modality]}, not a loop: it holds no pixel data"
    if "IconImageSequence" in dataset:
        return "holds only a thumbnail (an icon image), no pixel data"
    return "holds no pixel data"
