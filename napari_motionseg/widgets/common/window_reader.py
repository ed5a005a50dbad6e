"""Read loops and masks for napari's window; the manifest names these functions.

They read the files that `contributions` and `mask_loading` read. If a window is open,
loops are shown one at a time from then on, and the next step is offered. In a script
without a window they only read, and Qt need not be installed: what needs it is imported
when there is a window.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from napari_motionseg import contributions
from napari_motionseg.contributions import LayerTuple, Reader
from napari_motionseg.errors import ReadError
from napari_motionseg.viewmodel.mask_files import may_hold_masks


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader if `path` may hold cine loops or masks of a loop, else None.

    Parameters
    ----------
    path
        Path of a file or folder, or several paths that napari opens as a stack.
    """
    if isinstance(path, str) and may_hold_masks(path):
        return _read_masks
    reader = contributions.get_reader(path)
    return None if reader is None else partial(_read, reader)


def synthetic_angiogram() -> list[LayerTuple]:
    """Return a synthetic loop, and its true vessels as a hidden labels layer."""
    _greet()
    return contributions.synthetic_angiogram()


def faint_angiogram() -> list[LayerTuple]:
    """Return a faint synthetic loop with a catheter, and its hidden true vessels."""
    _greet()
    return contributions.faint_angiogram()


def _read(reader: Reader, path: str | Sequence[str]) -> list[LayerTuple]:
    layers = reader(path)
    _greet()
    return layers


def _read_masks(path: str | Sequence[str]) -> list[LayerTuple]:
    """Read masks as a layer over their loop in the open window."""
    one = path if isinstance(path, str) else path[0]
    viewer = _window()
    if viewer is None:
        raise ReadError(f"{one}: masks are opened in a window with their loop")
    from napari_motionseg.widgets.common.mask_loading import read_mask_layers

    return read_mask_layers(viewer, one)


def _window() -> Any:
    """Return the viewer that is open; None in a script that has not imported napari."""
    napari = sys.modules.get("napari")
    return None if napari is None else napari.current_viewer()


def _greet() -> None:
    """Let the window observe the layers that are about to be added."""
    viewer = _window()
    if viewer is not None:
        from napari_motionseg.widgets.common.layer_arrivals import arrivals_of

        arrivals_of(viewer)
