"""The version of this package, from its installed metadata."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-motionseg")
except PackageNotFoundError:  # a bare checkout on the path
    __version__ = "0+unknown"
