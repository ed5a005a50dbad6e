"""Hold the state of one viewer: loops, flow, embeddings, models and the running job.

A session is a plain object with events and without Qt; all docks of a viewer share one.
Layers are only keys here and are held weakly: when a layer is deleted, so is its loop.
"""

from __future__ import annotations

import itertools
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from weakref import WeakKeyDictionary, finalize

import numpy as np
from psygnal import Signal

from napari_motionseg.cine import Cine
from napari_motionseg.embedding.embedding_cache import EmbeddingCache
from napari_motionseg.embedding.loaded_networks import Networks
from napari_motionseg.io.temporary import temporary_folder
from napari_motionseg.lru_cache import LRUCache
from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.viewmodel.frame_marks import FrameMarks
from napari_motionseg.viewmodel.layer_arrays import cine_of_layer
from napari_motionseg.viewmodel.session_jobs import Runners, SessionJobs

if TYPE_CHECKING:
    from torch import nn

    from napari_motionseg.embedding import EmbeddingStore
    from napari_motionseg.embedding.loop_colors import LoopPalettes
    from napari_motionseg.measurement.loop_vessel import LoopVessel
    from napari_motionseg.motion import FlowSequence

JOBS = "jobs"  # the key of the settings of jobs among those of the docks
FLOW_BYTES = 2**31  # limit for the flow files of a loop that are mapped into memory


@dataclass(frozen=True)
class Model:
    """A checkpoint that the user can choose.

    Parameters
    ----------
    path
        Path of the checkpoint.
    kind
        ``"embedding"`` or ``"segmentation"``.
    title
        Name to show to the user.
    """

    path: Path
    kind: str
    title: str


def _kept_flows() -> LRUCache[FlowSequence]:
    return LRUCache(FLOW_BYTES, _flow_bytes)


def _flow_bytes(flow: FlowSequence) -> int:
    ways = 1 if flow.backward is None else 2
    return ways * 4 * int(np.prod(flow.forward.shape))


@dataclass(eq=False)
class Loop:
    """A loop in a session, with all results that were computed for it.

    Parameters
    ----------
    cine
        The loop.
    pixels
        Array of the layer that the loop was made from. If the layer gets another array
        later, the loop is out of date.
    flow
        The flow that docks show, or None.
    flows
        All estimated flows by settings, so that an earlier method or gap can be shown
        at once.
    palettes
        Palettes of the loop's embeddings, by checkpoint.
    token
        Object that identifies the loop in caches without keeping it alive.
    """

    cine: Cine
    pixels: Any = field(default=None, repr=False)
    flow: FlowSequence | None = None
    flows: LRUCache[FlowSequence] = field(default_factory=_kept_flows, repr=False)
    palettes: dict[Path, LoopPalettes] = field(default_factory=dict, repr=False)
    token: object = field(default_factory=object, repr=False)


