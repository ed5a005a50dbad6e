"""One working session: loops by layer, flow, embeddings, models and the running job.

A plain object, evented and free of Qt, which the docks of one viewer are given. Layers
are opaque keys here, held weakly: a layer that is deleted takes its loop along.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast
from weakref import WeakKeyDictionary, finalize

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_motionseg.cine import Cine
from napari_motionseg.embedding.embedding_cache import EmbeddingCache
from napari_motionseg.embedding.loaded_networks import Networks
from napari_motionseg.errors import JobError, LabelError, SettingsError
from napari_motionseg.io.labels import LabelMode, Labels
from napari_motionseg.io.temporary import temporary_folder
from napari_motionseg.jobs import ChildJob, Job
from napari_motionseg.lru_cache import LRUCache

if TYPE_CHECKING:
    from torch import nn

    from napari_motionseg.embedding import EmbeddingStore
    from napari_motionseg.embedding.loop_colors import LoopPalettes
    from napari_motionseg.motion import FlowSequence
    from napari_motionseg.segmentation import FinetuneSettings
    from napari_motionseg.segmentation.finetune import Recipe

PREVIEW_EVERY = 10  # steps of training
FLOW_BYTES = 2**31  # of a loop, in files that are mapped
CLASSES = "classes"  # key in the metadata of layers whose classes have names
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601


@dataclass(frozen=True)
class Model:
    """A checkpoint that can be chosen.

    Parameters
    ----------
    path
        The file.
    kind
        ``"embedding"`` or ``"segmentation"``.
    title
        What a person calls it.
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
    """A loop in a session, with what was computed of it.

    Parameters
    ----------
    cine
        The loop.
    pixels
        The layer's array that it was made of, to notice a replacement.
    flow
        The flow that is looked at, when there is one.
    flows
        All that were estimated, by settings: going back to an earlier method or gap
        shows its flow at once.
    palettes
        Colours of its embeddings, by model.
    token
        Stands for it where it must not be kept alive.
    """

    cine: Cine
    pixels: Any = field(default=None, repr=False)
    flow: FlowSequence | None = None
    flows: LRUCache[FlowSequence] = field(default_factory=_kept_flows, repr=False)
    palettes: dict[Path, LoopPalettes] = field(default_factory=dict, repr=False)
    token: object = field(default_factory=object, repr=False)


