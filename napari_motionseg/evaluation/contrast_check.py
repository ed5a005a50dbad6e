"""Check that loops show vessels, before a network learns from their motion."""

from __future__ import annotations

from collections.abc import Sequence

from napari_motionseg.cine import Cine
from napari_motionseg.errors import TrainingError
from napari_motionseg.evaluation.fitted import Predict

MOST_LOOPS, LOOKS = 4, 3  # loops, and frames of each, that are segmented
LEAST_SHARE = 0.001  # of a frame; a thin branch fills more
LEAST_SIDE = 256  # px; the network knows no smaller pictures


def require_contrast(cines: Sequence[Cine], predict: Predict) -> None:
    """Raise an error if no loop shows vessels that are filled with contrast agent.

    Small pictures are not asked, because the network does not know them.

    Parameters
    ----------
    cines
        Loops, of which at most four, evenly spread, are looked at.
    predict
        Function that returns the vessels ``(H, W)`` bool of a frame ``(H, W)`` in
        [0, 1], such as `vessel_predictor`.

    Raises
    ------
    TrainingError
        If the vessels fill less than a thousandth of each frame.
    """
    asked = [cine for cine in cines if min(cine.shape[1:]) >= LEAST_SIDE]
    chosen = asked[:: max(1, -(-len(asked) // MOST_LOOPS))]
    largest = 0.0
    for cine in chosen:
        for t in _looks(cine):
            largest = max(largest, float(predict(cine.normalized(t)).mean()))
            if largest >= LEAST_SHARE:
                return
    if chosen:
        raise TrainingError(
            "no loop shows vessels filled with contrast agent: the network that ships "
            f"marks at most {largest:.2%} of a frame in {len(chosen)} loops. Without "
            "contrast agent, only bones, diaphragm and table move, and nothing about "
            "vessels can be learnt. Leave these loops out, or go on anyway (--anyway)"
        )


def _looks(cine: Cine) -> list[int]:
    """Return undamaged frames in the middle of a loop first, where vessels are full."""
    count = len(cine)
    places = {count * (1 + k) // (1 + LOOKS) for k in range(LOOKS)}
    ordered = sorted(places, key=lambda t: abs(t - count / 2))
    return [t for t in ordered if cine.frames.usable(t)]
