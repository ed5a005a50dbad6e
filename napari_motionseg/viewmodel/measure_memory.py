"""Remember the vessels of each loop in the session, which the project stores."""

from __future__ import annotations

from typing import Any

from napari_motionseg.viewmodel.session import Session
from napari_motionseg.viewmodel.vessel_notes import LoopNotes, notes_of

SETTINGS = "measured vessels"


class MeasureMemory:
    """Notes by the name of the loop's layer.

    Parameters
    ----------
    session
        The session that keeps settings of docks for the project.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def _rows(self) -> dict[str, Any]:
        rows = self._session.settings.get(SETTINGS)
        return rows if isinstance(rows, dict) else {}

    def notes(self, loop: str) -> LoopNotes | None:
        """Return the notes of a loop by its name; None if there are none."""
        row = self._rows().get(loop)
        return None if row is None else notes_of(row)

    def keep(self, loop: str, notes: LoopNotes) -> bool:
        """Keep the notes of a loop; return whether they are work that is to be saved.

        Parameters
        ----------
        loop
            Name of the loop's layer.
        notes
            Notes of the loop; empty ones remove earlier ones.
        """
        rows = {name: row for name, row in self._rows().items() if name != loop}
        if not notes.is_empty:
            rows[loop] = notes.as_json()
        if rows or self._rows():
            self._session.keep_settings(SETTINGS, rows)
        return not notes.is_empty