class Session:
    """What the docks of one viewer share.

    Attributes
    ----------
    flow_changed
        Emitted with the `Loop` of which another flow is looked at.
    models_changed
        Emitted when a model was added.
    job_changed
        Emitted with the title of the job that runs, or None when none does.
    settings_changed
        Emitted with all settings when a dock keeps other ones.
    settings_restored
        Emitted with all settings when a project was opened: docks show theirs.
    closed
        Emitted when the session ends.
    settings
        What docks keep with a project, by dock; JSON values.
    models
        Checkpoints to choose from, the latest last.
    embeddings
        Of frames, within one bound for all loops; see `frame_embedding`.
    networks
        Those at hand.
    store
        Where embeddings are kept for next time, or None.
    """

    flow_changed: ClassVar[Signal] = Signal(object)
    models_changed: ClassVar[Signal] = Signal(object)
    job_changed: ClassVar[Signal] = Signal(object)
    settings_changed: ClassVar[Signal] = Signal(dict)
    settings_restored: ClassVar[Signal] = Signal(dict)
    closed: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[Any, Loop] = WeakKeyDictionary()
        self.networks = Networks()
        self.embeddings = EmbeddingCache()
        self._store: EmbeddingStore | None | Literal["unknown"] = "unknown"
        self._numbers = itertools.count(1)
        self._job: ChildJob[Any] | None = None
        self.job_title: str | None = None
        self.models: list[Model] = []
        self.settings: dict[str, Any] = {}
        # what a killed window has left is cleared by the next one
        self._room = ExitStack()
        room = temporary_folder(tempfile.gettempdir())
        self.folder = self._room.enter_context(room)
        self._job_folder: Path | None = None
        finalize(self, self._room.close)

    def loop(self, layer: Any, *, refresh: bool = False) -> Loop:
        """Return the loop of an image layer.

        Parameters
        ----------
        layer
            Has `data`, `name`, `rgb`, `metadata`, as napari's image layers do.
        refresh
            Make it anew, because the pixels were changed in place.

        Raises
        ------
        SettingsError
            If the layer's array is no loop.
        """
        loop = self._loops.get(layer)
        if loop is None or loop.pixels is not layer.data or refresh:
            loop = Loop(cine_of_layer(layer), layer.data)
            self._loops[layer] = loop
            finalize(loop, self.embeddings.discard_loop, loop.token)
        return loop

    def known_loop(self, layer: Any) -> Loop | None:
        """Return the loop of a layer if it was made already, and still fits."""
        loop = self._loops.get(layer)
        return loop if loop is not None and loop.pixels is layer.data else None

    def set_flow(self, loop: Loop, flow: FlowSequence | None) -> None:
        """Make a flow the one that is looked at, or none, and tell."""
        if loop.flow is not flow:
            loop.flow = flow
            self.flow_changed.emit(loop)

    def new_path(self, stem: str, suffix: str = ".safetensors") -> Path:
        """Return a path in the session's folder that was not given out before."""
        return self.folder / f"{stem}-{next(self._numbers)}{suffix}"

    def add_model(self, model: Model) -> None:
        """Add a model to choose from, unless its file is there already."""
        if all(model.path != known.path for known in self.models):
            self.models.append(model)
            self.models_changed.emit(model)

    def keep_settings(self, dock: str, values: dict[str, Any]) -> None:
        """Keep what a dock's controls say, JSON values, with the project."""
        if self.settings.get(dock) != values:
            self.settings = {**self.settings, dock: values}
            self.settings_changed.emit(self.settings)

    def restore_settings(self, settings: dict[str, Any]) -> None:
        """Take the settings of a project that was opened, and tell the docks."""
        self.settings = dict(settings)
        self.settings_restored.emit(self.settings)

    @property
    def store(self) -> EmbeddingStore | None:
        """Where embeddings are kept for next time; None if caches are off."""
        if self._store == "unknown":
            from napari_motionseg.embedding import EmbeddingStore

            self._store = EmbeddingStore.default()
        return self._store

    def network(self, path: Path) -> nn.Module:
        """Return the network of a checkpoint, read once; see `Networks`."""
        return self.networks.of(path)[0]

    def start(
        self, title: str, function: Callable[..., Job[Any]], *args: Any, **kwargs: Any
    ) -> ChildJob[Any]:
        """Start a job in a child process; a session has one at a time.

        Raises
        ------
        JobError
            If another one runs: two would share the cores and the memory.
        """
        if self._job is not None and self._job.running:
            raise JobError(
                f"{self.job_title} is still running: stop or cancel it first"
            )
        self._job_folder = Path(tempfile.mkdtemp(prefix="job-", dir=self.folder))
        self._job = ChildJob(in_folder_job, self._job_folder, function, *args, **kwargs)
        self.job_title = title
        self.job_changed.emit(title)
        return self._job

    def job_ended(self, job: ChildJob[Any]) -> None:
        """Take note that a job has ended, however it did."""
        if job is self._job:
            if self._job_folder is not None:  # a job that was killed removes nothing
                shutil.rmtree(self._job_folder, ignore_errors=True)
            self._job, self.job_title, self._job_folder = None, None, None
            self.job_changed.emit(None)

    def close(self) -> None:
        """Cancel what runs and remove the session's files."""
        self.closed.emit()
        if self._job is not None:
            self._job.cancel()
            self.job_ended(self._job)
        self._room.close()


def in_folder_job(
    folder: Path, function: Callable[..., Job[Any]], *args: Any, **kwargs: Any
) -> Job[Any]:
    """Run a job whose temporary files go to a folder that somebody else removes.

    For the child process of a job, which may be killed.

    Parameters
    ----------
    folder
        Path of the folder, which exists.
    function
        A generator function at the top level of a module.
    *args, **kwargs
        Its arguments.
    """
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        return (yield from function(*args, **kwargs))
    finally:
        tempfile.tempdir = before[1]
        os.environ.pop("TMPDIR")
        if before[0] is not None:
            os.environ["TMPDIR"] = before[0]


