"""Write DICOM files whose header elements are anything at all.

pydicom refuses to write most of what careless programs have written, so elements are
put into the bytes of a good file here.
"""

import struct
from pathlib import Path

import numpy as np
from helpers import dicom_files as files
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag

LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"SQ", b"UN", b"UT", b"UC", b"UR")
META_END = 128 + 4
PIXELS = files.gray_frames(frames=4, rows=10, columns=12)


def rich_dataset():
    """A loop with every optional part that a reader looks at."""
    wave = files.item(
        NumberOfWaveformChannels=2, WaveformBitsAllocated=16,
        WaveformSampleInterpretation="SS",
    )  # fmt: skip
    wave.add_new("WaveformData", "OW", np.arange(8, dtype="<i2").tobytes())
    mask = files.item(
        MaskOperation="AVG_SUB", MaskFrameNumbers=[1], ApplicableFrameRange=[2, 4]
    )
    data = files.xa_dataset(
        PIXELS, FrameIncrementPointer=Tag("FrameTime"), FrameTime=40, CineRate=25,
        RecommendedDisplayFrameRate=15, StartTrim=1, StopTrim=4,
        ImagerPixelSpacing=[0.3, 0.3], EstimatedRadiographicMagnificationFactor=1.5,
        DistanceSourceToDetector=1200, DistanceSourceToPatient=800,
        PositionerPrimaryAngle=-30, PositionerSecondaryAngle=20, RWavePointer=[1, 3],
        WindowCenter=100, WindowWidth=41, PixelIntensityRelationship="LOG",
        ShutterShape="RECTANGULAR", ShutterLeftVerticalEdge=2,
        ShutterRightVerticalEdge=11, ShutterUpperHorizontalEdge=2,
        ShutterLowerHorizontalEdge=9, HeartRate=70, KVP=80, Manufacturer="Nobody",
        ImageType=["ORIGINAL", "PRIMARY", "SINGLE PLANE"], PatientSex="F",
        WaveformSequence=[wave], MaskSubtractionSequence=[mask],
        RescaleSlope=1, RescaleIntercept=0, InstanceNumber=1, StudyDate="20200101",
    )  # fmt: skip
    data.add_new((0x5000, 0x0103), "US", 1)
    data.add_new((0x5000, 0x3000), "OW", np.array([1, -2, 3], "<i2").tobytes())
    return data


Element = tuple[int, bytes, bytes]


def split(content: bytes) -> tuple[bytes, list[Element]]:
    """Divide an explicit little endian file into its head and its elements."""
    (length,) = struct.unpack_from("<I", content, META_END + 8)
    place = META_END + 12 + length
    head, elements = content[:place], []
    while place < len(content):
        group, element = struct.unpack_from("<HH", content, place)
        kind = content[place + 4 : place + 6]
        if kind in LONG:
            (size,) = struct.unpack_from("<I", content, place + 8)
            place += 12
        else:
            (size,) = struct.unpack_from("<H", content, place + 6)
            place += 8
        elements.append(((group << 16) | element, kind, content[place : place + size]))
        place += size
    return head, elements


def join(head: bytes, elements: list[Element]) -> bytes:
    """Put a file together; lengths fit the values, whatever these are."""
    parts = [head]
    for tag, kind, value in sorted(elements, key=lambda element: element[0]):
        parts.append(struct.pack("<HH", tag >> 16, tag & 0xFFFF) + kind)
        if kind in LONG:
            parts.append(struct.pack("<HI", 0, len(value)))
        else:
            parts.append(struct.pack("<H", len(value)))
        parts.append(value)
    return b"".join(parts)


def write_with(
    path: Path, good: bytes, damaged: dict[str, tuple[bytes, bytes]]
) -> Path:
    """Write a good file with other elements: value representation and bytes of each."""
    head, elements = split(good)
    tags = {int(tag_for_keyword(keyword)): new for keyword, new in damaged.items()}
    kept = [element for element in elements if element[0] not in tags]
    kept += [(tag, kind, value) for tag, (kind, value) in tags.items()]
    path.write_bytes(join(head, kept))
    return path
