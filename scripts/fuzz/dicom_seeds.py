"""Valid DICOM objects in every transfer syntax, small, to damage."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

T, H, W = 5, 24, 32  # tifffile takes 4 frames for colours
XA, ENHANCED_XA = "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.1.1"
US = "1.2.840.10008.5.1.4.1.1.3.1"
ROOT = "1.2.826.0.1.3680043.10.999."
JPEG = "1.2.840.10008.1.2.4."
NATIVE = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big": "1.2.840.10008.1.2.2",
}


def frames(bits: int = 8) -> np.ndarray:
    """(5, 24, 32): noise under a dark bar that moves down."""
    draw = np.random.default_rng(1)
    kind = np.uint8 if bits <= 8 else np.uint16
    loop = draw.integers(0, 2**bits, (T, H, W)).astype(kind)
    for t in range(T):
        loop[t, 4 * t : 4 * t + 3] = 2**bits // 8
    return loop


ENCODERS = {
    "rle": ("1.2.840.10008.1.2.5", 8, None),
    "baseline": (JPEG + "50", 8, lambda f: imagecodecs.jpeg8_encode(f, level=90)),
    "extended": (JPEG + "51", 12, lambda f: imagecodecs.jpeg8_encode(
        f, level=90, bitspersample=12)),
    "lossless": (JPEG + "57", 8, imagecodecs.ljpeg_encode),
    "lossless1": (JPEG + "70", 12, lambda f: imagecodecs.ljpeg_encode(
        f, bitspersample=12)),
    "jpegls": (JPEG + "80", 8, imagecodecs.jpegls_encode),
    "nearls": (JPEG + "81", 8, lambda f: imagecodecs.jpegls_encode(f, level=2)),
    "j2k": (JPEG + "90", 12, lambda f: imagecodecs.jpeg2k_encode(
        f, codecformat="j2k", reversible=True, bitspersample=12)),
    "j2klossy": (JPEG + "91", 8, lambda f: imagecodecs.jpeg2k_encode(
        f, codecformat="j2k", level=40)),
    "htj2k": (JPEG + "201", 8, imagecodecs.htj2k_encode),
}  # fmt: skip


def dataset(pixels: np.ndarray, syntax: str, bits: int, number: int = 1) -> Dataset:
    """A classic XA loop with the optional parts that readers look into."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = XA
    data.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}3.{number}"
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID, data.SOPInstanceUID = XA, f"{ROOT}3.{number}"
    data.StudyInstanceUID, data.SeriesInstanceUID = ROOT + "1", ROOT + "2"
    data.Modality, data.PatientName, data.PatientID = "XA", "Nobody^Invented", "0"
    data.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    data.InstanceNumber = number
    data.FrameTime, data.FrameIncrementPointer = "66.7", 0x00181063
    data.CineRate, data.RecommendedDisplayFrameRate = 15, 15
    data.ImagerPixelSpacing = [0.3, 0.3]
    data.EstimatedRadiographicMagnificationFactor = "1.5"
    data.PositionerPrimaryAngle, data.PositionerSecondaryAngle = "-30", "20"
    data.ShutterShape, data.ShutterLeftVerticalEdge = "RECTANGULAR", 2
    data.ShutterRightVerticalEdge, data.ShutterUpperHorizontalEdge = 30, 2
    data.ShutterLowerHorizontalEdge = 22
    data.WindowCenter, data.WindowWidth, data.PixelIntensityRelationship = 99, 9, "LOG"
    mask = Dataset()
    mask.MaskOperation, mask.MaskFrameNumbers = "AVG_SUB", [1]
    mask.ApplicableFrameRange, mask.MaskSubPixelShift = [2, 4], [0.5, 0.0]
    data.MaskSubtractionSequence, data.RWavePointer = [mask], [1, 3]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.NumberOfFrames, data.Rows, data.Columns = pixels.shape[:3]
    data.BitsAllocated = 8 * pixels.dtype.itemsize
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, 0
    order = ">" if syntax == NATIVE["big"] else "<"
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    data.add_new("PixelData", "OB" if pixels.itemsize == 1 else "OW", raw)
    return data


def colour(photometric: str) -> Dataset:
    """A colour ultrasound, or one of palette colours."""
    palette = photometric == "PALETTE COLOR"
    gray = frames()
    data = dataset(gray, NATIVE["explicit"], 8)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = US
    data.Modality, data.PhotometricInterpretation = "US", photometric
    if palette:
        for name in ("Red", "Green", "Blue"):
            start = f"{name}PaletteColorLookupTable"
            setattr(data, f"{start}Descriptor", [256, 0, 16])
            table = (np.arange(256) * 257).astype("<u2").tobytes()
            setattr(data, f"{start}Data", table)
        return data
    data.SamplesPerPixel, data.PlanarConfiguration = 3, 0
    data.PixelData = np.stack([gray] * 3, -1).tobytes()
    return data


def enhanced() -> Dataset:
    """An enhanced XA object with a functional group for each frame."""
    data = dataset(frames(12), NATIVE["explicit"], 12)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = ENHANCED_XA
    groups = []
    for t in range(T):
        content, group, moved = Dataset(), Dataset(), Dataset()
        content.FrameAcquisitionDateTime = f"20200101120000.{66700 * t:06d}"
        moved.PositionerPrimaryAngle, moved.PositionerSecondaryAngle = -30.0, 20.0
        group.FrameContentSequence, group.PositionerPositionSequence = (
            [content],
            [moved],
        )
        groups.append(group)
    shared, spacing = Dataset(), Dataset()
    spacing.ObjectPixelSpacingInCenterOfBeam = [0.2, 0.2]
    shared.ProjectionPixelCalibrationSequence = [spacing]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = groups
    return data


def encoded(name: str) -> Dataset:
    """A loop in one of the compressed syntaxes."""
    syntax, bits, encode = ENCODERS[name]
    pixels = frames(bits)
    if encode is None:
        data = dataset(pixels, NATIVE["explicit"], bits)
        data.compress(syntax, generate_instance_uid=False)
        return data
    data = dataset(pixels, syntax, bits)
    streams = [bytes(encode(frame)) for frame in pixels]
    data.PixelData = encapsulate(streams, fragments_per_frame=1 + (name == "j2k"))
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"
    return data


def all_datasets() -> Iterator[tuple[str, Dataset]]:
    """Every syntax, colours, enhanced; with a name for the file."""
    for name, syntax in NATIVE.items():
        yield name, dataset(frames(12), syntax, 12)
    for name in ENCODERS:
        yield name, encoded(name)
    for photometric in ("RGB", "YBR_FULL", "PALETTE COLOR"):
        yield photometric.replace(" ", "_").lower(), colour(photometric)
    yield "enhanced", enhanced()