def cine_of_layer(layer: Any) -> Cine:
    """Return the loop that an image layer shows.

    Parameters
    ----------
    layer
        Read by this plugin: the loop in its metadata. Of any other origin: its array,
        ``(T, H, W)``, ``(H, W)``, or with three or four colours last; floats outside
        [0, 1] and wide integers are rescaled to their range, which is noted.

    Raises
    ------
    SettingsError
        If the array has other axes, or no finite value.
    """
    kept = layer.metadata.get("cine")
    if isinstance(kept, Cine) and kept.shape == tuple(layer.data.shape):
        return kept
    if isinstance(layer.data, (list, tuple)) or getattr(layer, "multiscale", False):
        raise SettingsError(
            f"layer {layer.name!r} holds several resolutions; use a plain image layer"
        )
    pixels = np.asarray(layer.data)
    notes: tuple[str, ...] = ("made from an image layer",)
    if getattr(layer, "rgb", False):
        pixels = pixels[..., :3] @ np.asarray(LUMINANCE, np.float32)
        pixels = pixels / (255.0 if layer.data.dtype == np.uint8 else 1.0)
        notes += ("colours were turned into luminance",)
    if pixels.ndim not in (2, 3):
        raise SettingsError(
            f"layer {layer.name!r} has shape {pixels.shape}; a loop has axes "
            "(time, rows, columns)"
        )
    stored, rescaled = _storable(pixels, layer.name)
    return Cine.from_array(
        stored,
        pixel_spacing=_spacing(layer),
        name=layer.name,
        notes=notes + rescaled,
    )


def _storable(pixels: NDArray[Any], name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return `pixels` as `Cine.from_array` takes them, and what was done to them."""
    narrow = pixels.dtype.kind == "b" or (
        pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2
    )
    if narrow:
        return pixels, ()
    finite = np.isfinite(pixels)
    if not finite.any():
        raise SettingsError(f"layer {name!r} holds no finite value")
    low, high = float(pixels[finite].min()), float(pixels[finite].max())
    if pixels.dtype.kind == "f" and finite.all() and low >= 0 and high <= 1:
        return pixels, ()
    scaled = (np.where(finite, pixels, low) - low) / ((high - low) or 1.0)
    note = f"values from {low:g} to {high:g} were rescaled"
    return np.clip(scaled, 0.0, 1.0), (note,)


def _spacing(layer: Any) -> tuple[float, float] | None:
    """Return millimetres between pixels, if the layer's units say so."""
    units = [str(unit) for unit in getattr(layer, "units", ())][-2:]
    if units != ["millimeter", "millimeter"]:
        return None
    rows, columns = (float(abs(s)) for s in layer.scale[-2:])
    return rows, columns


def labels_of_layer(layer: Any, cine: Cine, mode: str, frame: int) -> Labels:
    """Return what was painted on a labels layer.

    Parameters
    ----------
    layer
        Has `data` of ``(T, H, W)``, or ``(H, W)``, which is about `frame` alone. Where
        its metadata name its classes, the first of them, 1, is the background in either
        mode: the mode says what is not painted.
    cine
        The loop that was painted on.
    mode
        See `Labels`.
    frame
        The frame that is shown.

    Raises
    ------
    LabelError
        If the layer has another shape than the loop, or nothing is painted.
    """
    painted = np.asarray(layer.data)
    if painted.shape == cine.shape[1:]:
        placed = np.zeros(cine.shape, painted.dtype)
        placed[frame] = painted
        painted = placed
    if painted.shape != cine.shape:
        raise LabelError(
            f"layer {layer.name!r} has shape {painted.shape}; the loop has "
            f"{cine.shape}: paint on labels of the same shape"
        )
    if mode == "dense" and CLASSES in getattr(layer, "metadata", {}):
        frames = np.asarray(painted.any(axis=(1, 2)), bool)
        return Labels(np.where(painted > 0, painted - 1, 0), frames, "dense")
    return Labels.from_painted(painted, cast("LabelMode", mode))


def finetune_settings(recipe: str, steps: int | None) -> FinetuneSettings:
    """Return a recipe that shows what it learns, with the user's number of steps."""
    from napari_motionseg.segmentation import FinetuneSettings

    base = FinetuneSettings.recipe(cast("Recipe", recipe))
    training = dataclasses.replace(base.training, preview_every=PREVIEW_EVERY)
    shown = dataclasses.replace(base, training=training)
    return shown.with_steps(steps) if steps else shown
