"""Read loops and masks for napari's window; the manifest names these functions.

They read the files that `contributions` and `mask_loading` read. If a window is open,
loops are shown one at a time from then on, and the next step is offered. In a script
without a window they only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import napari

from napari_motionseg import contributions
from napari_motionseg.contributions import LayerTuple, Reader
from napari_motionseg.widgets.common.layer_arrivals import arrivals_of
from napari_motionseg.widgets.common.mask_loading import is_mask_path, read_mask_layers


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader if `path` may hold cine loops or masks of a loop, else None.

    Parameters
    ----------
    path
        Path of a file or folder, or several paths that napari opens as a stack.
    """
    if is_mask_path(path):
        return read_mask_layers
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


def _greet() -> None:
    """Let the window observe the layers that are about to be added."""
    viewer = napari.current_viewer()
    if viewer is not None:
        arrivals_of(viewer)
