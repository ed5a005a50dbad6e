"""Read everything that a project holds, for a window or a command."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import ReadError
from napari_motionseg.project.folder import Project
from napari_motionseg.project.manifest import LayerRecord, LoopRecord
from napari_motionseg.project.mask_corrections_file import (
    MaskCorrections,
    read_corrections,
)
from napari_motionseg.project.mask_probabilities import (
    MaskProbabilities,
    read_probabilities,
)
from napari_motionseg.project.references import is_same, read_loop


@dataclass(eq=False)
class OpenedProject:
    """An open project with its loops and pixels.

    Parameters
    ----------
    project
        The open project.
    pixels
        Pixels ``(T, H, W)`` of each layer, by its number.
    loops
        Loops that could be read, by number.
    probabilities
        What masks were made of, by the number of their layer; empty until it is read.
    missing
        Reasons why other loops could not be read, by number.
    uncorrected
        Numbers of layers of masks whose corrections are not known: a release that did
        not store them has written the project, or their file is damaged.
    """

    project: Project
    pixels: dict[int, NDArray[Any]]
    loops: dict[int, Cine] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    probabilities: dict[int, MaskProbabilities] = field(default_factory=dict)
    uncorrected: set[int] = field(default_factory=set)

    def layers(self, *, removed: bool = False) -> list[LayerRecord]:
        """Return the layers that are shown, or the deleted ones if `removed`."""
        layers = self.project.manifest.layers
        return [layer for layer in layers if layer.removed == removed]

    def layer_pixels(self, record: LayerRecord) -> NDArray[Any]:
        """Return the pixels of a layer with the axes that it had in the window."""
        pixels = self.pixels[record.number]
        return pixels[0] if record.flat else pixels

    def read_probabilities(self) -> None:
        """Read what masks were made of; note what is damaged, and leave it out."""
        for record in self.layers():
            if record.kind != "masks":
                continue
            try:
                known = read_probabilities(
                    self.project.folder, record.number, record.shape
                )
            except ReadError as error:
                self.project.notes.append(
                    f"{error}. The masks of {record.name!r} are kept, but no threshold "
                    "changes them"
                )
                continue
            if known is not None:
                self.probabilities[record.number] = self._with_corrections(
                    record, known
                )

    def _with_corrections(
        self, record: LayerRecord, known: MaskProbabilities
    ) -> MaskProbabilities:
        """Return probabilities with the corrections that the user has made since."""
        made: MaskCorrections | None = None
        try:
            made = read_corrections(self.project.folder, record.number, record.shape)
        except ReadError as error:
            self.project.notes.append(
                f"{error}. Pixels of {record.name!r} that differ from what the network "
                "made count as corrected"
            )
        if made is None:
            self.uncorrected.add(record.number)
            return known
        confirmed = known.confirmed | made.confirmed
        return dataclasses.replace(known, confirmed=confirmed, corrections=made.frames)

    def find(self, number: int, at: Path | None = None) -> None:
        """Read a loop, or record why it cannot be read. Any thread may call it."""
        record = self.project.manifest.loop(number)
        try:
            self.loops[number] = read_loop(record, self.project.folder, at)
        except ReadError as error:
            self.missing[number] = str(error)
        else:  # in this order, another thread never sees a loop half found
            self.missing.pop(number, None)

    def changed(self) -> list[LoopRecord]:
        """Return the loops whose pixels differ from those that were painted on.

        Every frame is decoded for this.
        """
        records = [loop for loop in self.project.manifest.loops if loop.content]
        there = [record for record in records if record.number in self.loops]
        return [r for r in there if not is_same(self.loops[r.number], r)]


def open_project(folder: str | Path, *, read_only: bool = False) -> OpenedProject:
    """Open a project and read its content.

    If a loop is missing, the other loops and all labels are still read.

    Parameters
    ----------
    folder
        Path of the project.
    read_only
        Whether the project is only read, which several windows may do at once.

    Raises
    ------
    ReadError
        If the project cannot be opened; see `Project.open`.
    """
    project = Project.open(folder, read_only=read_only)
    try:
        opened = OpenedProject(project, project.read_layers())
        for loop in project.manifest.loops:
            opened.find(loop.number)
    except BaseException:
        project.close()  # otherwise the project stays locked until this process ends
        raise
    return opened
