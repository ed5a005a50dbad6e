"""Provide `motionseg project`, the group of commands on projects."""

from __future__ import annotations

import typer

from napari_motionseg.cli.project_info import info
from napari_motionseg.cli.project_labels import labels

app = typer.Typer(
    name="project",
    help="Look at a project (NAME.motionseg) and take its labels out.",
    no_args_is_help=True,
)
app.command()(info)
app.command()(labels)
