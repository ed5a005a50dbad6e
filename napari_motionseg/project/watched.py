"""Describe the loops and layers of a window that are saved automatically."""

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
from napari_motionseg.project.mask_corrections_file import MaskCorrections
from napari_motionseg.project.references import relative_path


@dataclass(frozen=True)
class LoopFacts:
    """Identity of a loop and geometry of its layers, without its pixels.

    Parameters
    ----------
    source, name, pixel_spacing, pixel_aspect
        Fields as in `Cine`.
    shape
        Number of frames, rows and columns.
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
        """Return whether `cine` is the same loop from the same file."""
        mine = (self.source, self.name, self.shape)
        return self.source is not None and mine == (cine.source, cine.name, cine.shape)


@dataclass(eq=False)
class WatchedLoop:
    """A loop that belongs in the project.

    Parameters
    ----------
    key
        Key that identifies it among the loops of the window.
    cine
        The loop; None if it is missing or was released, and its record stays unchanged.
    name
        Name of its layer.
    number
        Number in the project; None before it is entered there.
    relocated
        Whether the project's record must be updated to the source of `cine`.
    gone
        Whether its layer was closed, so that its pixels are held only as long as the
        project needs them.

    Attributes
    ----------
    facts
        Facts that remain known after its pixels were released; None if it is missing.
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
        """Return whether this loop is `cine`, or comes from the same file."""
        same_file = self.facts is not None and self.facts.is_of(cine)
        return self.cine is cine or same_file

    def let_go(self, manifest: Manifest) -> None:
        """Release the pixels if the project has everything that it needs of them.

        Parameters
        ----------
        manifest
            Manifest of the project, which contains the loop.
        """
        if any(loop.number == self.number and loop.content for loop in manifest.loops):
            self.cine = None

    def forget_number_unless_in(self, manifest: Manifest) -> None:
        """Drop the loop's number if the manifest has no loop with that number."""
        if all(loop.number != self.number for loop in manifest.loops):
            self.number = None

    def enter(self, manifest: Manifest, folder: Path) -> Manifest:
        """Return a manifest that contains the loop under its present name."""
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
    """Labels or masks whose pixels are saved as they change.

    Parameters
    ----------
    key
        Key that identifies it among the layers of the window.
    loop
        Loop that the layer belongs to.
    kind
        ``"labels"`` or ``"masks"``.
    name
        Name of the layer.
    read
        Function that returns the present pixels, ``(T, H, W)`` or ``(H, W)``. The
        saving thread calls it.
    attributes
        Appearance of the layer, as JSON values.
    number
        Number in the project; None before it is entered there.
    saved
        Pixels that are on the disk; None before any are.
    edited
        Whether it was painted on since it is watched.
    gone
        Whether it was deleted: it is saved a last time and then released.
    detached
        Whether it is released while the project keeps it.
    corrections
        What the user has corrected in masks; None if nothing was.
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
    corrections: MaskCorrections | None = None
    _first: SavedPixels | None = None
    _kept_as: tuple[tuple[int, ...], str] | None = None
    _kept_corrections: tuple[int | None, MaskCorrections | None] = (None, None)

    def pixels(self) -> tuple[NDArray[Any], bool]:
        """Return the pixels as ``(T, H, W)``, and whether they have no time axis."""
        now = np.asarray(self.read())
        flat = now.ndim == 2
        return (now[np.newaxis] if flat else now), flat

    def is_new_work(self, pixels: NDArray[Any]) -> bool:
        """Return whether the user has painted here since the layer is watched.

        Labels that were read from a file need not be saved. The first comparison takes
        them as the reference, so that even changes without a report are found.
        """
        if self.kind != "labels":
            return False
        if self._first is None:
            self._first = SavedPixels(0, pixels)
        return self.edited or any(True for _ in self._first.changes(pixels))

    def resume(self, record: LayerRecord, pixels: NDArray[Any]) -> None:
        """Continue with a layer of the project whose pixels are on the disk."""
        self.number = record.number
        self.saved = SavedPixels(record.number, pixels)
        self._kept_as = record.shape, record.dtype

    def forget(self) -> None:
        """Leave the project: nothing of the layer counts as saved."""
        self.number, self.saved, self._kept_as = None, None, None

    def forget_number_unless_in(self, manifest: Manifest) -> None:
        """Drop the layer's number if the manifest has no layer with that number."""
        if all(layer.number != self.number for layer in manifest.layers):
            self.number = None

    def enter(self, manifest: Manifest, pixels: NDArray[Any], flat: bool) -> Manifest:
        """Return a manifest with the layer's present state; the same one if unchanged.

        A layer without any painting is not entered, because there is nothing to save.
        """
        kept_as = tuple(pixels.shape), str(pixels.dtype)
        if self.number is not None and kept_as != self._kept_as:
            # the array was replaced by another one; the earlier painting stays saved
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
        """Return the changes that are not on the disk yet."""
        return [] if self.saved is None else list(self.saved.changes(pixels))

    def new_corrections(self) -> MaskCorrections | None:
        """Return the corrections if they are not on the disk yet, else None."""
        number, known = self._kept_corrections
        same = number == self.number and known is self.corrections
        return None if self.number is None or same else self.corrections

    def corrections_kept(self, made: MaskCorrections) -> None:
        """Record corrections as saved."""
        self._kept_corrections = self.number, made

    def kept(self, deltas: Iterable[Delta], shape: tuple[int, ...]) -> None:
        """Record changes as saved."""
        if self.saved is not None:
            self.saved.take(deltas, shape)
