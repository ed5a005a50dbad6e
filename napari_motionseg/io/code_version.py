"""Tell two states of the numerical code apart, for results that are kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from napari_motionseg.version import __version__

# packages whose code decides about flow and embeddings of a frame
NUMERICAL = ("cine", "embedding", "models", "motion")


@cache
def code_version() -> str:
    """Return a text that changes with the code that computes flow and embeddings.

    The version number alone stays the same between two states of a checkout, and a
    cache would give back what older code has computed.
    """
    package = resources.files("napari_motionseg")
    return f"{__version__} {source_digest(package / name for name in NUMERICAL)}"


def source_digest(folders: Iterable[Traversable]) -> str:
    """Return the first digits of a hash of all Python files in folders.

    Parameters
    ----------
    folders
        Folders, which are searched without those in them.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                content = file.read_bytes()
                digest.update(f"{folder.name}/{file.name} {len(content)} ".encode())
                digest.update(content)
    return digest.hexdigest()[:16]
