"""Find and create the folder of this program's caches.

``MOTIONSEG_CACHE`` may name a folder that holds other files. The caches then go into a
folder of their own inside it, with the tag that makes backup programs skip a cache
(https://bford.info/cachedir/).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_dir

from napari_motionseg.environment import CACHE

OFF = ("off", "no", "none", "0")
NAME = "motionseg-cache"  # name of the folder inside the one that the user names
TAG = "CACHEDIR.TAG"
TAG_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder holds caches of napari-motionseg and may be deleted at any time.\n"
)


def cache_folder() -> Path | None:
    """Return the folder of the user's caches; None if ``MOTIONSEG_CACHE`` is ``off``.

    The variable may also name another folder. Nothing is created; see `make_marked`.
    """
    wanted = os.environ.get(CACHE, "").strip()
    if wanted.lower() in OFF:
        return None
    if wanted:
        return Path(wanted) / NAME
    return Path(user_cache_dir("napari-motionseg", appauthor=False))


def make_marked(folder: Path) -> None:
    """Create a folder for a cache, and tag it as a cache if it is empty.

    A folder that already holds files gets no tag, because backup programs would skip
    those files too.

    Parameters
    ----------
    folder
        Path of the folder to create.

    Raises
    ------
    OSError
        If the folder cannot be created.
    """
    if folder.parent.name == NAME:
        make_marked(folder.parent)
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # the tag is a convenience
        if not os.listdir(folder):
            with (folder / TAG).open("x", encoding="ascii") as tag:
                tag.write(TAG_TEXT)
