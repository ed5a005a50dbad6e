"""Read JSON files from unknown sources: bounded in size, with one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_motionseg.errors import ReadError
from napari_motionseg.io.regular_files import read_regular


def read_json(path: str | Path, most: int, *, follow_links: bool = True) -> Any:
    """Return the content of a JSON file.

    ``NaN`` and ``Infinity``, which are not JSON but are written by Python, become None.

    Parameters
    ----------
    path
        Path of the file, which is encoded in UTF-8.
    most
        Largest size of the file in bytes.
    follow_links
        Whether a symbolic link is followed; see `open_regular`.

    Raises
    ------
    ReadError
        If it is not a regular file, is too large, is not JSON, or its values are nested
        too deeply.
    """
    content = read_regular(path, most, follow_links=follow_links)
    try:
        return json.loads(content.decode("utf-8"), parse_constant=lambda _: None)
    except RecursionError as error:
        raise ReadError(f"{path}: damaged: its values are nested too deeply") from error
    except (ValueError, MemoryError) as error:
        raise ReadError(f"{path}: damaged or unreadable ({error})") from error
