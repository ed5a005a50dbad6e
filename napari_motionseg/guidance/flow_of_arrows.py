"""Turn arrows into the flow of a whole frame, and compare it with measured flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance.points import Arrow, Mask, check_inside

if TYPE_CHECKING:
    from napari_motionseg.guidance.propagator import Flow, PreparedFrame, Propagator


@dataclass(frozen=True, eq=False)
class GuidedFlow:
    """The flow that follows from arrows.

    Parameters
    ----------
    flow
        Flow ``(2, H, W)`` in px, x first.
    arrows
        The arrows, as they were used.
    note
        A full sentence if arrows were clipped; else empty.
    """

    flow: Flow
    arrows: tuple[Arrow, ...]
    note: str = ""


def guided_flow(
    propagator: Propagator,
    prepared: PreparedFrame,
    arrows: Sequence[Arrow],
    *,
    field: Mask | None = None,
) -> GuidedFlow:
    """Return the flow of a frame, of which a few arrows and still points are known.

    Parameters
    ----------
    propagator
        Network that answers.
    prepared
        Frame, from `Propagator.prepare`.
    arrows
        Motions of points; a point without motion stays still. Arrows that are longer
        than the network can predict are shortened.
    field
        Field of view ``(H, W)`` bool; nothing outside moves. None means the whole
        frame.

    Raises
    ------
    SettingsError
        If there is no arrow with a length, or a point is outside the frame or field.
    """
    if not any(arrow.length for arrow in arrows):
        raise SettingsError(
            "at least one arrow with a length is needed; still points only say what "
            "does not move"
        )
    shape = (prepared.frame.shape[0], prepared.frame.shape[1])
    check_inside(((a.row, a.column) for a in arrows), shape, field)
    longest = propagator.longest(prepared)
    used = tuple(arrow.clipped(longest) for arrow in arrows)
    (flow,) = propagator.flows(prepared, [used])
    if field is not None:
        flow = flow * field
    return GuidedFlow(flow, used, _note(arrows, longest))


def disagreement(guided: NDArray[Any], measured: NDArray[Any]) -> NDArray[np.float32]:
    """Return the distance in px ``(H, W)`` between guided and measured flow.

    A large distance shows where something else moved than what the network expects to
    move together.

    Parameters
    ----------
    guided, measured
        Flow ``(2, H, W)`` in px.

    Raises
    ------
    SettingsError
        If the shapes differ.
    """
    if guided.shape != measured.shape or guided.ndim != 3 or guided.shape[0] != 2:
        raise SettingsError(
            "guided and measured flow must both be (2, H, W); got "
            f"{guided.shape} and {measured.shape}"
        )
    distance = np.linalg.norm(np.asarray(guided, np.float32) - measured, axis=0)
    found: NDArray[np.float32] = distance.astype(np.float32)
    return found


def _note(arrows: Sequence[Arrow], longest: float) -> str:
    clipped = sum(arrow.length > longest for arrow in arrows)
    if not clipped:
        return ""
    were = "arrow was" if clipped == 1 else "arrows were"
    return (
        f"{clipped} {were} shortened to {longest:.0f} px, the longest motion that the "
        "network can predict; repeat the motion from the new place for more"
    )
