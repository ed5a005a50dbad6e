"""Name a loop after its file, without the suffix of the file type."""

from __future__ import annotations

from pathlib import Path

# Only these count as suffixes. Archives name files by UID, and the last number of a UID
# or of a date is part of the name.
SUFFIXES = frozenset(
    (".dcm", ".dicom", ".dic", ".ima", ".img", ".acr", ".xa", ".rf", ".us")
)


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
