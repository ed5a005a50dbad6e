"""Open the whole window from the command line: a loop, its masks, all docks.

python -m napari_motionseg.widgets.common.window CINE [--masks FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari
from napari.viewer import Viewer

from napari_motionseg.contributions import VESSEL, geometry, read_layers
from napari_motionseg.io import read_labels
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.open_docks import open_docks
from napari_motionseg.widgets.common.viewers import session_of


def open_window(path: Path | None = None, masks: Path | None = None) -> Viewer:
    """Open a viewer with all docks, the Segment dock in front.

    Parameters
    ----------
    path
        Path of a loop, or of a folder of loops; None to open no loop.
    masks
        Path of masks of the first loop, or None.
    """
    viewer = Viewer(title="MotionSeg")
    if path is not None:
        for data, attributes, kind in read_layers(str(path)):
            getattr(viewer, f"add_{kind}")(data, **attributes)
    if masks is not None and viewer.layers:
        _add_masks(viewer, masks)
    open_docks(viewer)
    return viewer


def _add_masks(viewer: Viewer, masks: Path) -> None:
    layer = viewer.layers[0]
    session: Session = session_of(viewer)
    cine = session.loop(layer).cine
    labels = read_labels(masks, shape=cine.shape, cine=cine)
    viewer.add_labels(
        labels.labels,
        name=f"{layer.name} masks",
        opacity=0.6,
        colormap={0: "transparent", 1: VESSEL, None: "gold"},
        **geometry(cine),
    )


def main() -> None:
    """Open the window and wait until it is closed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--masks", type=Path)
    given = parser.parse_args()
    open_window(given.path, given.masks)
    napari.run()


if __name__ == "__main__":
    main()
