"""Texts for the two buttons that end a running job, which depend on the job."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Endings:
    """Texts of the buttons that end a job early.

    Parameters
    ----------
    stop, cancel
        The tooltips of the two buttons, which say what is kept and what is lost.
    cancel_text
        The text of the button that cancels; the other one reads *Stop & keep*.
    cancelled
        The sentence that is shown after the job was cancelled.
    """

    stop: str = "End after this step, and keep what was done so far"
    cancel: str = (
        "End at once: what this run did is lost, what was there before it stays"
    )
    cancel_text: str = "Cancel && discard"
    cancelled: str = "cancelled, nothing of this run was kept"


ANY = Endings()
LEARNING = Endings(
    stop="End after this step: the network, as far as it has learnt, is the new model",
    cancel="End at once: what this run learnt is lost. The model of before stays, and "
    "so does what you painted",
    cancelled="cancelled, nothing that it learnt was kept; the model of before stays",
)
SEGMENTING = Endings(
    stop="End this loop after this frame: the masks that are done stay. A loop that "
    "waits is next",
    cancel="End at once, and segment no loop that waits: the masks that are done stay",
    cancel_text="Cancel all",
    cancelled="cancelled; the masks that were done stay",
)
