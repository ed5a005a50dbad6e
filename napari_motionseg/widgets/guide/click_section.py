"""The section *Click to mask*: clicks on an object become its mask."""

from __future__ import annotations

from collections.abc import Callable

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QSpinBox,
    QWidget,
)

from napari_motionseg.guidance.mask_of_clicks import THRESHOLDS, Extent
from napari_motionseg.viewmodel.guide_choices import LEAST_THRESHOLD, MOST_THRESHOLD
from napari_motionseg.viewmodel.guide_state import GuideState
from napari_motionseg.viewmodel.painting import NEW_NAMES, names_of
from napari_motionseg.widgets.common.dock_layout import button, button_row
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.common.viewers import errors_shown, show_frame
from napari_motionseg.widgets.guide.guide_keys import key_of
from napari_motionseg.widgets.segment.label_layers import new_painting, painting_of

EXTENTS: dict[str, Extent] = {
    "a branch or device": "branch",
    "the whole tree": "tree",
    "all vessels": "vessels",
}
MODE = "scribbles"  # of a labels layer that another program has made
MOST_CARRIED = 500


class ClickSection(QObject):
    """Section in which clicks become a mask that is accepted into the labels.

    Parameters
    ----------
    form
        The form that the rows are added to.
    state
        The state of the dock.
    viewer
        The viewer.

    Signals
    -------
    wanted
        Emitted with whether the tool for clicks is wanted.
    redraw
        Emitted when the same mask is to be drawn in another way.
    """

    wanted = Signal(bool)
    redraw = Signal()

    def __init__(self, form: QFormLayout, state: GuideState, viewer: Viewer) -> None:
        super().__init__(form)
        self._state, self._viewer = state, viewer
        self._loop: Layer | None = None
        self._follow: int | None = None  # frame to show once clicks were carried to it
        self._build_tools(form)
        self._build_threshold(form)
        self._build_endings(form)
        self.show_state()

    def _build_tools(self, form: QFormLayout) -> None:
        self.tool = button(
            "Click an object",
            "Click on a vessel, catheter or device; Shift and a click mark what does "
            "not belong to it. A click on a point removes it, and so does the right "
            f"button ({key_of('click')})",
        )
        self.tool.setCheckable(True)
        self.tool.toggled.connect(self.wanted)
        self.undo = button(
            "Undo",
            f"Undo the last click, arrow or accepted mask ({key_of('undo')})",
        )
        self.undo.clicked.connect(self._state.undo)
        form.addRow(button_row(self.tool, self.undo))
        self.extent = QComboBox()
        self.extent.addItems(EXTENTS)
        self.extent.setToolTip(
            "What the clicks describe: what moves with them, everything that vessels "
            "connect to them, or all vessels, where they correct what was found"
        )
        self.extent.currentTextChanged.connect(self._choose_extent)
        form.addRow("Object", self.extent)
        self.classes = QComboBox()
        self.classes.setToolTip(
            "Class of the accepted mask; background removes it from other classes"
        )
        self.classes.activated.connect(
            lambda index: self._state.choose_class((index + 1) % self.classes.count())
        )
        form.addRow("Class", self.classes)

    def _build_threshold(self, form: QFormLayout) -> None:
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(
            round(100 * LEAST_THRESHOLD), round(100 * MOST_THRESHOLD)
        )
        self.threshold.setToolTip(
            "Score from which a pixel belongs to the object; nothing is computed again"
        )
        self.percent = plain_label("")
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.threshold)
        layout.addWidget(self.percent)
        self.threshold.valueChanged.connect(
            lambda value: self._state.choose(threshold=value / 100)
        )
        form.addRow("Threshold", row)
        self.scores = QCheckBox("Score map")
        self.scores.setToolTip("Show also what the threshold leaves out by a little")
        self.scores.toggled.connect(self.redraw)
        form.addRow(self.scores)

    def _build_endings(self, form: QFormLayout) -> None:
        self.accept_button = button(
            "Accept", f"Write the mask into the labels ({key_of('accept')})"
        )
        self.accept_button.clicked.connect(lambda: self.accept())
        self.drop_button = button(
            "Drop", f"Remove the clicks on the object ({key_of('drop')})"
        )
        self.drop_button.clicked.connect(self._state.drop_object)
        form.addRow(button_row(self.accept_button, self.drop_button))
        self.next_button = button(
            "Accept, next frame",
            "Accept the mask, carry the clicks along the flow to the next frame, and "
            f"show it ({key_of('carry')})",
        )
        self.next_button.clicked.connect(self.accept_and_carry)
        self.carry_button = button(
            "Carry to", "Carry the clicked objects along the flow, as proposals"
        )
        self.carry_button.clicked.connect(lambda: self._state.carry(self.count.value()))
        self.count = QSpinBox()
        self.count.setRange(1, MOST_CARRIED)
        self.count.setValue(5)
        self.count.setSuffix(" frames")
        self.count.setToolTip("Number of frames that the clicks are carried to")
        form.addRow(button_row(self.carry_button, self.count))
        form.addRow(self.next_button)

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        """The buttons that need a loop."""
        return (self.tool, self.carry_button)

    def show_loop(self, loop: Layer | None) -> None:
        """Use another loop, or none."""
        self._loop = loop
        for each in self.buttons:
            each.setEnabled(loop is not None)
        self.show_state()

    def show_state(self) -> None:
        """Show choices, classes, and which buttons can be pressed."""
        choices, current = self._state.choices, self._state.here.current
        values = (
            (self.threshold, "setValue", round(100 * choices.threshold)),
            (self.extent, "setCurrentText", _name_of(choices.extent)),
        )
        for widget, setter, value in values:
            with QSignalBlocker(widget):
                getattr(widget, setter)(value)
        self.percent.setText(f"{self.threshold.value()} %")
        self._show_classes(current.number)
        found = self._state.mask is not None and bool(self._state.mask.any())
        self.accept_button.setEnabled(found)
        self.next_button.setEnabled(found)
        self.drop_button.setEnabled(bool(current.clicks.points))
        self.undo.setEnabled(self._state.book.can_undo)

    def _show_classes(self, number: int) -> None:
        painting = self._painting()
        names = NEW_NAMES if painting is None else names_of(painting)
        offered = [*names[1:], names[0]]  # the background is the last one
        if [self.classes.itemText(i) for i in range(self.classes.count())] != offered:
            self.classes.clear()
            self.classes.addItems(offered)
        self.classes.setCurrentIndex((min(number, len(names) - 1) - 1) % len(names))

    def _painting(self) -> Layer | None:
        loop = self._loop
        known = loop is not None and loop in self._viewer.layers
        return painting_of(self._viewer, loop) if known else None

    def _choose_extent(self, text: str) -> None:
        extent = EXTENTS[text]
        self._state.choose(extent=extent, threshold=THRESHOLDS[extent])

    def accept(self, then: Callable[[], None] | None = None) -> None:
        """Write the mask into the labels of the loop, and then call a function."""
        loop = self._loop
        clicked = bool(self._state.here.current.clicks.points)
        if clicked and loop is not None and loop in self._viewer.layers:
            painting = self._painting() or new_painting(self._viewer, loop)
            with errors_shown():
                self._state.accept(painting, MODE, then)

    def accept_and_carry(self) -> None:
        """Accept the mask, carry the clicks to the next frame, and show that frame."""
        self.accept(self._carry_on)

    def _carry_on(self) -> None:
        self._follow = self._state.t + 1
        self._state.carry(1)

    def follow_carried(self) -> None:
        """Show the next frame, if the clicks that were accepted are now on it."""
        wanted, self._follow = self._follow, None
        loop = self._loop
        if (
            wanted is not None
            and loop is not None
            and wanted in self._state.book.frames
        ):
            show_frame(self._viewer, loop, wanted)


def _name_of(extent: str) -> str:
    return next(name for name, value in EXTENTS.items() if value == extent)
