"""The rows of the explorer: which network is shown, in which views, and how."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
)

from napari_motionseg.embedding.embedding_views import FIGURE_3, VIEWS, How
from napari_motionseg.embedding.projection import Method
from napari_motionseg.embedding.similarity import SHIFT
from napari_motionseg.viewmodel.explorer_state import ExplorerChoices
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.choosers import ModelChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button, hint

KINDS = ("embedding", "segmentation")
ONE_MODEL = "one is enough"
METHODS: dict[str, Method] = {
    "random": "random",
    "random, right angles": "orthogonal",
    "PCA (not the papers')": "pca",
}
METHOD_TIPS = (
    "Three random directions, as in Ma et al. (2019)",
    "Three random directions at right angles: none is seen twice",
    "The three directions along which vectors differ most; no paper shows them",
)
HOWS: dict[str, How] = {"like any": "max", "like all": "mean", "one by one": "each"}
HOW_TIPS = (
    "The largest similarity to any of several anchors",
    "The mean similarity to several anchors",
    "A map for each of several anchors",
)
KERNELS = {"Ma et al. (eq. 6)": "relative", "cross pixel": "absolute"}
KERNEL_TIPS = (
    "A difference of flow counts by the flow's length at the anchor; sigma 0.5",
    "A difference of the flow's logarithm, whatever the flow itself; sigma 0.08",
)
LONGEST_SHIFT = 99


class ExplorerControls(QObject):
    """The choices of the explorer.

    Parameters
    ----------
    dock
        The dock that the rows are added to.

    Signals
    -------
    changed
        Emitted when the user has chosen something else.
    """

    changed = Signal()

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self.seed = 0
        self.on = button(
            "Look inside",
            "Show what the network has learnt: which pixels it thinks belong together, "
            "and where that agrees with the motion",
        )
        self.on.setCheckable(True)
        self.form = dock.section("Look inside")
        self.form.addRow(self.on)
        self._build_models(dock)
        self._build_views()
        self._build_colours()
        self._build_anchors()
        self._build_flow()
        for box in (*self.boxes.values(), self.over, self.carry, self.on):
            box.toggled.connect(self._tell)
        for combo in (self.method, self.how, self.kernel):
            combo.currentIndexChanged.connect(self._tell)
        for spin in (self.down, self.right):
            spin.valueChanged.connect(self._tell)
        for chooser in (self.model, self.other):
            chooser.model_changed.connect(self._tell)

    @property
    def models(self) -> tuple[Model, ...]:
        """The checkpoints that are looked at: none, one, or two different ones."""
        chosen = (self.model.chosen, self.other.chosen)
        found = dict.fromkeys(model for model in chosen if model is not None)
        return tuple(found) if chosen[0] is not None else ()

    @property
    def choices(self) -> ExplorerChoices:
        """Choices of the controls; no view where the explorer is off."""
        names = [name for name, box in self.boxes.items() if box.isChecked()]
        return ExplorerChoices(
            names=tuple(names) if self.on.isChecked() else (),
            over=self.over.isChecked(),
            method=METHODS[self.method.currentText()],
            seed=self.seed,
            how=HOWS[self.how.currentText()],
            carry=self.carry.isChecked(),
            kernel=KERNELS[self.kernel.currentText()],
            shift=(self.down.value(), self.right.value()),
        )

    def _build_models(self, dock: Dock) -> None:
        self.model = ModelChooser(
            dock.session, KINDS, None, "The network that is looked into", ""
        )
        self.other = ModelChooser(
            dock.session, KINDS, ONE_MODEL,
            "A second network, in a row of its own below the first", "",
        )  # fmt: skip
        self.form.addRow("Model", self.model)
        self.form.addRow("Beside it", self.other)

    def _build_views(self) -> None:
        self.boxes: dict[str, QCheckBox] = {}
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        columns = {
            "Embedding": [n for n, v in VIEWS.items() if not v.needs_flow],
            "Flow": [n for n, v in VIEWS.items() if v.needs_flow],
        }
        for column, (head, names) in enumerate(columns.items()):
            grid.addWidget(hint(head), 0, column)
            for row, name in enumerate(names, 1):
                view = VIEWS[name]
                words = view.title.split(": ")[-1]
                box = self.boxes[name] = QCheckBox(words[0].upper() + words[1:])
                box.setToolTip(f"{view.summary}. Follows the frame.")
                box.setChecked(name in FIGURE_3)
                grid.addWidget(box, row, column)
        # in the order of the figure, whatever the columns of the form are
        self.boxes = {name: self.boxes[name] for name in VIEWS}
        self.over = QCheckBox("over the loop")
        self.over.setToolTip("Lay views over the loop; else they stand beside it")
        grid.addWidget(self.over, 4, 1)
        self.form.addRow(grid)

    def _build_colours(self) -> None:
        self.method = _combo(METHODS, METHOD_TIPS, "How vectors become colours")
        self.again = QPushButton("Re-roll")
        self.again.clicked.connect(self._roll)
        self._show_seed()
        row = QHBoxLayout()
        row.addWidget(self.method, 1)
        row.addWidget(self.again)
        self.form.addRow("Colours", row)

    def _build_anchors(self) -> None:
        self.how = _combo(HOWS, HOW_TIPS, "What several anchors make")
        self.carry = QCheckBox("go along")
        self.carry.setToolTip(
            "On other frames, anchors are where the flow has carried them; else they "
            "stay at their pixel"
        )
        row = QHBoxLayout()
        row.addWidget(self.how, 1)
        row.addWidget(self.carry)
        self.form.addRow("Anchors", row)

    def _build_flow(self) -> None:
        self.kernel = _combo(KERNELS, KERNEL_TIPS, "How alike two flows are")
        self.form.addRow("Flow", self.kernel)
        self.down, self.right = QSpinBox(), QSpinBox()
        row = QHBoxLayout()
        for spin, word, value in (
            (self.down, "↓", SHIFT[0]), (self.right, "→", SHIFT[1]),
        ):  # fmt: skip
            spin.setRange(-LONGEST_SHIFT, LONGEST_SHIFT)
            spin.setValue(value)
            spin.setPrefix(f"{word} ")
            spin.setToolTip(
                "Where the neighbour is, in px, that each pixel is compared with"
            )
            spin.setMinimumWidth(60)
            row.addWidget(spin)
        self.form.addRow("Shift", row)

    def _roll(self) -> None:
        self.seed += 1
        self._show_seed()
        self._tell()

    def _show_seed(self) -> None:
        self.again.setToolTip(
            f"Another random projection; this is number {self.seed}, the same on every "
            "frame and for every network of as many dimensions"
        )

    def _tell(self, _: object = None) -> None:
        self.again.setEnabled(METHODS[self.method.currentText()] != "pca")
        self.changed.emit()


def _combo(
    items: Mapping[str, object], tips: tuple[str, ...], tooltip: str
) -> QComboBox:
    made = QComboBox()
    made.addItems(list(items))
    for index, tip in enumerate(tips):
        made.setItemData(index, tip, 3)  # Qt.ToolTipRole
    made.setToolTip(tooltip)
    made.setMinimumContentsLength(6)
    made.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    return made
