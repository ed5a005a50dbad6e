"""Read and write ``project.json``: the loops, layers and models of a project."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.json_files import read_json
from napari_motionseg.io.label_numbers import has_screen_numbers
from napari_motionseg.project import manifest_rows as rules
from napari_motionseg.version import __version__

FILE = "project.json"
FORMAT = "motionseg-project"
VERSION = 1  # raise it whenever older releases could misread the file
LARGEST_FILE = 2**26  # bytes of project.json; valid files have some kilobytes
Row = TypeVar("Row", "LoopRecord", "LayerRecord", "ModelRecord")


@dataclass(frozen=True)
class LoopRecord:
    """A loop of a project; its file stays where it is.

    Parameters
    ----------
    number
        Number that is unique in the project and never reused.
    name
        Name of its layer.
    path
        Path relative to the project's folder, with ``/``, or absolute on another drive;
        empty if the loop does not come from a file.
    content
        Hash of its pixels, see `Cine.content_hash`; empty until it is computed.
    shape
        Number of frames, rows and columns.
    stored
        Name of the file in the project's folder ``loops`` with the pixels of a loop
        that does not come from a file; empty for other loops.
    """

    number: int
    name: str
    path: str
    shape: tuple[int, int, int]
    content: str = ""
    stored: str = ""


@dataclass(frozen=True)
class LayerRecord:
    """Labels or masks of a loop.

    Parameters
    ----------
    number
        Number that is unique in the project and never reused.
    loop
        Number of the loop.
    name
        Name of the layer.
    kind
        ``"labels"`` for painted labels, ``"masks"`` for masks of a network.
    shape, dtype
        Shape ``(T, H, W)`` or ``(1, H, W)``, and data type, of the pixels.
    flat
        Whether the layer has no time axis.
    removed
        Whether it was deleted in the window; its pixels are kept.
    attributes
        Appearance, and values that a dock stores with it, as JSON values.
    """

    number: int
    loop: int
    name: str
    kind: str
    shape: tuple[int, int, int]
    dtype: str
    flat: bool = False
    removed: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def names_classes(self) -> bool:
        """Whether it is painted on in a dock, which names its classes.

        Its pixels are stored as `napari_motionseg.io.label_numbers` says.
        """
        metadata = self.attributes.get("metadata")
        named = isinstance(metadata, dict) and has_screen_numbers(metadata)
        return self.kind == "labels" and named


@dataclass(frozen=True)
class ModelRecord:
    """A network that was trained in the project.

    Parameters
    ----------
    file
        Name of its file in the project's folder ``models``.
    kind
        ``"embedding"`` or ``"segmentation"``.
    title
        Name that users see.
    """

    file: str
    kind: str
    title: str


@dataclass(frozen=True)
class Manifest:
    """Loops, layers and models of a project; written anew at each change.

    Parameters
    ----------
    loops, layers, models
        Records in the order in which they were added.
    settings
        Settings that docks store in the project, by dock, as JSON values.
    next_number
        Number of the next loop or layer.
    """

    loops: tuple[LoopRecord, ...] = ()
    layers: tuple[LayerRecord, ...] = ()
    models: tuple[ModelRecord, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    next_number: int = 1

    def loop(self, number: int) -> LoopRecord:
        """Return the record of a loop, given its number."""
        return next(loop for loop in self.loops if loop.number == number)

    def layer(self, number: int) -> LayerRecord:
        """Return the record of a layer, given its number."""
        return next(layer for layer in self.layers if layer.number == number)

    def with_loop(self, record: LoopRecord) -> Manifest:
        """Return a manifest with a loop added, or replaced if its number exists."""
        return self._with("loops", record)

    def with_layer(self, record: LayerRecord) -> Manifest:
        """Return a manifest with a layer added, or replaced if its number exists."""
        return self._with("layers", record)

    def without_layer(self, number: int) -> Manifest:
        """Return a manifest after a layer was deleted in the window.

        Painted labels are only marked as removed and can be restored. Masks of a
        network can be computed again, so their record is dropped.
        """
        record = self.layer(number)
        if record.kind == "labels":
            return self.with_layer(dataclasses.replace(record, removed=True))
        kept = tuple(layer for layer in self.layers if layer.number != number)
        return dataclasses.replace(self, layers=kept)

    def with_settings(self, settings: dict[str, Any]) -> Manifest:
        """Return a manifest with other settings."""
        return dataclasses.replace(self, settings=settings)

    def _with(self, name: str, record: Any) -> Manifest:
        rows = {row.number: row for row in getattr(self, name)} | {
            record.number: record
        }
        following = max(self.next_number, record.number + 1)
        changes: dict[str, Any] = {name: tuple(rows.values())}
        return dataclasses.replace(self, next_number=following, **changes)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``project.json`` atomically, and wait until it is on the disk.

    Raises
    ------
    WriteError
        If it cannot be written, or a value cannot be stored as JSON.
    """
    head = {"format": FORMAT, "version": VERSION, "saved_by": __version__}
    try:
        text = json.dumps({**head, **dataclasses.asdict(manifest)}, indent=1)
    except (TypeError, ValueError, RecursionError) as error:
        raise WriteError(f"{folder / FILE}: cannot be written: {error}") from error
    with replacing(folder / FILE) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read ``project.json``.

    Raises
    ------
    ReadError
        If it is missing, is not a regular file, is damaged, or was written by a newer
        version.
    """
    path = folder / FILE
    try:
        content = read_json(path, LARGEST_FILE, follow_links=False)
    except ReadError as error:
        if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
            raise ReadError(f"{folder}: is not a project: {FILE} is missing") from error
        raise
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ReadError(f"{path}: is not a project of napari-motionseg")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise ReadError(
            f"{path}: damaged: its format version must be a number; got {version!r:.80}"
        )
    if version > VERSION:
        raise ReadError(
            f"{path}: was written by napari-motionseg "
            f"{rules.name(str(content.get('saved_by'))):.40} in format {version}; this "
            f"is {__version__}, which reads up to format {VERSION}; update "
            "napari-motionseg to open it"
        )
    try:
        return _manifest(content)
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError(
            f"{path}: damaged: {error}; restore the file from a backup"
        ) from error


def _manifest(content: dict[str, Any]) -> Manifest:
    loops = _rows(content, "loops", LoopRecord)
    layers = _rows(content, "layers", LayerRecord)
    models = _rows(content, "models", ModelRecord)
    numbers = [loop.number for loop in loops] + [layer.number for layer in layers]
    if len(set(numbers)) < len(numbers):
        raise ValueError("a number is used twice")
    known = {loop.number for loop in loops}
    for layer in layers:
        if layer.loop not in known:
            raise ValueError(
                f"layer {layer.name!r} is of loop {layer.loop}, which does not exist"
            )
    rest = rules.checked(content, _RULES[Manifest], "the project")
    following = [rest.get("next_number", 1), *(number + 1 for number in numbers)]
    rules.number(max(following))  # a larger number would make the next manifest invalid
    settings = rest.get("settings", {})
    return Manifest(loops, layers, models, settings, max(following))


def _rows(content: dict[str, Any], name: str, kind: type[Row]) -> tuple[Row, ...]:
    rows = content[name]
    if not isinstance(rows, list):
        raise TypeError(f"{name} must be a list")
    return tuple(kind(**rules.checked(row, _RULES[kind], name)) for row in rows)


_RULES: dict[type, dict[str, Callable[[Any], Any]]] = {
    LoopRecord: {
        "number": rules.number, "name": rules.name, "path": rules.path,
        "shape": rules.shape, "content": rules.text, "stored": rules.stored,
    },
    LayerRecord: {
        "number": rules.number, "loop": rules.number, "name": rules.name,
        "kind": rules.kind_of_layer, "shape": rules.shape, "dtype": rules.dtype,
        "flat": rules.flag, "removed": rules.flag, "attributes": rules.mapping,
    },
    Manifest: {"settings": rules.mapping, "next_number": rules.number},
    ModelRecord: {
        "file": rules.file_name, "kind": rules.name, "title": rules.name,
    },
}  # fmt: skip
