"""DICOM files that tests make: one valid XA object, and what can be wrong with it."""

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
    generate_uid,
)

PATIENT = "Doe^Jane"


def gray_frames(frames=4, rows=10, columns=12, bits=8, signed=False, seed=0):
    """Random pixels that use all bits."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    dtype = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    generator = np.random.default_rng(seed)
    return generator.integers(low, high, (frames, rows, columns)).astype(dtype)


def xa_dataset(pixels, bits=None, syntax=ExplicitVRLittleEndian, **attributes):
    """A dataset with these pixels, not compressed, and any other attributes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID = generate_uid()
    data.Modality = "XA"
    data.PatientName = PATIENT
    data.PatientID = "123"
    data.SamplesPerPixel = 3 if pixels.ndim == 4 else 1
    data.PhotometricInterpretation = "RGB" if pixels.ndim == 4 else "MONOCHROME2"
    if pixels.ndim == 4:
        data.PlanarConfiguration = 0
    data.NumberOfFrames, data.Rows, data.Columns = pixels.shape[:3]
    data.BitsAllocated = pixels.dtype.itemsize * 8
    data.BitsStored = bits or data.BitsAllocated
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = "<" if syntax.is_little_endian else ">"
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    raw += b"\0" * (len(raw) % 2)
    data.add_new("PixelData", "OB" if data.BitsAllocated == 8 else "OW", raw)
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return data


def item(**attributes):
    """An item of a sequence."""
    data = Dataset()
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return data


def save(data, path):
    """Write a dataset and return the path."""
    data.save_as(path, enforce_file_format=True)
    return path


def encapsulated(data, streams, syntax, *, table=True, fragments=1):
    """The dataset with compressed frames in its place."""
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate(streams, has_bot=table, fragments_per_frame=fragments)
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"
    return data


def secondary_capture(pixels):
    """The same without anything that X-rays know."""
    data = xa_dataset(pixels)
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.Modality = "OT"
    return data


def reread(path):
    """What pydicom itself reads."""
    return dcmread(path)
