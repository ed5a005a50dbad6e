"""Name a loop after its file, without the suffix of the file type."""

from __future__ import annotations

import re
from pathlib import Path

# Only these count as suffixes. Archives name files by UID, and the last number of a UID
# or of a date is part of the name.
SUFFIXES = frozenset(
    (".dcm", ".dicom", ".dic", ".ima", ".img", ".acr", ".xa", ".rf", ".us")
)
UID = re.compile(r"[0-9]+(\.[0-9]+){4,}")  # five numbers or more: no date has as many
LAST = 6  # digits of a UID that tell the loops of an archive apart


def loop_name(path: Path) -> str:
    """Return the name of a loop that comes from a DICOM file or a folder.

    Parameters
    ----------
    path
        File or folder. A known suffix of a file is removed, in upper or lower case; the
        name of a folder is taken as it is.
    """
    if path.suffix.lower() in SUFFIXES and path.stem and not path.is_dir():
        return path.stem
    return path.name or path.resolve().name or str(path)


def short_loop_name(name: str, modality: str | None = None) -> str:
    """Return the name under which a window shows a loop.

    A UID as a name is too long to read and to tell apart. Its last digits and the
    modality replace it. The description of the series would be easier to read, but may
    identify the patient.

    Parameters
    ----------
    name
        Name of the loop, often that of its file.
    modality
        Its modality as DICOM names it, for example ``XA``; None or ``unknown`` if it is
        not known.

    Examples
    --------
    >>> short_loop_name("1.2.826.0.1.3680043.8.498.9016622677648743430", "XA")
    'XA 343430'
    >>> short_loop_name("left coronary", "XA")
    'left coronary'
    """
    if not UID.fullmatch(name):
        return name
    digits = name.replace(".", "")[-LAST:]
    known = modality not in (None, "", "unknown")
    return f"{modality if known else 'loop'} {digits}"
