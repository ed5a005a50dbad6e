"""Loops with a patient and a study, as DICOM of each kind, and masks for them."""

import numpy as np
from helpers import dicom_files as files
from pydicom.uid import (
    EnhancedXAImageStorage,
    XRayRadiofluoroscopicImageStorage,
    generate_uid,
)

from napari_motionseg.io import read_cine

STUDY = {
    "StudyDate": "20200102", "StudyTime": "101112", "StudyID": "S1",
    "AccessionNumber": "A1", "PatientBirthDate": "19500607", "PatientSex": "F",
    "ReferringPhysicianName": "Roe^Rita", "StudyDescription": "Coronary angiography",
    "Manufacturer": "ACME", "ManufacturerModelName": "C-arm",
    "DeviceSerialNumber": "42", "SoftwareVersions": "1.0", "SeriesNumber": 3,
    "InstanceNumber": 1, "InstitutionName": "St. Elsewhere", "FrameTime": 40,
    "PatientAge": "069Y", "SeriesDate": "20200102", "ContentDate": "20200102",
    "ContentTime": "101113",
}  # fmt: skip
SHAPE = (6, 21, 13)  # 273 pixels: frames begin amid a byte


def dataset(shape=SHAPE, kind="XA", seed=0, **attributes):
    """A multi-frame object of one kind."""
    data = files.xa_dataset(files.gray_frames(*shape, seed=seed))
    data.StudyInstanceUID = generate_uid()
    for keyword, value in (STUDY | attributes).items():
        setattr(data, keyword, value)
    if kind == "enhanced XA":
        data.SOPClassUID = EnhancedXAImageStorage
        content = [
            files.item(FrameContentSequence=[files.item(TemporalPositionIndex=t + 1)])
            for t in range(shape[0])
        ]
        data.SharedFunctionalGroupsSequence = [files.item()]
        data.PerFrameFunctionalGroupsSequence = content
    elif kind == "RF":
        data.SOPClassUID = XRayRadiofluoroscopicImageStorage
        data.Modality = "RF"
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    return data


def series(folder, shape=SHAPE, **attributes):
    """A series of single frames, in files whose order is not that of the frames."""
    folder.mkdir()
    whole = dataset(shape, **attributes)
    pixels = whole.pixel_array
    found = []
    for t in range(shape[0]):
        one = files.xa_dataset(pixels[t : t + 1])
        for keyword in (*STUDY, "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(one, keyword, whole[keyword].value)
        del one.NumberOfFrames
        one.InstanceNumber = t + 1
        one.AcquisitionNumber = 1
        for keyword, value in attributes.items():
            setattr(one, keyword, value)
        files.save(one, folder / f"{shape[0] - t:02}.dcm")
        found.append(one)
    return found


def loop(folder, kind="XA", **attributes):
    """A loop that was read from a file of one kind, and its data sets."""
    if kind == "series":
        found = series(folder / "series", **attributes)
        return read_cine(folder / "series"), found
    data = dataset(kind=kind, **attributes)
    return read_cine(files.save(data, folder / "loop.dcm")), [data]


def masks(shape=SHAPE):
    """Two classes; frame 1 is not labelled, frame 3 is labelled and empty."""
    found = np.zeros(shape, np.uint8)
    for t in range(shape[0]):
        found[t, 2 + t : 9 + t, 3:8] = 1
        found[t, 4 + t : 6 + t, 5:11] = 2
    labelled = np.ones(shape[0], bool)
    labelled[1] = False
    found[1] = found[3] = 0
    return found, labelled
