"""Define the texts of the two buttons that end a job, for each kind of job."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Endings:
    """Texts of the buttons that end a job early, and of how it ended.

    Parameters
    ----------
    stop, cancel
        Tooltips of the two buttons, which say which results are kept and which are
        lost.
    cancel_text
        Text of the button that cancels; the other button reads *Stop & keep*.
    cancelled
        Sentence that is shown after the job was cancelled.
    unit
        Name of a step of the job, singular and plural.
    stopped
        Sentence that is shown after *Stop & keep*; ``{amount}`` becomes, for example,
        ``"21 of 45 frames"``.
    """

    stop: str = "End after this step, and keep what was done so far"
    cancel: str = (
        "End at once: what this run did is lost, what was there before it stays"
    )
    cancel_text: str = "Cancel && discard"
    cancelled: str = "cancelled, nothing of this run was kept"
    unit: tuple[str, str] = ("step", "steps")
    stopped: str = "stopped after {amount}, what was done is kept"

    def amount(self, done: int, total: int) -> str:
        """Return the completed amount as text, such as ``"21 of 45 frames"``."""
        return f"{done} of {total} {self.unit[total != 1]}"


ANY = Endings()
LEARNING = Endings(
    stop="End after this step: the network, as far as it has learnt, is the new model",
    cancel="End at once: what this run learnt is lost. The model of before stays, and "
    "so does what you painted",
    cancelled="cancelled, nothing that it learnt was kept; the model of before stays",
    stopped="stopped after {amount}, what it learnt is kept",
)
SEGMENTING = Endings(
    stop="End this loop after this frame: the masks that are done stay, and the next "
    "run does the other frames. A loop that waits is next",
    cancel="End at once, and segment no loop that waits: the masks that are done stay",
    cancel_text="Cancel all",
    cancelled="cancelled; the masks that were done stay",
    unit=("frame", "frames"),
    stopped="stopped, the masks of {amount} are kept; the next run does the rest",
)
ESTIMATING = Endings(
    stop="End after this pair of frames: the flow so far is shown, and the next run "
    "does the other pairs",
    unit=("pair of frames", "pairs of frames"),
    stopped="stopped, the flow of {amount} is kept; the next run does the rest",
)
