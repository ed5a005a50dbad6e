"""Combo boxes that follow the viewer's layers and the session's models."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import checkpoint_path, read_card
from napari_motionseg.models.model_card import DEFAULT, DEFAULT_MODEL, WEIGHTS_FOLDER
from napari_motionseg.viewmodel.recent_models import RecentModels
from napari_motionseg.viewmodel.session import Model, Session
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.loop_display import loop_display_of
from napari_motionseg.widgets.common.viewers import errors_shown, is_loop

# characters of an entry; Qt cuts longer names instead of widening the dock
LONGEST_NAME = 24


class LayerChooser(QComboBox):
    """A combo box of the layers of a viewer, the newest first.

    Parameters
    ----------
    viewer
        The viewer whose layers are listed.
    accepts
        Function that returns whether a layer is listed. Call `refresh` when its answer
        for a layer has changed.
    tooltip
        Tooltip of the combo box: what the layer is used for.
    nothing
        Text of the last entry, which means that no layer is chosen. None leaves this
        entry out.
    only_by_hand
        Whether no layer is chosen until the user chooses one. This needs `nothing`.
    prefers
        Function that returns whether a layer is chosen before others, as long as the
        user has not chosen one. None prefers no layer.

    Signals
    -------
    layer_changed
        Emitted with the chosen layer, or None, after the choice has changed.
    """

    layer_changed = Signal(object)

    def __init__(
        self,
        viewer: Viewer,
        accepts: Callable[[Layer], bool],
        tooltip: str,
        nothing: str | None = None,
        *,
        only_by_hand: bool = False,
        prefers: Callable[[Layer], bool] | None = None,
    ) -> None:
        super().__init__()
        _keep_narrow(self, tooltip)
        self._only_by_hand = only_by_hand
        self._prefers = prefers
        self._by_hand: Layer | None = None
        self._viewer = viewer
        self._accepts = accepts
        self._nothing = nothing
        self._layers: list[Layer] = []
        self._current: Layer | None = None
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            listen(self, event, self.refresh)
        self.currentIndexChanged.connect(self._tell)
        self.activated.connect(self._chosen_by_hand)
        self.refresh()

    @property
    def layer(self) -> Layer | None:
        """The chosen layer, or None."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @property
    def layers(self) -> list[Layer]:
        """The listed layers, the newest first."""
        return list(self._layers)

    def choose(self, layer: Layer) -> None:
        """Choose a layer. A layer that is not listed is ignored."""
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))
            self._chosen_by_hand()

    def choose_nothing(self) -> None:
        """Choose no layer, if the combo box has an entry for it."""
        if self._nothing is not None:
            self.setCurrentIndex(self.count() - 1)
            self._chosen_by_hand()

    def follow(self, is_wanted: Callable[[Layer], bool]) -> None:
        """Choose each layer that is added from now on and that `is_wanted` accepts."""

        def choose_inserted(event: Any) -> None:
            if is_wanted(event.value):
                self.choose(event.value)

        listen(self, self._viewer.layers.events.inserted, choose_inserted)

    def refresh(self, event: object = None) -> None:
        """Update the list of layers, and keep the chosen layer if it is still listed.

        A preferred layer replaces a layer that the user has not chosen.
        """
        kept = self.layer
        nothing_chosen = self._nothing is not None and self._layers and kept is None
        self.blockSignals(True)
        self._layers = [x for x in reversed(self._viewer.layers) if self._accepts(x)]
        if self._by_hand not in self._layers:
            self._by_hand = None  # or a removed layer would stay in memory
        self.clear()
        self.addItems([layer.name for layer in self._layers])
        if self._nothing is not None:
            self.addItem(self._nothing)
        if not nothing_chosen:
            kept = self._wished(kept)
        if kept in self._layers:
            self.setCurrentIndex(self._layers.index(kept))
        elif nothing_chosen or self._only_by_hand:
            self.setCurrentIndex(self.count() - 1)
        self.blockSignals(False)
        self.setEnabled(bool(self._layers))
        self._tell()

    def _wished(self, kept: Layer | None) -> Layer | None:
        if self._prefers is None or (kept is not None and kept is self._by_hand):
            return kept
        known = [kept] if kept in self._layers else []
        return next(filter(self._prefers, [*known, *self._layers]), kept)

    def _chosen_by_hand(self) -> None:
        self._by_hand = self.layer

    def _tell(self) -> None:
        if self.layer is not self._current:
            self._current = self.layer
            self.layer_changed.emit(self._current)


class LoopChooser(LayerChooser):
    """A combo box of the loop that all docks of a viewer work on.

    When a loop is chosen in one dock, the other docks choose it too, and the viewer
    hides the other loops (see `LoopDisplay`).

    Parameters
    ----------
    viewer
        The viewer whose loops are listed.
    tooltip
        Tooltip of the combo box: what the loop is used for.
    """

    def __init__(self, viewer: Viewer, tooltip: str) -> None:
        self._display = loop_display_of(viewer)
        super().__init__(viewer, is_loop, tooltip)
        self._turn_to(self._display.loop)
        # both are Qt objects: Qt disconnects them when one is destroyed
        self._display.changed.connect(self._turn_to)
        self.activated.connect(self._show_chosen)

    def refresh(self, event: object = None) -> None:
        """Update the list of loops, and choose a loop that was just opened."""
        super().refresh(event)
        self._turn_to(self._display.loop)

    def _turn_to(self, loop: Layer | None) -> None:
        if loop is not None:
            self.choose(loop)

    def _show_chosen(self, _: int) -> None:
        if self.layer is not None:
            self._display.show(self.layer)


