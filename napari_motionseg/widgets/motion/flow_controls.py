"""Show the settings of a loop's flow: method, comparison, gap, backward flow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.motion import ESTIMATORS, FlowSettings, choose_gap
from napari_motionseg.motion.flow_sequence import resolve_gap
from napari_motionseg.viewmodel.session import Model, Session
from napari_motionseg.widgets.common.form_rows import Number, Switch
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.number_box import Special
from napari_motionseg.widgets.common.run_on_chooser import add_places
from napari_motionseg.widgets.common.settings_form import SettingsForm

MOST_FRAMES_APART = 30
NETWORK = "pwcnet"  # the method that takes weights
ROWS = {
    "gap": Number(
        label="Gap",
        tooltip="Frames from the first to the second frame of a pair; auto is the gap "
        "whose time is nearest to 133 ms",
        minimum=1,
        maximum=MOST_FRAMES_APART,
        special=Special("auto", "auto"),
    ),
    "backward": Switch(
        label="",
        tooltip="Estimate the flow from the later to the earlier frame, too: it shows "
        "occlusion and the forward-backward error, and takes twice as long",
        text="Backward flow too",
    ),
}


@dataclass(frozen=True)
class Wanted:
    """A flow that the user has chosen.

    Parameters
    ----------
    title
        The name of the method.
    settings
        Settings that identify the flow in the session: with the gap in frames, and
        without backward flow.
    """

    title: str
    settings: FlowSettings


class MethodChooser(QComboBox):
    """Combo box for a flow method, or for the network with weights of a flow model.

    Parameters
    ----------
    session
        The session whose flow models can be chosen.
    tooltip
        Explanation that appears under the mouse.
    nothing
        Text of a first entry that stands for no method, or None for no such entry.
    """

    def __init__(self, session: Session, tooltip: str, nothing: str | None = None):
        super().__init__()
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        if nothing is not None:
            self.addItem(nothing)
        for name, choice in ESTIMATORS.items():
            self._add(name, (name, None), choice.summary)
        for model in session.models:
            self._model_added(model)
        listen(self, session.models_changed, self._model_added)

    @property
    def method(self) -> tuple[str, str | None] | None:
        """Method and weights, or None."""
        chosen = self.currentData()
        return None if chosen is None else tuple(chosen)

    def choose(self, method: str, weights: str | None) -> None:
        """Choose a method with weights, if it is in the list."""
        for index in range(self.count()):
            data = self.itemData(index)
            if data is not None and tuple(data) == (method, weights):
                self.setCurrentIndex(index)

    def _model_added(self, model: Model) -> None:
        if model.kind == "flow":
            self._add(model.title, (NETWORK, str(model.path)), str(model.path))

    def _add(self, text: str, data: tuple[str, str | None], tooltip: str) -> None:
        self.addItem(text, data)
        index = self.count() - 1
        self.setItemData(index, tooltip, Qt.ItemDataRole.ToolTipRole)


class FlowControls(QObject):
    """Rows of a form in which the user chooses a flow.

    Parameters
    ----------
    form, more
        The layouts that the method and the advanced rows are added to.
    session
        The session whose flow models can be chosen.

    Signals
    -------
    changed
        Emitted when the user has chosen another flow.
    """

    changed = Signal()

    def __init__(self, form: QFormLayout, more: QFormLayout, session: Session) -> None:
        super().__init__(form)
        self.method = MethodChooser(session, "Method that estimates the flow")
        self.other = MethodChooser(
            session,
            "Another method, shown side by side with the first",
            "none",
        )
        self.settings = SettingsForm(FlowSettings(backward=True), ROWS)
        self.gap = self.settings.native("gap")
        self.backward = self.settings.native("backward")
        form.addRow("Method", self.method)
        more.addRow("Compare with", self.other)
        self.settings.add_to(more)
        add_places(more, session)
        for chooser in (self.method, self.other):
            chooser.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.settings.changed.connect(lambda: self.changed.emit())

    def compare_with_shipped(self, weights: Path) -> None:
        """Choose the bundled network, and compare it with that of a flow model."""
        self.method.choose(NETWORK, None)
        self.other.choose(NETWORK, str(weights))

    def show_gap(self, cine: Cine | None) -> None:
        """Show the number of frames of the automatic gap for a loop."""
        text = "auto"
        if cine is not None:
            gap, interval = choose_gap(cine), cine.frame_interval
            text = f"auto: {gap}" + (f" ({gap * interval:.0f} ms)" if interval else "")
        self.gap.setSpecialValueText(text)

    def wanted(self, cine: Cine) -> list[Wanted]:
        """Return the chosen flow, and the flow to compare it with, if any.

        Raises
        ------
        MotionError
            If the loop is too short.
        """
        gap, _ = resolve_gap(cine, self.settings().gap)
        asked: dict[FlowSettings, Wanted] = {}
        for chooser in (self.method, self.other):
            if chooser.method is not None:
                method, weights = chooser.method
                settings = FlowSettings(gap=gap, method=method, weights=weights)
                asked.setdefault(settings, Wanted(chooser.currentText(), settings))
        return list(asked.values())

    def possible(self, cine: Cine) -> list[Wanted]:
        """Return the chosen flows; an empty list if the loop is too short."""
        try:
            return self.wanted(cine)
        except MotionSegError:
            return []
