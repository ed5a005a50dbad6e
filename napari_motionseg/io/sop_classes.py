"""SOP classes of DICOM objects that are made of loops."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.uid import (
    UID,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SegmentationStorage,
)

from napari_motionseg.io.dicom_values import values_of

# not in the dictionary of pydicom 3.0
LABEL_MAP_STORAGE = UID("1.2.840.10008.5.1.4.1.1.66.7")
SEGMENTATIONS = (SegmentationStorage, LABEL_MAP_STORAGE)
CAPTURE_STORAGE = MultiFrameTrueColorSecondaryCaptureImageStorage


def is_segmentation_data(data: Dataset) -> bool:
    """Return whether attributes are those of a DICOM Segmentation.

    Parameters
    ----------
    data
        Attributes of a DICOM file.
    """
    return any(
        str(uid).strip() in SEGMENTATIONS for uid in values_of(data, "SOPClassUID")
    )
