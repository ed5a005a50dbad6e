"""Names of loops: a file's name without the suffix that says what kind it is."""

from __future__ import annotations

from pathlib import Path

# Only these are suffixes. PACS name files by UID, and the last number of a UID, or of
# a date, is part of the name.
SUFFIXES = frozenset(
    (".dcm", ".dicom", ".dic", ".ima", ".img", ".acr", ".xa", ".rf", ".us")
)


def loop_name(path: Path) -> str:
    """Return the name of a loop that was read from a DICOM file or a folder.

    Parameters
    ----------
    path
        File or folder. A known suffix of a file is cut off, whatever its case; a
        folder's name is taken whole.
    """
    if path.suffix.lower() in SUFFIXES and path.stem and not path.is_dir():
        return path.stem
    return path.name or path.resolve().name or str(path)
