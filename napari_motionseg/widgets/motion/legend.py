"""Show the legend of flow colours: the wheel, and the length of full colour."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.motion import SpeedScale, color_wheel
from napari_motionseg.widgets.common.dock_layout import hint
from napari_motionseg.widgets.common.plain_labels import WrappedLabel, plain_label

WHEEL_PX = 96
LONGEST_PX = 999.0


class FlowLegend(QWidget):
    """Colour wheel, with the length of full colour as an input and as a speed in mm/s.

    `changed` is emitted when the user has set another length.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.wheel = plain_label()
        self.wheel.setPixmap(wheel_pixmap(WHEEL_PX))
        self.wheel.setFixedSize(WHEEL_PX, WHEEL_PX)  # a low dock scrolls instead
        self.wheel.setToolTip(
            "Hue is the direction of the motion, saturation its length"
        )
        self.full = QDoubleSpinBox()
        self.full.setRange(0, LONGEST_PX)
        self.full.setDecimals(1)
        self.full.setSuffix(" px")
        self.full.setSpecialValueText("auto")
        self.full.setToolTip(
            "Length that has full colour; auto: only the longest 0.5 % exceed it"
        )
        self.full.valueChanged.connect(lambda _: self.changed.emit())
        self.words = WrappedLabel()
        self.remark = hint("")
        column = QVBoxLayout()
        column.setSpacing(3)
        for widget in (hint("Full colour, at the rim"), self.full, self.words):
            column.addWidget(widget)
        column.addWidget(self.remark)
        column.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.wheel, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    @property
    def length(self) -> float | None:
        """Length in px that the user has set; None for automatic."""
        return self.full.value() or None

    def show_scale(self, full_px: float, scale: SpeedScale) -> None:
        """Show the length of full colour, and its speed."""
        self.full.setSpecialValueText(f"auto: {full_px:.1f} px")
        self.words.setText(scale.of_length(full_px).replace(", ", "\n= "))
        missing = f"mm/s: {scale.missing} unknown." if scale.missing else ""
        self.remark.setText(missing or "Longer is darker.")


def wheel_pixmap(size: int) -> QPixmap:
    """Return the colour wheel, transparent around it."""
    wheel = np.ascontiguousarray(color_wheel(size))
    image = QImage(
        wheel.tobytes(), size, size, 4 * size, QImage.Format.Format_RGBA8888
    )  # fmt: skip
    return QPixmap.fromImage(image)
