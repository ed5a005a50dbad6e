"""Provide `motionseg project`, the group of commands on projects."""

from __future__ import annotations

import typer

from napari_motionseg.cli.project_info import info
from napari_motionseg.cli.project_labels import labels

app = typer.Typer(
    name="project",
    help="Describe a project (NAME.motionseg), or export its labels.",
    no_args_is_help=True,
)
app.command()(info)
app.command()(labels)