class ModelChooser(QComboBox):
    """A combo box of checkpoints: shipped, recent, or trained or opened in the session.

    Parameters
    ----------
    session
        The session whose models are listed.
    kinds
        Kinds of models that are listed, for example ``("segmentation",)``.
    scratch
        Text of the first entry, which means that no model is chosen. None leaves this
        entry out.
    tooltip
        Tooltip of the combo box: what the model is used for.
    follows
        Kind of models that are chosen as soon as they are added to the session.

    Signals
    -------
    model_changed
        Emitted with the chosen model, or None.
    """

    model_changed = Signal(object)

    def __init__(
        self,
        session: Session,
        kinds: tuple[str, ...],
        scratch: str | None,
        tooltip: str,
        follows: str,
    ) -> None:
        super().__init__()
        _keep_narrow(self, tooltip)
        self._session = session
        self._kinds = kinds
        self._scratch = scratch
        self._follows = follows
        known = {model.path for model in session.models}
        shipped = [] if checkpoint_path(DEFAULT) in known else shipped_models()
        for model in (*shipped, *recent_models(known)):
            session.add_model(model)
        self._fill(None)
        listen(self, session.models_changed, self._added)
        self.activated.connect(self._activated)
        self.currentIndexChanged.connect(self._tell)

    @property
    def chosen(self) -> Model | None:
        """The chosen model; None if the first entry is chosen or no model is listed."""
        data = self.currentData()
        return data if isinstance(data, Model) else None

    def choose(self, path: Path) -> None:
        """Choose the listed model with this file. Other files are ignored."""
        for index in range(self.count()):
            model = self.itemData(index)
            if isinstance(model, Model) and model.path == path:
                self.setCurrentIndex(index)

    def open_file(self, path: Path) -> None:
        """Add a checkpoint from a file to the session, and choose it.

        Raises
        ------
        CheckpointError
            If the file is not a checkpoint of this program.
        """
        card = read_card(path)
        self._session.add_model(Model(path, card.kind, path.stem))
        self.choose(path)
        RecentModels.default().add(path)

    def showPopup(self) -> None:  # noqa: N802 - Qt's name
        """Show the list; the facts of each model are read from its file now."""
        for index in range(self.count()):
            model = self.itemData(index)
            if isinstance(model, Model):
                with suppress(CheckpointError):  # the file may be gone by now
                    words = card_text(model.path)
                    self.setItemData(index, words, Qt.ItemDataRole.ToolTipRole)
        super().showPopup()

    def _added(self, model: Model) -> None:
        if model.kind in self._kinds:
            self._fill(model if model.kind == self._follows else None)

    def _fill(self, chosen: Model | None) -> None:
        previous = chosen or self.chosen
        self.blockSignals(True)
        self.clear()
        models = [m for m in self._session.models if m.kind in self._kinds]
        if self._scratch is not None:
            self.addItem(self._scratch)
        elif not models:
            self.addItem("none yet: pretrain, or choose a file")
        for model in models:
            self.addItem(model.title, model)
        self.insertSeparator(self.count())
        self.addItem("Choose a file…", "file")
        if previous is not None:
            self.choose(previous.path)
        self.blockSignals(False)
        self._tell()

    def _activated(self, index: int) -> None:
        if self.itemData(index) != "file":
            return
        self.setCurrentIndex(0)
        name, _ = QFileDialog.getOpenFileName(
            self, "Choose a model", "", "Models (*.safetensors)"
        )
        if name:
            with errors_shown():
                self.open_file(Path(name))

    def _tell(self) -> None:
        self.model_changed.emit(self.chosen)


def _keep_narrow(chooser: QComboBox, tooltip: str) -> None:
    """Set a tooltip, and a size that does not grow with the entries."""
    chooser.setToolTip(tooltip)
    chooser.setMinimumContentsLength(LONGEST_NAME // 2)
    chooser.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )


def shipped_models() -> list[Model]:
    """Return the embeddings and segmentation networks that come with the package.

    The default network is the first one.
    """
    found = []
    files = WEIGHTS_FOLDER.glob("*.safetensors")
    for path in sorted(files, key=lambda file: (file.stem != DEFAULT_MODEL, file)):
        card = read_card(path)
        if card.kind in ("embedding", "segmentation"):
            found.append(Model(path, card.kind, f"{path.stem} (shipped)"))
    return found


def recent_models(known: Collection[Path] = ()) -> list[Model]:
    """Return the recently opened models whose files can still be read.

    Parameters
    ----------
    known
        Paths of files that are left out, and not read.
    """
    found = []
    for path in RecentModels.default().paths():
        if path in known:
            continue
        try:
            found.append(Model(path, read_card(path).kind, f"{path.stem} (recent)"))
        except CheckpointError:
            continue  # the file was replaced by something else
    return found


def card_text(path: Path) -> str:
    """Return a tooltip: path, kind, configuration and training of a model."""
    card = read_card(path)
    training = card.provenance.get("training", {})
    facts = {
        "kind": card.kind,
        **card.configuration,
        "steps": training.get("steps_done"),
        "last loss": training.get("last_losses_mean"),
    }
    lines = [f"{k}: {json.dumps(v)}" for k, v in facts.items() if v is not None]
    return "\n".join([str(path), *lines])
