"""Hold the shown frame of the Guide dock with its clicks and arrows, with undo."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar, Literal

from psygnal import Signal

from napari_motionseg.viewmodel.frame_guidance import FrameGuidance
from napari_motionseg.viewmodel.guidance_book import GuidanceBook
from napari_motionseg.viewmodel.guide_choices import ClickChoices
from napari_motionseg.viewmodel.session import Loop, Session

SETTINGS = "guide"  # key of what a project stores
Tool = Literal["clicks", "arrows"]


class GuideFrame:
    """A frame of a loop with its clicks and arrows, kept in the project.

    Derived classes say what has to be computed, and forget results that are out of
    date.

    Parameters
    ----------
    session
        The session of the viewer.

    Attributes
    ----------
    changed
        Emitted after anything that is shown has changed.
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self.book = GuidanceBook()
        self.choices = ClickChoices()
        self.loop: Loop | None = None
        self.t = 0
        self.tool: Tool | None = None
        self.message = ""
        self._read(session.settings)

    def show(self, name: str | None, loop: Loop | None, t: int = 0) -> None:
        """Show a frame of a loop, or none.

        Parameters
        ----------
        name
            Name of the loop's layer, by which its clicks are stored.
        loop
            The loop, or None.
        t
            Index of the frame.
        """
        if loop is not self.loop or t != self.t:
            self.book.turn_to(name)
            self.loop, self.t = loop, t
            self._refresh()

    @property
    def here(self) -> FrameGuidance:
        """Clicks and arrows on the shown frame."""
        return self.book.at(self.t)

    def take_tool(self, tool: Tool | None) -> None:
        """Choose what a click in the picture means; None leaves clicks to napari."""
        if tool != self.tool:
            self.tool = tool
            self._ask()

    def undo(self) -> None:
        """Undo the last change of clicks or arrows, or the last accepted mask."""
        if self.book.undo():
            self._keep()
            self._refresh()

    def restore(self, settings: dict[str, Any]) -> None:
        """Restore clicks, arrows and choices that a project stores, and show them.

        Parameters
        ----------
        settings
            Settings of all docks; they come from a file and are checked.
        """
        self._read(settings)
        self._refresh()

    def say(self, message: str) -> None:
        """Show a sentence to the user."""
        self.message = message
        self.changed.emit()

    def _change(self, guidance: FrameGuidance) -> bool:
        """Replace the guidance of the frame; return whether it differs."""
        changed = self.loop is not None and self.book.change(self.t, guidance)
        if changed:
            self._keep()
            self._ask()
        return changed

    def _refresh(self) -> None:
        self._forget()
        self._ask()

    def _ask(self) -> None:
        """Ask for what has to be computed."""
        self.message = ""
        self.changed.emit()

    def _forget(self) -> None:
        """Forget results of another frame or other guidance."""

    def _read(self, settings: dict[str, Any]) -> None:
        kept = settings.get(SETTINGS)
        if isinstance(kept, dict):
            self.choices = ClickChoices.of_json(kept.get("choices"))
            self.book.read(kept.get("loops"))

    def _keep(self) -> None:
        values = {"choices": asdict(self.choices), "loops": self.book.values()}
        self._session.keep_settings(SETTINGS, values)
