"""Show the controls of the explorer: the network, the views and their settings."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
)

from napari_motionseg.embedding.embedding_views import FIRST_SHOWN, VIEWS, How
from napari_motionseg.embedding.projection import Method
from napari_motionseg.embedding.similarity import SHIFT
from napari_motionseg.environment import chosen_model
from napari_motionseg.models import checkpoint_path
from napari_motionseg.models.model_card import MOTION_MODEL
from napari_motionseg.viewmodel.explorer_state import ExplorerChoices
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.choosers import ModelChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button, hint
from napari_motionseg.widgets.common.listening import listen

KINDS = ("embedding", "segmentation")
ONE_MODEL = "none"
METHODS: dict[str, Method] = {
    "random": "random",
    "random, orthogonal": "orthogonal",
    "PCA (not in the papers)": "pca",
}
METHOD_TIPS = (
    "Three random directions, as in Ma et al. (2019)",
    "Three random directions at right angles, so that no direction is shown twice",
    "The three principal components; none of the papers shows them",
)
HOWS: dict[str, How] = {"maximum": "max", "mean": "mean", "one map each": "each"}
HOW_TIPS = (
    "Largest similarity to any of the anchors",
    "Mean similarity to the anchors",
    "One map for each anchor",
)
KERNELS = {"Ma et al. (eq. 6)": "relative", "Mahendran et al.": "absolute"}
KERNEL_TIPS = (
    "Difference of flow, relative to the length of the flow at the anchor; sigma 0.5",
    "Difference of the logarithm of the flow; sigma 0.08",
)
LONGEST_SHIFT = 99


class ExplorerControls(QObject):
    """Controls in which the user chooses network, views and settings.

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
        self._session = dock.session
        self.on = button(
            "Show embedding",
            "Show the embedding of the network: which pixels have similar vectors, and "
            "where that agrees with the motion",
        )
        self.on.setCheckable(True)
        self.on.toggled.connect(self._take_places)
        listen(dock, self._session.views_beside, self._give_way)
        self.form = dock.section("Explorer")
        self.more = dock.advanced("More views and settings of the explorer")
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

    def _take_places(self, on: bool) -> None:
        if on:
            self._session.views_beside.emit(self)

    def _give_way(self, owner: object) -> None:
        """Switch the explorer off when another dock shows pictures beside the loop."""
        if owner is not self:
            self.on.setChecked(False)

    @property
    def models(self) -> tuple[Model, ...]:
        """The chosen checkpoints: none, one, or two different ones."""
        chosen = (self.model.chosen, self.other.chosen)
        found = dict.fromkeys(model for model in chosen if model is not None)
        return tuple(found) if chosen[0] is not None else ()

    @property
    def choices(self) -> ExplorerChoices:
        """Choices of the user; without views if the explorer is off."""
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
            dock.session, KINDS, None, "The network whose embedding is shown", ""
        )
        if chosen_model() is None:  # a network that the user prefers is the first
            self.model.choose(checkpoint_path(MOTION_MODEL))
        self.other = ModelChooser(
            dock.session, KINDS, ONE_MODEL,
            "A second network, shown in a row of its own below the first", "",
        )  # fmt: skip
        self.form.addRow("Model", self.model)
        self.more.addRow("Compare with", self.other)

    def _build_views(self) -> None:
        self.boxes: dict[str, QCheckBox] = {}
        rows: dict[str, QHBoxLayout] = {}
        for name, view in VIEWS.items():  # in the order of the figure
            group, _, words = view.title.rpartition(": ")
            box = self.boxes[name] = QCheckBox(words)
            box.setToolTip(f"{view.summary}. Follows the frame.")
            box.setChecked(name in FIRST_SHOWN)
            form = self.more if view.advanced else self.form
            if not group:
                form.addRow(box)
                continue
            if group not in rows:  # views of one kind share a row below their name
                rows[group] = QHBoxLayout()
                form.addRow(hint(f"{group}:"))
                form.addRow(rows[group])
            rows[group].addWidget(box)
        self.over = QCheckBox("Over the loop")
        self.over.setToolTip("Show views over the loop, not in cells of their own")
        self.more.addRow(self.over)

    def _build_colours(self) -> None:
        self.method = _combo(METHODS, METHOD_TIPS, "Projection of vectors to colours")
        self.again = QPushButton("New projection")
        self.again.clicked.connect(self._roll)
        self._show_seed()
        self.more.addRow("Projection", self.method)
        self.more.addRow("", self.again)

    def _build_anchors(self) -> None:
        self.how = _combo(HOWS, HOW_TIPS, "How maps of several anchors are combined")
        self.carry = QCheckBox("Follow the flow")
        self.carry.setToolTip(
            "Move anchors with the flow from frame to frame; else they stay at their "
            "pixel"
        )
        self.more.addRow("Anchors", self.how)
        self.more.addRow("", self.carry)

    def _build_flow(self) -> None:
        self.kernel = _combo(KERNELS, KERNEL_TIPS, "Kernel of flow similarity")
        self.more.addRow("Flow kernel", self.kernel)
        self.down, self.right = QSpinBox(), QSpinBox()
        row = QHBoxLayout()
        for spin, word, value in (
            (self.down, "↓", SHIFT[0]), (self.right, "→", SHIFT[1]),
        ):  # fmt: skip
            spin.setRange(-LONGEST_SHIFT, LONGEST_SHIFT)
            spin.setValue(value)
            spin.setPrefix(f"{word} ")
            spin.setToolTip("Shift of the map, in px, that each pixel is compared with")
            spin.setMinimumWidth(60)
            row.addWidget(spin)
        self.more.addRow("Shift", row)

    def _roll(self) -> None:
        self.seed += 1
        self._show_seed()
        self._tell()

    def _show_seed(self) -> None:
        self.again.setToolTip(
            f"Draw another random projection; this is number {self.seed}. It is the "
            "same on every frame and for every network with as many dimensions."
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
