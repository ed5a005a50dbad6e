"""Measure the agreement of masks with a reference, or their consistency over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QSpinBox

from napari_motionseg.evaluation.agreement import Agreement, AgreementCache
from napari_motionseg.evaluation.temporal import temporal_consistency
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.curve_plot import HEIGHT, FrameCurve
from napari_motionseg.widgets.common.dock_layout import Dock
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.mask_loading import LoadMasksButton
from napari_motionseg.widgets.common.plain_labels import WrappedLabel
from napari_motionseg.widgets.common.project_layers import (
    REFERENCE,
    background_of,
    class_numbers,
    is_network_masks,
    kind_of,
    loop_layer_of,
)
from napari_motionseg.widgets.common.viewers import frame_shown, show_frame

NO_REFERENCE = "none: consistency over time"
SETTINGS = "agreement"  # key of the choices that a project stores
OVERLAP, DISTANCE = "Dice and clDice", "HD95"
AT_ONCE = 6  # number of frames after which the curve is drawn again
EXPLAINED = (
    "Dice: overlap, 1 is perfect. clDice: the same along centrelines, so that thin "
    "branches count. HD95: distance between outlines, 0 is perfect"
)


class AgreementSection:
    """Plot the agreement of each frame, with a line at the current frame.

    Parameters
    ----------
    dock
        The dock that the section belongs to.
    """

    def __init__(self, dock: Dock) -> None:
        self._viewer, self._session = dock.viewer, dock.session
        form = dock.section("Agreement")
        self.masks = LayerChooser(
            self._viewer, _has_time, "The masks that are measured",
            prefers=is_network_masks,
        )  # fmt: skip
        self.reference = LayerChooser(
            self._viewer, self._fits, "Labels that are known to be right: your own, of "
            "another reader, or the truth of a synthetic loop", NO_REFERENCE,
            only_by_hand=True,
        )  # fmt: skip
        self.load_button = LoadMasksButton(dock, REFERENCE, "Load reference…")
        self.label = QSpinBox()
        self.label.setRange(0, 255)
        self.label.setSpecialValueText("all together")
        self.label.setToolTip("The class that is measured")
        self.shown = QComboBox()
        self.shown.addItems((OVERLAP, DISTANCE))
        self.shown.setToolTip(EXPLAINED)
        self.curve = FrameCurve()
        self.curve.setToolTip("Each frame's value; a click goes to the frame")
        self.words = WrappedLabel()
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        for name, widget in (
            ("Masks", self.masks), ("Compare with", self.reference),
            ("", self.load_button), ("Class", self.label), ("Show", self.shown),
        ):  # fmt: skip
            form.addRow(name, widget)
        self.curve.setFixedHeight(HEIGHT)
        form.addRow(self.curve)
        form.addRow(self.words)
        self.answer: Agreement | None = None
        self.consistency: Any = None
        self._cache = AgreementCache()
        self.comparing = Latest(dock, self._show)
        self._heard: list[Layer] = []
        self._wanted: dict[str, Any] = {}  # names of layers to choose, by a project
        self._connect(dock)
        self._other_layers()

    def _connect(self, dock: Dock) -> None:
        self.masks.follow(is_network_masks)
        for chooser in (self.masks, self.reference):
            chooser.layer_changed.connect(self._other_layers)
            chooser.activated.connect(self._keep_choices)
        self.masks.layer_changed.connect(lambda _: self.reference.refresh())
        self.load_button.loaded.connect(self._compare_with)
        listen(dock, self._session.settings_restored, self._restore)
        listen(dock, self._viewer.layers.events.inserted, self._choose_wanted)
        self._restore(self._session.settings)
        self.label.valueChanged.connect(self._ask)
        self.shown.currentIndexChanged.connect(self._draw)
        self.curve.clicked.connect(self._go_to)
        listen(dock, self._viewer.dims.events.current_step, self._follow)
        listen(dock, self._session.flow_changed, self._flow_changed)

    def _compare_with(self, layer: Layer) -> None:
        """Compare the masks with a reference that was just loaded."""
        self.reference.refresh()
        if layer in self.reference.layers:
            self.reference.choose(layer)
            self._keep_choices()
        else:  # no masks to compare with the reference yet
            self._wanted = {"reference": layer.name}

    def _keep_choices(self, _: object = None) -> None:
        """Store the names of the compared layers in the project."""
        chosen = {"masks": self.masks.layer, "reference": self.reference.layer}
        names = {key: x.name for key, x in chosen.items() if x is not None}
        self._session.keep_settings(SETTINGS, names)

    def _restore(self, settings: dict[str, Any]) -> None:
        """Choose the layers that a project has compared, once they have been added."""
        kept = settings.get(SETTINGS)
        self._wanted = dict(kept) if isinstance(kept, dict) else {}
        self._choose_wanted()

    def _choose_wanted(self, _: object = None) -> None:
        choosers = {"masks": self.masks, "reference": self.reference}
        for key, chooser in choosers.items() if self._wanted else ():
            chooser.refresh()
            named = [x for x in chooser.layers if x.name == self._wanted.get(key)]
            if named:
                chooser.choose(named[0])
                del self._wanted[key]

    def _fits(self, layer: Layer) -> bool:
        masks = self.masks.layer
        return (
            masks is not None
            and layer is not masks
            and isinstance(layer, Labels)
            and tuple(layer.data.shape) == tuple(masks.data.shape)
        )

    def _other_layers(self, _: object = None) -> None:
        for layer in self._heard:
            for event in (layer.events.paint, layer.events.data):
                event.disconnect(self._ask)
        pair = (self.masks.layer, self.reference.layer)
        self._heard = [layer for layer in pair if layer is not None]
        for layer in self._heard:
            for event in (layer.events.paint, layer.events.data):
                event.connect(self._ask)
        self._ask()

    def _flow_changed(self, _: object) -> None:
        if self.reference.layer is None:
            self._ask()

    def _ask(self, _: object = None) -> None:
        masks, reference = self.masks.layer, self.reference.layer
        self.shown.setEnabled(reference is not None)
        if masks is None:
            self._say_nothing("There are no masks yet: paint, or segment the loop.")
            return
        label = self.label.value() or None
        loop = loop_layer_of(self._viewer, masks)
        known = None if loop is None else self._session.known_loop(loop)
        if reference is not None:
            spacing = None if known is None else known.cine.pixel_spacing
            self.comparing.ask(
                _compared, self._cache, _as_shown(masks), _as_shown(reference), label,
                spacing, frame_shown(self._viewer, masks), masks.metadata.get("done"),
            )  # fmt: skip
        elif known is None or known.flow is None:
            self._say_nothing(
                "Choose a reference; or estimate the loop's motion in the Motion dock, "
                "to see where the masks flicker."
            )
        else:
            self.comparing.ask(_consistency, _as_shown(masks), known.flow, label)

    def _say_nothing(self, words: str) -> None:
        self.comparing.forget()
        self.answer = self.consistency = None
        self.curve.show_curves({})
        self.words.setText(words)

    def _show(self, answer: Any) -> None:
        wanted = self.reference.layer is not None
        if self.masks.layer is None or isinstance(answer, Agreement) is not wanted:
            return  # the result belongs to layers that were chosen before
        self.answer = answer if wanted else None
        self.consistency = None if wanted else answer
        self._draw()
        if self.answer is not None and not self.answer.complete:
            self._ask()

    def _draw(self, _: object = None) -> None:
        answer = self.answer
        curves: dict[str, NDArray[np.floating]]
        if answer is not None and self.shown.currentText() == OVERLAP:
            curves, unit = {"Dice": answer.dice, "clDice": answer.cldice}, ""
        elif answer is not None:
            curves, unit = {"HD95": answer.hd95}, answer.unit
        elif self.consistency is not None:
            curves, unit = {"consistency": self.consistency}, ""
        else:
            return
        some = any(np.isfinite(values).any() for values in curves.values())
        self.curve.show_curves(curves if some else {}, unit)
        self._follow()

    def _follow(self, _: object = None) -> None:
        masks = self.masks.layer
        if masks is None or (self.answer is None and self.consistency is None):
            return
        t = frame_shown(self._viewer, masks)
        self.curve.move_playhead(t)
        if self.answer is not None:
            self.words.setText(_agreement_words(self.answer, t))
        else:
            self.words.setText(_consistency_words(self.consistency, t))

    def _go_to(self, t: int) -> None:
        if self.masks.layer is not None:
            show_frame(self._viewer, self.masks.layer, t)


def _has_time(layer: Layer) -> bool:
    return kind_of(layer) is not None and layer.ndim == 3


def _as_shown(layer: Layer) -> tuple[Any, int]:
    """Return a layer's pixels and its background label, for use in a thread."""
    return layer.data, background_of(layer)


