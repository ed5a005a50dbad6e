"""Provide `motionseg project labels`, which writes a project's layers as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_motionseg.cli.console import print_result
from napari_motionseg.cli.mask_format import MaskFormat, format_suffix
from napari_motionseg.cli.options import AsJson, ProjectFolder
from napari_motionseg.cli.targets import Overwrite


def labels(
    project: ProjectFolder,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    form: MaskFormat = "npz",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write each layer of a project as a file that finetune and evaluate read.

    Files of other projects in the folder are kept: a short hash is added to names that
    are taken. motionseg-manifest.json in the folder records the layer of each file.
    """
    from napari_motionseg.io import write_masks
    from napari_motionseg.io.label_numbers import from_project, to_file
    from napari_motionseg.io.label_writers import MASKS
    from napari_motionseg.io.output_folder import OutputFolder, Source
    from napari_motionseg.project.opening import open_project

    suffix = format_suffix(form)
    opened = open_project(project, read_only=True)
    folder = OutputFolder(out, overwrite=overwrite)
    for layer in opened.layers():
        cine = opened.loops.get(layer.loop)
        pixels = opened.pixels[layer.number]
        if layer.names_classes:
            pixels = to_file(from_project(pixels))
        # without a hash of the content, so that a layer keeps its file after more
        # painting
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
        print_result(row, f"{path}: {row['frames']} frames are not empty", as_json)


def safe_name(name: str) -> str:
    """Return a layer's name as a part of a file name."""
    kept = (c if c.isalnum() or c in "-_" else "_" for c in name)
    return "".join(kept) or "labels"
