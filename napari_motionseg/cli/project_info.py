"""Provide `motionseg project info`, which describes a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_note, print_result
from napari_motionseg.cli.options import AsJson, ProjectFolder

if TYPE_CHECKING:
    from napari_motionseg.project.opening import OpenedProject


def info(
    project: ProjectFolder,
    as_json: AsJson = False,
    check: Annotated[
        bool,
        typer.Option(
            help="Decode the loops and check that they are those that were painted on."
        ),
    ] = False,
) -> None:
    """Describe a project, and say which of its loops can be found.

    This works even while a window has the project open.
    """
    from napari_motionseg.project.opening import open_project

    opened = open_project(project, read_only=True)
    changed = {loop.number for loop in opened.changed()} if check else set()
    for row in describe(opened, changed):
        print_result(row, as_line(row), as_json)
    for words in opened.project.notes:
        print_note(words)


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
    """Return a row as one line of text."""
    head = f"{row['kind']} {row['name']}"
    if row["kind"] == "loop":
        count, rows, columns = row["shape"]
        return f"{head}: {count} frames of {rows} x {columns}, {row['state']}"
    if row["kind"] == "network":
        return f"{head}: models/{row['file']}"
    deleted = ", deleted" if row["removed"] else ""
    return f"{head}: on {len(row['frames'])} frames of {row['loop']}{deleted}"