def _compared(
    cache: AgreementCache,
    masks: Any,
    reference: Any,
    label: Any,
    spacing: Any,
    first: int,
    done: Any = None,
) -> Agreement:
    ours, theirs = class_numbers(*masks), class_numbers(*reference)
    if done is not None and len(done) == len(ours):
        # frames that were not segmented, for example after Stop, do not count as wrong
        empty = ~np.asarray(done, bool) & ~ours.any(axis=(1, 2))
        theirs = np.where(empty[:, None, None], 0, theirs).astype(theirs.dtype)
    return cache.compare(
        ours,
        theirs,
        label=label,
        spacing=spacing,
        first=first,
        at_most=AT_ONCE,
    )


def _consistency(masks: Any, flow: Any, label: int | None) -> Any:
    return temporal_consistency(class_numbers(*masks), flow, label)


def _agreement_words(answer: Agreement, t: int) -> str:
    mean = answer.mean()
    if not answer.compared.any():
        return "The reference holds nothing of this class."
    if not mean:
        return "Comparing…"
    if np.isfinite(answer.dice[t]):
        here = (
            f"Frame {t}: Dice {answer.dice[t]:.2f}, clDice {answer.cldice[t]:.2f}, "
            f"HD95 {answer.hd95[t]:.1f} {answer.unit}"
        )
    else:
        here = f"Frame {t}: no reference"
    count = int(np.isfinite(answer.dice).sum())
    more = "" if answer.complete else f" of {int(answer.compared.sum())}, going on…"
    return (
        f"{here}\nMean of {count} frames{more}: Dice {mean['dice']:.2f}, "
        f"clDice {mean['cldice']:.2f}, HD95 {mean['hd95']:.1f} {answer.unit}"
    )


def _consistency_words(values: Any, t: int) -> str:
    known = np.isfinite(values)
    if not known.any():
        return "The masks hold nothing of this class."
    here = f"{values[t]:.2f}" if known[t] else "nothing to compare"
    return (
        f"Frame {t}: {here}\nMean {np.mean(values[known]):.2f}: Dice of each mask "
        "with the later one, warped back along the flow. It finds flicker; it does not "
        "say that the masks are right."
    )
