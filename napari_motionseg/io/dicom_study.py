"""Make the patient, study and equipment attributes of a derived DICOM object."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from napari_motionseg.errors import WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.dicom_source import DicomSource
from napari_motionseg.io.dicom_values import values_of
from napari_motionseg.io.program_marks import DICOM_MARK, MARK
from napari_motionseg.io.segment_codes import code_item
from napari_motionseg.version import __version__

# The modules Patient, Clinical Trial Subject, General Study, Patient Study and Clinical
# Trial Study (PS3.3 C.7.1.1, C.7.1.3, C.7.2.1, C.7.2.2, C.7.2.3). They identify the
# patient and the place in an archive; no attribute of the acquisition is copied.
REQUIRED = (  # type 2: present, empty where the source does not know
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate",
    "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
COPIED = (
    *REQUIRED,
    "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID",
    "OtherPatientIDsSequence", "OtherPatientIDs", "PatientBirthTime",
    "OtherPatientNames", "EthnicGroup", "PatientComments", "QualityControlSubject",
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence",
    "PatientBreedDescription", "PatientBreedCodeSequence", "ResponsiblePerson",
    "ResponsiblePersonRole", "ResponsibleOrganization", "PatientIdentityRemoved",
    "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID",
    "ClinicalTrialTimePointID", "ClinicalTrialTimePointDescription",
    "StudyInstanceUID", "StudyDescription", "IssuerOfAccessionNumberSequence",
    "ProcedureCodeSequence", "ReferencedStudySequence",
    "PhysiciansOfRecord", "ConsultingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "PatientAge", "PatientSize", "PatientWeight", "AdmissionID",
    "AdmittingDiagnosesDescription", "TimezoneOffsetFromUTC",
)  # fmt: skip
# of the device that took the loop (PS3.3 C.12.1.1.5)
DEVICE = (
    "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
    "StationName", "InstitutionName", "InstitutionalDepartmentName",
)  # fmt: skip
LOSSY = (
    "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)  # fmt: skip
# names of this program's UIDs, when they are made from content
NAMESPACE = uuid.UUID("6c1f4b0e-55c4-5d0b-9a52-2f6f0a1d7c33")
UNKNOWN_DATE, UNKNOWN_TIME = "19700101", "000000"
DISCLAIMER = "research use only"


@dataclass
class Identifiers:
    """New UIDs and the time of an object.

    Parameters
    ----------
    content
        Text that the UIDs are made from, so that the same object gets the same UIDs;
        None makes random ones.
    made
        Date and time of the object as DICOM writes them.
    """

    content: str | None
    made: tuple[str, str]

    @classmethod
    def random(cls) -> Identifiers:
        """Return random identifiers and the current time."""
        now = datetime.now()
        return cls(None, (f"{now:%Y%m%d}", f"{now:%H%M%S}"))

    @classmethod
    def from_content(cls, source: DicomSource, content: str) -> Identifiers:
        """Return identifiers that depend on source and content alone.

        Parameters
        ----------
        source
            DICOM objects that the loop was read from; the time is their acquisition
            time.
        content
            Text that differs for different contents, such as a hash.
        """
        data = source.dataset
        date = _first(data, ("ContentDate", "AcquisitionDate", "StudyDate"))
        time = _first(data, ("ContentTime", "AcquisitionTime", "StudyTime"))
        instances = "\n".join(instance for _, instance in source.instances)
        return cls(
            f"{instances}\n{content}", (date or UNKNOWN_DATE, time or UNKNOWN_TIME)
        )

    def uid(self, role: str) -> UID:
        """Return a UID under the root 2.25 (PS3.5 B.2).

        Parameters
        ----------
        role
            Word that differs for each UID of one object.
        """
        made = uuid.uuid4()
        if self.content is not None:
            made = uuid.uuid5(NAMESPACE, f"{role}\n{self.content}")
        return UID(f"2.25.{made.int}")


def _first(data: Dataset, keywords: Iterable[str]) -> str:
    found = (str(v) for keyword in keywords for v in values_of(data, keyword))
    return next((value.strip() for value in found if value.strip()), "")


def copy_attributes(source: Dataset, target: Dataset, keywords: Sequence[str]) -> None:
    """Copy the attributes that exist and can be read; leave out damaged ones.

    Parameters
    ----------
    source
        Attributes to copy from.
    target
        Attributes to copy to. Text is written in their character set.
    keywords
        Names of the attributes.
    """
    for keyword in keywords:
        try:
            if keyword in source:
                target[keyword] = source[keyword]
        except DAMAGE:
            continue


def study_of(source: DicomSource) -> Dataset:
    """Return a data set of the source's patient and study.

    Parameters
    ----------
    source
        DICOM objects that the loop was read from.
    """
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    copy_attributes(source.dataset, data, COPIED)
    for keyword in REQUIRED:
        if keyword not in data:
            setattr(data, keyword, "")
    data.StudyInstanceUID = source.study
    copy_attributes(source.dataset, data, LOSSY)
    return data


def add_equipment(data: Dataset, source: DicomSource, serial: str) -> None:
    """Record this program as the manufacturer, and the source's device as contributor.

    Parameters
    ----------
    data
        Attributes of the object to write.
    source
        DICOM objects that the loop was read from.
    serial
        Device serial number, which differs for variants of this program.
    """
    data.Manufacturer = MARK
    data.ManufacturerModelName = MARK
    data.DeviceSerialNumber = serial
    data.SoftwareVersions = __version__
    device = Dataset()
    copy_attributes(source.dataset, device, DEVICE)
    if any(values_of(device, "Manufacturer")):
        device.PurposeOfReferenceCodeSequence = [
            code_item("DCM", "AcquisitionEquipment")
        ]
        data.ContributingEquipmentSequence = [device]


def file_meta(sop_class: UID, sop_instance: UID, syntax: UID) -> FileMetaDataset:
    """Return the file meta information of an object of this program.

    Parameters
    ----------
    sop_class
        SOP Class UID of the object.
    sop_instance
        SOP Instance UID of the object.
    syntax
        UID of the transfer syntax of the file.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = sop_instance
    meta.TransferSyntaxUID = syntax
    meta.ImplementationVersionName = DICOM_MARK
    return meta


def referenced_instances(source: DicomSource) -> list[Dataset]:
    """Return items that refer to each object of the loop."""
    items = []
    for sop_class, sop_instance in source.instances:
        item = Dataset()
        item.ReferencedSOPClassUID = sop_class
        item.ReferencedSOPInstanceUID = sop_instance
        items.append(item)
    return items


def save_dataset(path: str | Path, data: Dataset) -> None:
    """Write a data set with its file meta information, or leave nothing behind.

    Parameters
    ----------
    path
        Path of the file to write.
    data
        Attributes of the object; its `file_meta` names the transfer syntax.

    Raises
    ------
    WriteError
        If a value does not fit its attribute, or the file cannot be written.
    """
    try:
        with replacing(path) as temporary:
            data.save_as(temporary, enforce_file_format=True)
    except (
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        struct.error,
    ) as error:
        raise WriteError(f"{path}: cannot be written as DICOM: {error}") from error
