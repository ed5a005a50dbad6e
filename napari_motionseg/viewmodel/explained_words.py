"""Say in words what a pretrained embedding explains of held-out motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_motionseg.models import ModelCard

# difference to shuffled motion below which nothing was learnt; noise of 16 windows
LEAST_DIFFERENCE = 0.05


def explained_words(card: ModelCard) -> str:
    """Return a sentence; empty if nothing was held out.

    Parameters
    ----------
    card
        Card of the checkpoint that a pretraining has written.
    """
    found = card.provenance.get("explained", {})
    motion, shuffled = (
        found.get(name) for name in ("held_out_explained", "shuffled_explained")
    )
    if motion is None or shuffled is None:
        return ""
    words = (
        f"It explains {motion:.0%} of the motion in frames that it was not trained on, "
        f"and {shuffled:.0%} of shuffled motion"
    )
    if motion - max(shuffled, 0.0) < LEAST_DIFFERENCE:
        words += ": pictures taught it nothing about their motion"
    return f"{words}."
