"""Choose the device that jobs compute on."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QSignalBlocker, QTimer, Signal
from qtpy.QtWidgets import QComboBox

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.devices import known_devices, resolve_device
from napari_motionseg.models.torch_loading import load_torch, torch_is_loaded
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.listening import listen

TOOLTIP = (
    "Where jobs compute; auto takes a GPU if there is one. It holds for all docks of "
    "this window."
)
# until torch is loaded in a thread, which would compete with a dock that is being drawn
AFTER_MS = 400
# before torch is loaded, which knows the GPUs
FIRST = {"auto": "auto", "cpu": "CPU"}
Found = tuple[dict[str, str], str, str | None]


class DeviceChooser(QComboBox):
    """Combo box for the device of a session, which all docks of a viewer share.

    The list is complete as soon as torch is loaded, in a thread.

    Parameters
    ----------
    session
        The session whose device is chosen.

    Attributes
    ----------
    resolved
        Name of the device that the session's choice means; None before it is known, and
        if it does not exist.

    Signals
    -------
    known
        Emitted when `resolved` was found out.
    """

    known = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.resolved: str | None = None
        self._complete = False
        self._search = Latest(self, self._found)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(AFTER_MS)
        self._soon.timeout.connect(self._load)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.setMinimumContentsLength(8)
        self.setToolTip(TOOLTIP)
        self._list(FIRST | {session.device: session.device})
        self.currentIndexChanged.connect(self._chosen)
        listen(self, session.device_changed, self._changed)
        self._look()

    def event(self, event: QEvent | None) -> bool:
        """Add the memory of the waiting worker process to the tooltip."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            self.setToolTip(f"{TOOLTIP}\n{self._session.standby_words()}")
        return super().event(event)

    def _look(self) -> None:
        """Find out which devices there are, in a thread if torch is not loaded yet."""
        if torch_is_loaded():
            self._found(devices_here(self._session.device))
        else:
            self._soon.start()

    def _load(self) -> None:
        self._search.ask(devices_here, self._session.device)

    def _found(self, found: Found) -> None:
        devices, chosen, resolved = found
        if not self._complete:
            self._complete = True
            self._list(devices)
        if chosen != self._session.device:
            return  # the answer to an earlier choice
        self.resolved = resolved
        self.known.emit()

    def _list(self, devices: dict[str, str]) -> None:
        with QSignalBlocker(self):
            self.clear()
            for name, words in devices.items():
                self.addItem(words, name)
        self._show(self._session.device)

    def _chosen(self, index: int) -> None:
        self._session.device = self.itemData(index)

    def _changed(self, name: str) -> None:
        self._show(name)
        self._look()

    def _show(self, name: str) -> None:
        index = self.findData(name)
        if index < 0 and not self._complete:
            return  # it may still be found
        # a project made on another computer may name a device that is missing here
        if index < 0:
            index = 0
            self._session.device = self.itemData(0)
        self.setCurrentIndex(index)


def devices_here(chosen: str) -> Found:
    """Return the devices and their descriptions, a choice, and the device it means.

    Parameters
    ----------
    chosen
        Name of the chosen device, as in `resolve_device`.
    """
    load_torch()
    devices = known_devices()
    try:
        return devices, chosen, str(resolve_device(chosen))
    except SettingsError:  # a job will say that there is no such device
        return devices, chosen, None
