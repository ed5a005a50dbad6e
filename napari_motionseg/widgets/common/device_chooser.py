"""Choose the device that jobs compute on."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QComboBox

from napari_motionseg.models.devices import known_devices
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.listening import listen

TOOLTIP = (
    "Where jobs compute; auto takes a GPU if there is one. It holds for all docks of "
    "this window."
)


class DeviceChooser(QComboBox):
    """Combo box for the device of a session, which all docks of a viewer share.

    Parameters
    ----------
    session
        The session whose device is chosen.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        for name, words in known_devices().items():
            self.addItem(words, name)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.setMinimumContentsLength(8)
        self.setToolTip(TOOLTIP)
        self._show(session.device)
        self.currentIndexChanged.connect(self._chosen)
        listen(self, session.device_changed, self._show)

    def event(self, event: QEvent | None) -> bool:
        """Add the memory of the waiting worker process to the tooltip."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            self.setToolTip(f"{TOOLTIP}\n{self._session.standby_words()}")
        return super().event(event)

    def _chosen(self, index: int) -> None:
        self._session.device = self.itemData(index)

    def _show(self, name: str) -> None:
        index = self.findData(name)
        # a project made on another computer may name a device that is missing here
        if index < 0:
            index = 0
            self._session.device = self.itemData(0)
        self.setCurrentIndex(index)
