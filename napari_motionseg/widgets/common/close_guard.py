"""Ask before a window is closed while a job runs."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget

from napari_motionseg.viewmodel.session import Session

NAME = "motionseg-close-guard"


class CloseGuard(QObject):
    """Keep a window open if the user does not want to lose the running job.

    Parameters
    ----------
    window
        The main window, which owns this object.
    session
        The session whose job may run.
    """

    def __init__(self, window: QMainWindow, session: Session) -> None:
        super().__init__(window)
        self.setObjectName(NAME)
        self._session = session
        window.installEventFilter(self)

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Stop a close event if the user decides to stay."""
        if event is None or event.type() != QEvent.Type.Close:
            return False
        if self._session.job is None or not _in_use(watched):
            return False
        if agrees_to_close(watched, str(self._session.job_title)):
            return False
        event.ignore()
        return True


def _in_use(window: QObject | None) -> bool:
    """Return whether a window is visible and still has its content.

    Code that closes a viewer removes the window's content first; then the user is not
    asked. The user is not asked about a window that was never shown, either.
    """
    if not isinstance(window, QMainWindow) or not window.isVisible():
        return False
    center = window.centralWidget()
    if center is None:
        return True
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    parts = center.findChildren(QWidget, options=direct)
    return not parts or any(part.isVisible() for part in parts)


def agrees_to_close(window: QObject | None, title: str) -> bool:
    """Ask whether to cancel a job and close; return the answer.

    Parameters
    ----------
    window
        The window that is being closed.
    title
        Title of the job, which begins a sentence, such as ``"Training"``.
    """
    box = QMessageBox(window if isinstance(window, QWidget) else None)
    box.setWindowTitle("A job is running")
    box.setText(f"{title} is still running. Cancel it and close the window?")
    box.setInformativeText(
        "What this run did so far is lost. What you painted stays: it is saved as you "
        "paint."
    )
    stay = box.addButton("Keep the window open", QMessageBox.ButtonRole.RejectRole)
    leave = box.addButton("Cancel and close", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    box.exec()
    return box.clickedButton() is leave


def guard_window(widget: QWidget, session: Session) -> None:
    """Let the main window of a widget ask before it closes; guard it only once."""
    window: QObject | None = widget
    while window is not None and not isinstance(window, QMainWindow):
        window = window.parent()
    if isinstance(window, QMainWindow) and window.findChild(QObject, NAME) is None:
        CloseGuard(window, session)
