"""`motionseg project`: what a project holds, and its labels as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import answer, note
from napari_motionseg.cli.masks import FORMATS
from napari_motionseg.cli.options import AsJson
from napari_motionseg.cli.targets import Overwrite
from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_choice

if TYPE_CHECKING:
    from napari_motionseg.project.opening import OpenedProject

app = typer.Typer(
    name="project",
    help="Look at a project (NAME.motionseg) and take its labels out.",
    no_args_is_help=True,
)
Folder = Annotated[Path, typer.Argument(metavar="PROJECT", help="NAME.motionseg")]


@app.command()
def info(
    project: Folder,
    as_json: AsJson = False,
    check: Annotated[
        bool, typer.Option(help="Also compare the loops with what was painted on.")
    ] = False,
) -> None:
    """Say what a project holds, and which of its loops are there.

    May be asked while a window has the project open.
    """
    from napari_motionseg.project.opening import open_project

    opened = open_project(project, read_only=True)
    changed = {loop.number for loop in opened.changed()} if check else set()
    for row in describe(opened, changed):
        answer(row, as_line(row), as_json)
    for words in opened.project.notes:
        note(words)


def describe(opened: OpenedProject, changed: set[int]) -> list[dict[str, Any]]:
    """Return a row for each loop, layer and network of a project."""
    manifest = opened.project.manifest
    rows: list[dict[str, Any]] = []
    for loop in manifest.loops:
        state = opened.missing.get(loop.number, "there")
        if loop.number in changed:
            state = "there, but its pixels have changed"
        rows.append(
            {"kind": "loop", "name": loop.name, "shape": loop.shape, "state": state}
        )
    for layer in manifest.layers:
        pixels = opened.pixels[layer.number]
        rows.append(
            {
                "kind": layer.kind,
                "name": layer.name,
                "loop": manifest.loop(layer.loop).name,
                "frames": [t for t, frame in enumerate(pixels) if frame.any()],
                "removed": layer.removed,
            }
        )
    rows += [
        {"kind": "network", "name": model.title, "file": model.file}
        for model in manifest.models
    ]
    return rows


def as_line(row: dict[str, Any]) -> str:
    """Return a row as one line for a person."""
    head = f"{row['kind']} {row['name']}"
    if row["kind"] == "loop":
        count, rows, columns = row["shape"]
        return f"{head}: {count} frames of {rows} x {columns}, {row['state']}"
    if row["kind"] == "network":
        return f"{head}: models/{row['file']}"
    deleted = ", deleted" if row["removed"] else ""
    return f"{head}: on {len(row['frames'])} frames of {row['loop']}{deleted}"


@app.command()
def labels(
    project: Folder,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    form: Annotated[
        str, typer.Option("--format", help="npz, tiff, nii, or png (a folder a layer).")
    ] = "npz",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write each layer of a project as a file that finetune and evaluate read.

    Files of another project in the folder stay: a short hash is added to the names.
    motionseg-manifest.json in the folder says which layer each file came from.
    """
    from napari_motionseg.io import write_masks
    from napari_motionseg.io.label_writers import MASKS
    from napari_motionseg.io.output_folder import OutputFolder, Source
    from napari_motionseg.project.opening import open_project

    if form not in FORMATS:
        raise SettingsError(unknown_choice("--format", form, FORMATS))
    opened = open_project(project, read_only=True)
    folder = OutputFolder(out, overwrite=overwrite)
    suffix = FORMATS[form]
    for layer in opened.layers():
        cine = opened.loops.get(layer.loop)
        pixels = opened.pixels[layer.number]
        # Without a hash of the content: what is painted on comes to the same file.
        source = Source(str(project.absolute()), f"{layer.number} {layer.name}", "")
        names = [(f"{layer.number}_{safe_name(layer.name)}", suffix)]
        filled = pixels.any(axis=(1, 2))
        timed = cine is not None and len(cine) == len(pixels)
        with folder.writing(source, names, "" if suffix else MASKS) as draft:
            write_masks(
                draft.temporary[0], pixels, labelled=filled,
                frame_times=cine.frame_times if cine is not None and timed else None,
                pixel_spacing=None if cine is None else cine.pixel_spacing,
            )  # fmt: skip
        path = draft.final[0]
        row = {
            "layer": layer.name, "source": source.path, "file": str(path),
            "frames": int(filled.sum()),
        }  # fmt: skip
        answer(row, f"{path}: {row['frames']} frames hold something", as_json)


def safe_name(name: str) -> str:
    """Return a layer's name as a part of a file's name."""
    kept = (c if c.isalnum() or c in "-_" else "_" for c in name)
    return "".join(kept) or "labels"
