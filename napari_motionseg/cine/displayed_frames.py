"""Provide frames for display; a frame that cannot be read is shown blank.

A viewer asks for a frame while it draws. An exception at that moment would leave the
window half drawn, with the previous frame on the screen.
"""

from __future__ import annotations

from napari_motionseg.cine.frame_stack import Frame, FrameStack, warn_partial_read
from napari_motionseg.errors import ReadError


class DisplayedFrames(FrameStack):
    """The frames of a loop for display: blank where they cannot be read.

    While a loop is open, its file may be moved, replaced or unplugged. The frame is
    then shown blank and a warning gives the reason. Blank frames are not cached: a
    frame is read again whenever it is shown, so the loop recovers when the file is
    back. Computations use the loop itself, in which such a frame raises an error.

    Parameters
    ----------
    frames
        Frames ``(T, H, W)`` of the loop.
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
        """Pickle for another process, with the pixels of the loop."""
        return DisplayedFrames, (self.frames,)

    @property
    def damaged(self) -> frozenset[int]:
        """Indices of the frames of the loop that are known to be damaged."""
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
