"""The `motionseg` command."""

from napari_motionseg.cli.app import app, execute, main

__all__ = ["app", "execute", "main"]
