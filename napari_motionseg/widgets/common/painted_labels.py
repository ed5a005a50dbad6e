"""Return the labels that the user has painted on a loop."""

from __future__ import annotations

from napari.layers import Layer
from napari.viewer import Viewer

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.io import Labels
from napari_motionseg.io.labels import LabelMode
from napari_motionseg.viewmodel.layer_arrays import labels_of_layer
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.viewers import frame_shown, same_place

MODES: dict[str, LabelMode] = {"Whole frames": "dense", "Scribbles": "scribbles"}


def painted_labels(
    viewer: Viewer, session: Session, image: Layer, painting: Layer, mode: LabelMode
) -> tuple[Cine, Labels]:
    """Return a loop and the labels painted on it.

    Parameters
    ----------
    viewer
        The viewer; a labels layer of two axes belongs to the displayed frame.
    session
        Session with the loop of `image`.
    image
        Image layer of the loop.
    painting
        Labels layer with the painted labels.
    mode
        Meaning of an unpainted pixel, as in `Labels`.

    Raises
    ------
    LabelError
        If the layers do not lie on each other, or nothing is painted.
    """
    if not same_place(image, painting):
        raise LabelError(
            f"layer {painting.name!r} does not lie on {image.name!r}: scale, "
            "translation or shape differ; paint on labels made for this loop"
        )
    cine = session.loop(image).cine
    frame = frame_shown(viewer, image)
    return cine, labels_of_layer(painting, cine, mode, frame)
