"""Share the archive of a viewer between its docks, and ask how to sign in."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from napari.viewer import Viewer
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QWidget,
)

from napari_motionseg.io.archive_address import Credentials
from napari_motionseg.viewmodel.archive_state import ArchiveState
from napari_motionseg.widgets.common.dock_layout import hint
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.common.viewers import unwrapped

_states: WeakKeyDictionary[Viewer, ArchiveState] = WeakKeyDictionary()


def archive_of(viewer: Viewer) -> ArchiveState:
    """Return the archive that all docks of a viewer share."""
    viewer = unwrapped(viewer)
    if viewer not in _states:
        _states[viewer] = ArchiveState()
    return _states[viewer]


class SignInDialog(QDialog):
    """Ask for user and password, or a token.

    Parameters
    ----------
    parent
        The widget that the dialog belongs to.
    address
        Address of the archive, which is shown.
    """

    def __init__(self, parent: QWidget, address: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("Sign in to the archive")
        form = QFormLayout(self)
        form.addRow(plain_label(address))
        self.user, self.secret = QLineEdit(), QLineEdit()
        self.user.setPlaceholderText("empty for a token")
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.keep = QCheckBox("Keep in the keyring of this computer")
        self.keep.setChecked(True)
        form.addRow("User", self.user)
        form.addRow("Password", self.secret)
        form.addRow(self.keep)
        form.addRow(hint("It is stored nowhere else, and in no project."))
        standard = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        form.addRow(self.buttons)

    def credentials(self) -> Credentials:
        """Return what was typed.

        Raises
        ------
        SettingsError
            If it is no token.
        """
        return Credentials(self.secret.text(), self.user.text().strip())
