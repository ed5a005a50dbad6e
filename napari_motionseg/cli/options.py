"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Cines = Annotated[
    list[Path],
    typer.Argument(metavar="CINE...", help="DICOM or movie files, or folders of them."),
]
OneCine = Annotated[
    Path, typer.Argument(metavar="CINE", help="A DICOM or movie file, or one series.")
]
Device = Annotated[
    str, typer.Option(help="auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:1, mps.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object a line on stdout.")
]
Steps = Annotated[int, typer.Option(min=1, help="Optimizer steps.")]
Rate = Annotated[float, typer.Option("--learning-rate", "--lr", help="Of Adam.")]


def given(**options: Any) -> dict[str, Any]:
    """Return the options that the user gave: those that are not None."""
    return {name: value for name, value in options.items() if value is not None}
