"""Give a viewer frames to display; a frame that cannot be read is blank for a while.

A viewer asks for a frame in the middle of drawing. An exception there leaves the window
half drawn and the previous frame on the screen.
"""

from __future__ import annotations

from napari_motionseg.cine.frame_stack import Frame, FrameStack, warn_partial_read
from napari_motionseg.errors import ReadError


class DisplayedFrames(FrameStack):
    """The frames of a loop for display: blank where they cannot be read.

    A file may be moved, replaced or unplugged while its loop is open. The frame is then
    blank and a warning says why. Nothing blank is kept: a frame is read again the next
    time it is shown, so the loop recovers when the file is back. The numerics use the
    loop itself, where such a frame is an error.

    Parameters
    ----------
    frames
        The frames ``(T, H, W)`` of the loop.
    """

    def __init__(self, frames: FrameStack) -> None:
        super().__init__(
            frames.__getitem__,
            frames.shape,
            frames.dtype,
            cache=None,
            blank=frames.blank,
        )
        self.frames = frames
        self._unread = False

    def __reduce__(self) -> tuple[type[DisplayedFrames], tuple[FrameStack]]:
        """Travel to another process with the pixels of the loop."""
        return DisplayedFrames, (self.frames,)

    @property
    def damaged(self) -> frozenset[int]:
        """Indices of the frames of the loop that were found damaged so far."""
        return self.frames.damaged

    def is_decoded(self, t: int) -> bool:
        """Return whether frame `t` is in memory and need not be decoded."""
        return self.frames.is_decoded(t)

    def usable(self, t: int) -> bool:
        """Return whether frame `t` can be decoded; see `FrameStack.usable`."""
        return self.frames.usable(t)

    def find_damaged(self) -> frozenset[int]:
        """Return the indices of all damaged frames; see `FrameStack.find_damaged`."""
        return self.frames.find_damaged()

    def _frame(self, t: int) -> Frame:
        try:
            frame: Frame = self.frames[t]
        except ReadError as error:
            if not self._unread:
                self._unread = True
                warn_partial_read(
                    f"{error}: shown blank until the file can be read again"
                )
            return self.blank_frame()
        self._unread = False
        return frame
