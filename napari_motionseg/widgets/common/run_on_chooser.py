"""Choose the computer that jobs run on: this one, or workers of a Dask scheduler."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFormLayout

from napari_motionseg.environment import chosen_scheduler
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.device_chooser import DeviceChooser
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import WrappedLabel
from napari_motionseg.widgets.common.plugin_preferences import keep_scheduler
from napari_motionseg.widgets.common.scrolling import scroll_to
from napari_motionseg.widgets.common.viewers import errors_shown

HERE = "this computer"
TOOLTIP = (
    "Where the next jobs run. Type the address of a Dask scheduler, such as "
    "tcp://gpu-host:8786, to use its workers; motionseg worker starts one. Frames, "
    "labels and networks are sent there, and nothing that says whose they are. "
    "It holds for all docks of this window."
)
OPEN = (
    "The connection to {} is not encrypted: others in the network can see the pictures."
)


class RunOnChooser(QComboBox):
    """Combo box for the computer of a session's jobs, which all docks share.

    Parameters
    ----------
    session
        The session whose jobs run there.

    Attributes
    ----------
    warning
        Label that says when others in the network could see the pictures.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.warning = WrappedLabel()
        self.warning.hide()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.setMinimumContentsLength(8)
        self.setToolTip(TOOLTIP)
        self.addItem(HERE)
        if chosen_scheduler():
            self.addItem(chosen_scheduler())
        self.show_choice(session.run_on)
        self.activated.connect(lambda _: self._choose())
        line = self.lineEdit()
        if line is not None:
            line.editingFinished.connect(self._choose)
        listen(self, session.run_on_changed, self.show_choice)

    def _choose(self) -> None:
        text = self.currentText().strip()
        address = "" if text == HERE else text
        if address == self._session.run_on:
            self.show_choice(address)
            return
        with errors_shown():
            self._session.run_on = address
            keep_scheduler(address)
        self.show_choice(self._session.run_on)
        if self.warning.isVisible():
            scroll_to(self.warning)

    def show_choice(self, address: str) -> None:
        """Show an address, and the warning if it needs one; empty for this computer."""
        with QSignalBlocker(self):
            if address and self.findText(address) < 0:
                self.addItem(address)
            self.setCurrentIndex(max(0, self.findText(address or HERE)))
        self.warning.setText(OPEN.format(address))
        if self.warning.parent() is not None:  # else it would be a window of its own
            self.warning.setVisible(_is_open(address))


def add_places(form: QFormLayout, session: Session) -> DeviceChooser:
    """Add the choices of device and computer to a form, and return the device's.

    Parameters
    ----------
    form
        Layout that the rows are added to.
    session
        The session of the docks.
    """
    device, computer = DeviceChooser(session), RunOnChooser(session)
    form.addRow("Device", device)
    form.addRow("Run on", computer)
    form.addRow(computer.warning)
    computer.show_choice(session.run_on)
    return device


def _is_open(address: str) -> bool:
    if not address:
        return False
    from napari_motionseg.remote.dask_client import is_open_to_others

    return is_open_to_others(address)
