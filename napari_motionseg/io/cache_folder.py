"""The folder of this program's caches: marked, and apart from everything else.

``MOTIONSEG_CACHE`` may name a folder that is in use. What is kept then lies in a folder
of its own in there, with the tag that tells backup programs to pass a cache over
(https://bford.info/cachedir/).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_dir

VARIABLE = "MOTIONSEG_CACHE"
OFF = ("off", "no", "none", "0")
NAME = "motionseg-cache"  # of the folder in one that the user names
TAG = "CACHEDIR.TAG"
TAG_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder holds caches of napari-motionseg and may be deleted at any time.\n"
)


def cache_folder() -> Path | None:
    """Return the folder of the user's caches; None if ``MOTIONSEG_CACHE`` is ``off``.

    That variable may name another folder. Nothing is made here; see `make_marked`.
    """
    wanted = os.environ.get(VARIABLE, "").strip()
    if wanted.lower() in OFF:
        return None
    if wanted:
        return Path(wanted) / NAME
    return Path(user_cache_dir("napari-motionseg", appauthor=False))


def make_marked(folder: Path) -> None:
    """Make a folder for a cache, and tag it if nobody else's files can be in it.

    A folder that exists keeps its content and gets no tag, unless it is empty: backup
    programs would pass over whatever it holds.

    Parameters
    ----------
    folder
        Path of the folder.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    if folder.parent.name == NAME:
        make_marked(folder.parent)
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # the tag is a convenience
        if not os.listdir(folder):
            with (folder / TAG).open("x", encoding="ascii") as tag:
                tag.write(TAG_TEXT)
