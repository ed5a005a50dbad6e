"""Read JSON that came from elsewhere: bounded, and with one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_motionseg.errors import ReadError
from napari_motionseg.io.regular_files import read_regular


def read_json(path: str | Path, most: int, *, follow_links: bool = True) -> Any:
    """Return what a JSON file holds.

    ``NaN`` and ``Infinity``, which are not JSON but which Python writes, are read as
    None.

    Parameters
    ----------
    path
        Path of the file, in UTF-8.
    most
        Largest size in bytes that is read.
    follow_links
        Whether a symbolic link is followed; see `open_regular`.

    Raises
    ------
    ReadError
        If it is not a regular file, is too large, or is not JSON, or if its values are
        nested too deeply. The message names the file.
    """
    content = read_regular(path, most, follow_links=follow_links)
    try:
        return json.loads(content.decode("utf-8"), parse_constant=lambda _: None)
    except RecursionError as error:
        raise ReadError(f"{path}: damaged: its values are nested too deeply") from error
    except (ValueError, MemoryError) as error:
        raise ReadError(f"{path}: damaged or unreadable ({error})") from error