class Session(SessionJobs):
    """State that the docks of one viewer share.

    Attributes
    ----------
    flow_changed
        Emitted with a `Loop` when another flow of it is shown.
    models_changed
        Emitted with a `Model` when it was added.
    settings_changed
        Emitted with all settings when those of a dock have changed.
    work_in_settings
        Emitted with the layer of a loop when settings hold a user's work on it, which
        is saved like strokes.
    settings_restored
        Emitted with all settings when a project was opened, for docks to show theirs.
    device_changed
        Emitted with the name of the device when another one was chosen.
    masks_made
        Emitted with `LoopMasks` when a segmentation of a loop has ended.
    masks_corrected
        Emitted with `LoopMasks` when the user has corrected or confirmed a frame.
    views_beside
        Emitted with the part of a dock that is about to show pictures beside the loop.
        The others give way, because all use the same places.
    closed
        Emitted when the session ends.
    mask_probabilities
        Probabilities by the layer of masks that were made of them.
    measured_vessels
        Measured vessels by the layer of their loop, for reports.
    settings
        Settings of each dock that are saved with the project, as JSON values.
    models
        Checkpoints to choose from; the last one was added last.
    embeddings
        Cache of the embeddings of frames, shared by all loops; see `frame_embedding`.
    networks
        Cache of loaded networks.
    store
        Cache of embeddings on disk, or None if caches are off.
    marks
        Marks of the frames of the loop that a job works on.
    """

    flow_changed: ClassVar[Signal] = Signal(object)
    models_changed: ClassVar[Signal] = Signal(object)
    settings_changed: ClassVar[Signal] = Signal(dict)
    work_in_settings: ClassVar[Signal] = Signal(object)
    settings_restored: ClassVar[Signal] = Signal(dict)
    device_changed: ClassVar[Signal] = Signal(str)
    masks_made: ClassVar[Signal] = Signal(object)
    masks_corrected: ClassVar[Signal] = Signal(object)
    views_beside: ClassVar[Signal] = Signal(object)
    closed: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[Any, Loop] = WeakKeyDictionary()
        self.networks = Networks()
        self.embeddings = EmbeddingCache()
        self._store: EmbeddingStore | None | Literal["unknown"] = "unknown"
        self._numbers = itertools.count(1)
        self._device = "auto"
        self.marks = FrameMarks()
        self.models: list[Model] = []
        self.settings: dict[str, Any] = {}
        self.mask_probabilities: WeakKeyDictionary[Any, MaskProbabilities] = (
            WeakKeyDictionary()
        )
        self.measured_vessels: WeakKeyDictionary[Any, list[LoopVessel]] = (
            WeakKeyDictionary()
        )
        # this also removes the files that a killed window has left
        self._room = ExitStack()
        room = temporary_folder(tempfile.gettempdir())
        self.folder = self._room.enter_context(room)
        super().__init__(self.folder)
        self._end = finalize(self, _end, self.runners, self._room)

    def loop(self, layer: Any, *, refresh: bool = False) -> Loop:
        """Return the loop of an image layer.

        Parameters
        ----------
        layer
            An image layer of napari, or an object with the same `data`, `name`, `rgb`
            and `metadata`.
        refresh
            Whether to create the loop again, because pixels were changed in place.

        Raises
        ------
        SettingsError
            If the layer's array is not a loop.
        """
        loop = self._loops.get(layer)
        if loop is None or loop.pixels is not layer.data or refresh:
            loop = Loop(cine_of_layer(layer), layer.data)
            self._loops[layer] = loop
            finalize(loop, self.embeddings.discard_loop, loop.token)
        return loop

    def known_loop(self, layer: Any) -> Loop | None:
        """Return the loop of a layer if it exists and is up to date, else None."""
        loop = self._loops.get(layer)
        return loop if loop is not None and loop.pixels is layer.data else None

    def set_flow(self, loop: Loop, flow: FlowSequence | None) -> None:
        """Set the flow that docks show, or None, and emit `flow_changed`."""
        if loop.flow is not flow:
            loop.flow = flow
            self.flow_changed.emit(loop)

    def new_path(self, stem: str, suffix: str = ".safetensors") -> Path:
        """Return a new path in the folder of the session."""
        return self.folder / f"{stem}-{next(self._numbers)}{suffix}"

    def add_model(self, model: Model) -> None:
        """Add a model to choose from, unless there is one of the same path."""
        if all(model.path != known.path for known in self.models):
            self.models.append(model)
            self.models_changed.emit(model)

    def keep_settings(self, dock: str, values: dict[str, Any]) -> None:
        """Record the settings of a dock, JSON values, to be saved with the project."""
        if self.settings.get(dock) != values:
            self.settings = {**self.settings, dock: values}
            self.settings_changed.emit(self.settings)

    def restore_settings(self, settings: dict[str, Any]) -> None:
        """Replace all settings by those of a project and emit `settings_restored`."""
        self.settings = dict(settings)
        self.settings_restored.emit(self.settings)
        device = (settings.get(JOBS) or {}).get("device", "auto")
        if isinstance(device, str):
            self.device = device

    @property
    def store(self) -> EmbeddingStore | None:
        """Cache of embeddings on disk; None if caches are off."""
        if self._store == "unknown":
            from napari_motionseg.embedding import EmbeddingStore

            self._store = EmbeddingStore.default()
        return self._store

    def network(self, path: Path) -> nn.Module:
        """Return the network of a checkpoint; it is read once, see `Networks`."""
        return self.networks.of(path)[0]

    @property
    def device(self) -> str:
        """Name of the device that jobs compute on, see `resolve_device`."""
        return self._device

    @device.setter
    def device(self, name: str) -> None:
        """Choose the device, tell the docks, and keep the choice."""
        if name != self._device:
            self._device = name
            self.device_changed.emit(name)
            self.keep_settings(JOBS, {"device": name})

    def close(self) -> None:
        """Cancel the job that runs and remove the files of the session."""
        self.closed.emit()
        self.close_jobs()
        self._end()


def _end(runners: Runners, room: ExitStack) -> None:
    """End the standby process, and remove the files of a session."""
    runners.now.release()
    room.close()
