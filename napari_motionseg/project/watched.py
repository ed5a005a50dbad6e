"""What an autosave looks at: loops and layers of a window, known by opaque keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.project.changes import SavedPixels
from napari_motionseg.project.journal import Delta
from napari_motionseg.project.manifest import LayerRecord, LoopRecord, Manifest
from napari_motionseg.project.references import relative_path


@dataclass(frozen=True)
class LoopFacts:
    """Identity of a loop and geometry of its layers, without its pixels.

    Parameters
    ----------
    source, name, pixel_spacing, pixel_aspect
        As in `Cine`.
    shape
        Frames, rows and columns.
    """

    source: Path | None
    name: str
    shape: tuple[int, int, int]
    pixel_spacing: tuple[float, float] | None
    pixel_aspect: float

    @classmethod
    def of(cls, cine: Cine) -> LoopFacts:
        """Return the facts of a loop."""
        return cls(
            cine.source, cine.name, cine.shape, cine.pixel_spacing, cine.pixel_aspect
        )

    def is_of(self, cine: Cine) -> bool:
        """Return whether they are of the same loop of the same file."""
        mine = (self.source, self.name, self.shape)
        return self.source is not None and mine == (cine.source, cine.name, cine.shape)


@dataclass(eq=False)
class WatchedLoop:
    """A loop that the project shall have.

    Parameters
    ----------
    key
        Tells it from others.
    cine
        The loop; None where it is missing or was let go, and its record stays as it is.
    name
        As its layer is called.
    number
        In the project; None before it is there.
    relocated
        Whether the project shall look for it where `cine` came from now.
    gone
        Whether its layer has left the window, so that its pixels are held no longer
        than the project needs them.

    Attributes
    ----------
    facts
        What is known of the loop after its pixels were let go; None if it is missing.
    """

    key: Hashable
    cine: Cine | None
    name: str
    number: int | None = None
    relocated: bool = False
    gone: bool = False
    facts: LoopFacts | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.cine is not None:
            self.facts = LoopFacts.of(self.cine)

    def is_like(self, cine: Cine) -> bool:
        """Return whether this loop is `cine`, or is of the same file."""
        same_file = self.facts is not None and self.facts.is_of(cine)
        return self.cine is cine or same_file

    def let_go(self, manifest: Manifest) -> None:
        """Hold the pixels no longer, if the project has all that it needs of them.

        Parameters
        ----------
        manifest
            The project's, which has the loop.
        """
        if any(loop.number == self.number and loop.content for loop in manifest.loops):
            self.cine = None

    def forget_number_unless_in(self, manifest: Manifest) -> None:
        """Have no number, if the project has no loop of it."""
        if all(loop.number != self.number for loop in manifest.loops):
            self.number = None

    def enter(self, manifest: Manifest, folder: Path) -> Manifest:
        """Return a manifest that has the loop, under its name of now."""
        if self.cine is None:
            return manifest
        source = self.cine.source
        path = "" if source is None else relative_path(source, folder)
        if self.number is None:
            self.number = manifest.next_number
            record = LoopRecord(self.number, self.name, path, self.cine.shape)
            return manifest.with_loop(record)
        record = dataclasses.replace(manifest.loop(self.number), name=self.name)
        if self.relocated:
            record = dataclasses.replace(record, path=path)
        return manifest.with_loop(record)


@dataclass(eq=False)
class WatchedLayer:
    """Labels or masks whose pixels are kept as they change.

    Parameters
    ----------
    key
        Tells it from others.
    loop
        The loop that it lies on.
    kind
        ``"labels"`` or ``"masks"``.
    name
        As the layer is called.
    read
        Gives its pixels as they are now, ``(T, H, W)`` or ``(H, W)``; called from
        the thread that saves.
    attributes
        How it looks; JSON values.
    number
        In the project; None before it is there.
    saved
        What is on disk; None before anything is.
    edited
        Whether it was painted on since it is watched.
    gone
        Whether it was deleted: saved once more, then let go.
    detached
        Whether it is let go without a trace in the project, which keeps it.
    """

    key: Hashable
    loop: WatchedLoop
    kind: str
    name: str
    read: Callable[[], Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    number: int | None = None
    saved: SavedPixels | None = None
    edited: bool = False
    gone: bool = False
    detached: bool = False
    _first: SavedPixels | None = None
    _kept_as: tuple[tuple[int, ...], str] | None = None

    def pixels(self) -> tuple[NDArray[Any], bool]:
        """Return the pixels as ``(T, H, W)``, and whether they have no time axis."""
        now = np.asarray(self.read())
        flat = now.ndim == 2
        return (now[np.newaxis] if flat else now), flat

    def is_new_work(self, pixels: NDArray[Any]) -> bool:
        """Return whether somebody has painted here since the layer is watched.

        Labels that were read from a file are there still, and nothing to keep. They
        are compared with at the first look, so that work which nobody told of counts.
        """
        if self.kind != "labels":
            return False
        if self._first is None:
            self._first = SavedPixels(0, pixels)
        return self.edited or any(True for _ in self._first.changes(pixels))

    def resume(self, record: LayerRecord, pixels: NDArray[Any]) -> None:
        """Go on with a layer of the project, whose pixels are on disk."""
        self.number = record.number
        self.saved = SavedPixels(record.number, pixels)
        self._kept_as = record.shape, record.dtype

    def forget(self) -> None:
        """Be in no project; nothing of it counts as kept."""
        self.number, self.saved, self._kept_as = None, None, None

    def forget_number_unless_in(self, manifest: Manifest) -> None:
        """Have no number, if the project has no layer of it."""
        if all(layer.number != self.number for layer in manifest.layers):
            self.number = None

    def enter(self, manifest: Manifest, pixels: NDArray[Any], flat: bool) -> Manifest:
        """Return a manifest that has the layer as it is now; a new one if it changed.

        A layer that nobody has painted on is not entered: there is nothing to keep.
        """
        kept_as = tuple(pixels.shape), str(pixels.dtype)
        if self.number is not None and kept_as != self._kept_as:
            # the array was replaced by another: what was painted before stays there
            manifest = manifest.without_layer(self.number)
            self.number = None
        if self.number is None:
            if not pixels.any():
                return manifest
            self.number = manifest.next_number
            self.saved, self._kept_as = SavedPixels(self.number), kept_as
        record = LayerRecord(
            self.number, self.loop.number or 0, self.name, self.kind,
            (pixels.shape[0], pixels.shape[1], pixels.shape[2]), str(pixels.dtype),
            flat, attributes=self.attributes,
        )  # fmt: skip
        return manifest.with_layer(record)

    def changes(self, pixels: NDArray[Any]) -> list[Delta]:
        """Return what is not on disk yet."""
        return [] if self.saved is None else list(self.saved.changes(pixels))

    def kept(self, deltas: Iterable[Delta], shape: tuple[int, ...]) -> None:
        """Note what is on disk now."""
        if self.saved is not None:
            self.saved.take(deltas, shape)
