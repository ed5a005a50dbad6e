"""Choose the character set of texts where a file names none, or one that is unknown.

Names are copied into segmentations, where a name that was decoded wrongly would belong
to nobody.
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.charset import python_encoding

KEYWORD = "SpecificCharacterSet"
TEXTS = (
    "PatientName", "OtherPatientNames", "ReferringPhysicianName", "StudyDescription",
    "PatientComments", "PhysiciansOfRecord", "SeriesDescription", "InstitutionName",
)  # fmt: skip
UTF_8 = "ISO_IR 192"


def choose_character_set(data: Dataset) -> None:
    """Set the character set by which the texts of a data set are decoded.

    The one that the file names is kept. If it names none, or one that does not exist,
    a name of another spelling is tried (``iso-ir 192``), and then UTF-8, if the texts
    are valid in it and not plain ASCII.

    Parameters
    ----------
    data
        Data set that was just read, with values that are not converted yet.
    """
    named = _raw(data, KEYWORD).decode("latin-1").strip(" \0")
    first = named.split("\\")[0].strip()
    if named and (not first or first in python_encoding):
        return
    spelled = first.upper().replace("-", "_").replace("ISO IR", "ISO_IR")
    chosen = spelled if first and spelled in python_encoding else ""
    chosen = chosen or (UTF_8 if _is_utf_8(data) else "")
    if chosen:
        implicit, little = data.original_encoding
        data.set_original_encoding(implicit, little, python_encoding[chosen])


def _raw(data: Dataset, keyword: str) -> bytes:
    value = getattr(data.get_item(keyword), "value", None) if keyword in data else None
    return value if isinstance(value, bytes) else b""


def _is_utf_8(data: Dataset) -> bool:
    words = b" ".join(_raw(data, keyword) for keyword in TEXTS)
    try:
        return not words.isascii() and bool(words.decode("utf-8"))
    except UnicodeDecodeError:
        return False
