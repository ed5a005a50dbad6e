"""Remove identity from DICOM attributes by the Basic Profile (PS3.15 annex E).

The table of attributes and actions is that of the library dicom-anonymizer. Its own
engine is not used: it looks at attributes of the root alone, so that the UIDs in the
references of a segmentation would stay, and it empties references that it should keep.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import import_module
from typing import Literal, get_args

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_has_tag
from pydicom.multival import MultiValue
from pydicom.uid import UID

from napari_motionseg.errors import MissingDependencyError, SettingsError
from napari_motionseg.io.damage import DAMAGE

TABLE = "dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c"
# PS3.15 table E.1-1a. Of a choice, that which keeps an object valid: a dummy value
# before an empty one, and an empty one before none.
ACTIONS = {
    "X_TAGS": "remove", "Z_TAGS": "empty", "X_Z_TAGS": "empty", "D_TAGS": "dummy",
    "Z_D_TAGS": "dummy", "X_D_TAGS": "dummy", "X_Z_D_TAGS": "dummy",
}  # fmt: skip
CURVES, OVERLAYS = 0x5000, 0x6000  # repeating groups, by their upper byte
STANDARD_UIDS = "1.2.840.10008."
# UIDs that say what something is, not which one
CLASS_UIDS = ("SOPClassUID", "TransferSyntaxUID", "CodingSchemeUID", "ContextUID")
DUMMY_TEXT, DUMMY_NAME = "ANONYMIZED", "Anonymous^Anonymous"
DUMMY_DATE, DUMMY_TIME = "19700101", "000000"
TEXTS = ("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT", "UR")
MOST_DAYS = 3650  # largest number of days by which dates are moved back
LEAST_KEY = 16  # bytes
WHOLE_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
PSEUDONYM_DIGITS = 10

Dates = Literal["remove", "shift"]


@dataclass(frozen=True)
class Profile:
    """Key and rules by which identity is removed.

    Parameters
    ----------
    key
        Secret of at least 16 bytes. The same key gives the same new UIDs, pseudonyms
        and shift of dates, so that files stay related. Without the key nobody can
        trace a copy back to its original.
    dates
        ``"remove"``; or ``"shift"``: all dates of a patient are moved back by the same
        number of days, so that intervals stay.
    """

    key: bytes
    dates: Dates = "remove"

    def __post_init__(self) -> None:
        if len(self.key) < LEAST_KEY:
            raise SettingsError(
                f"a key for de-identification has at least {LEAST_KEY} bytes; got "
                f"{len(self.key)}"
            )
        if self.dates not in get_args(Dates):
            raise SettingsError(f"dates must be remove or shift, not {self.dates!r}")

    def digest(self, purpose: str, text: str) -> bytes:
        """Return 32 bytes that depend on the key, a purpose and a text."""
        return hmac.new(
            self.key, f"{purpose}\n{text}".encode(), hashlib.sha256
        ).digest()

    def uid(self, old: str) -> UID:
        """Return the UID that replaces another, under the root 2.25."""
        made = uuid.UUID(bytes=self.digest("uid", old)[:16], version=4)
        return UID(f"2.25.{made.int}")

    def days(self, patient: str) -> int:
        """Return the number of days by which dates of a patient are moved back."""
        number = int.from_bytes(self.digest("days", patient)[:8], "big")
        return 1 + number % MOST_DAYS

    def pseudonym(self, patient: str) -> str:
        """Return the name that stands for a patient."""
        digits = self.digest("patient", patient).hex()[:PSEUDONYM_DIGITS]
        return f"MS-{digits.upper()}"


def deidentify_dataset(data: Dataset, profile: Profile) -> None:
    """Remove identity from a data set, in place, sequences included.

    Private attributes, curves, overlays and attributes that are not in the Standard's
    dictionary are removed.

    Parameters
    ----------
    data
        Attributes of an image or a segmentation. Its pixels stay as they are.
    profile
        Key and rules by which identity is removed.

    Raises
    ------
    MissingDependencyError
        If the library that brings the table is not installed.
    """
    patient = _text(data, "PatientID") or _text(data, "StudyInstanceUID")
    _Cleaning(profile, actions(), patient).clean(data)
    pseudonym = profile.pseudonym(patient)
    data.PatientName, data.PatientID = f"Anonymous^{pseudonym}", pseudonym
    data.PatientIdentityRemoved = "YES"
    shifted = profile.dates == "shift"
    data.LongitudinalTemporalInformationModified = "MODIFIED" if shifted else "REMOVED"
    data.DeidentificationMethod = [
        "PS3.15 Basic Application Confidentiality Profile",
        "Private attributes, curves and overlays removed",
        "Dates shifted by a number of days" if shifted else "Dates removed",
        "UIDs replaced; times of day, device maker and pixels kept"
        if shifted
        else "UIDs replaced; device maker and pixels kept",
    ]
    codes = [("113100", "Basic Application Confidentiality Profile")]
    if shifted:
        option = "Retain Longitudinal Temporal Information Modified Dates Option"
        codes.append(("113107", option))
    data.DeidentificationMethodCodeSequence = [_code(*code) for code in codes]


@cache
def actions() -> Mapping[int, str]:
    """Return the action for each attribute of the table, by tag.

    Raises
    ------
    MissingDependencyError
        If the library that brings the table is not installed.
    """
    try:
        table = import_module(TABLE)
    except ImportError as error:
        raise MissingDependencyError(
            "de-identification needs 'dicom-anonymizer', which is not installed: pip "
            "install 'napari-motionseg[deid]'"
        ) from error
    found = {}
    for name, action in ACTIONS.items():
        for tag in getattr(table, name):
            if len(tag) == 2:  # the others are curves and overlays
                found[tag[0] << 16 | tag[1]] = action
    return found


class _Cleaning:
    """One pass over a data set and all its sequences."""

    def __init__(
        self, profile: Profile, table: Mapping[int, str], patient: str
    ) -> None:
        self._profile, self._table = profile, table
        self._days = timedelta(days=profile.days(patient))

    def clean(self, data: Dataset) -> None:
        """Remove or replace what identifies in a data set and in its sequences."""
        for tag in list(data.keys()):
            if tag.is_private or tag.group & 0xFF00 in (CURVES, OVERLAYS):
                del data[tag]
                continue
            try:
                known = dictionary_has_tag(tag)
                element = data[tag]
            except DAMAGE:
                known = False
            if not known or tag.element == 0:
                del data[tag]
            else:
                self._treat(data, element)

    def _treat(self, data: Dataset, element: DataElement) -> None:
        action = self._table.get(element.tag, "")
        if element.VR in ("DA", "DT", "TM"):
            self._treat_time(data, element, action)
        elif action == "remove":
            del data[element.tag]
        elif element.VR == "SQ":
            if action:
                element.value = []
            for item in element.value:
                self.clean(item)
        elif element.VR == "UI":
            self._replace_uids(element)
        elif action == "empty":
            element.value = None
        elif action == "dummy":
            element.value = _dummy(element)

    def _treat_time(self, data: Dataset, element: DataElement, action: str) -> None:
        """Move a date back, or remove it, whether the table names it or not."""
        if self._profile.dates == "shift" and element.keyword != "PatientBirthDate":
            if element.VR != "TM":
                element.value = [self._earlier(str(v)) for v in _values(element)]
            return
        if action == "dummy":
            time = {"DA": DUMMY_DATE, "TM": DUMMY_TIME}
            element.value = time.get(element.VR, DUMMY_DATE + DUMMY_TIME)
        elif action == "empty":
            element.value = ""
        else:
            del data[element.tag]

    def _earlier(self, text: str) -> str:
        """Return a date or date and time, some days before; empty if it is none."""
        found = WHOLE_DATE.match(text.strip())
        if found is None:
            return ""
        try:
            moved = date(*map(int, found.groups())) - self._days
        except (ValueError, OverflowError):
            return ""
        return f"{moved:%Y%m%d}{text.strip()[8:]}"

    def _replace_uids(self, element: DataElement) -> None:
        if element.keyword.endswith(CLASS_UIDS):
            return
        new = [
            old if str(old).startswith(STANDARD_UIDS) else self._profile.uid(str(old))
            for old in _values(element)
            if str(old)
        ]
        element.value = new[0] if len(new) == 1 else new


def _values(element: DataElement) -> list[object]:
    value = element.value
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (MultiValue, list)) else [value]


def _dummy(element: DataElement) -> object:
    """Return a value that means nothing and is valid for the element."""
    if element.VR == "PN":
        return DUMMY_NAME
    if element.VR in TEXTS:
        return "https://anonymized.invalid" if element.VR == "UR" else DUMMY_TEXT
    if element.VR == "AS":
        return "000Y"
    if element.VR in ("OB", "OW", "UN", "OD", "OF", "OL"):
        return b""
    return 0


def _text(data: Dataset, keyword: str) -> str:
    try:
        return str(data.get(keyword) or "").strip()
    except DAMAGE:
        return ""


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, "DCM"
    item.CodeMeaning = meaning
    return item
