"""Load the letters of captions into a font, one in each turn of the event loop.

vispy draws a letter into its font when it is first shown. A set of captions has some
forty different letters, and all of them in one picture would stop the window for a
third of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QObject, QTimer
from vispy.visuals.text.text import FontManager

FACE = "OpenSans"  # comes with vispy
FEW = 2  # letters that may be loaded while a picture is drawn


class CaptionLetters:
    """The letters that captions can be drawn with at once.

    Parameters
    ----------
    owner
        Object whose end ends the loading.
    ready
        Function that is called when all letters that were asked for are loaded.

    Attributes
    ----------
    fonts
        The fonts to draw captions with.
    """

    def __init__(self, owner: QObject, ready: Callable[[], None]) -> None:
        self.fonts = FontManager()
        self._ready = ready
        self._loaded: set[str] = set()
        self._missing: list[str] = []
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._load_one)

    @property
    def busy(self) -> bool:
        """Whether letters are still to be loaded."""
        return bool(self._missing)

    def has(self, texts: Sequence[str]) -> bool:
        """Return whether texts can be drawn now; else load what they lack.

        Parameters
        ----------
        texts
            The captions. They replace those of an earlier call.
        """
        lacking = sorted(set("".join(texts)) - self._loaded)
        self._missing = lacking if len(lacking) > FEW else []
        if self._missing:
            self._timer.start(0)
            return False
        self._loaded.update(lacking)  # the next picture loads them
        return True

    def _load_one(self) -> None:
        if self._missing:
            letter = self._missing.pop()
            font: Any = self.fonts.get_font(FACE)
            font[letter]  # loads it
            self._loaded.add(letter)
        if self._missing:
            self._timer.start(0)
        else:
            self._ready()
