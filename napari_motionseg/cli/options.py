"""Define the arguments and options that several commands share."""

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
ProjectFolder = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="NAME.motionseg")
]
Device = Annotated[
    str, typer.Option(help="auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:1, mps.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object a line on stdout.")
]
Checkpoint = Annotated[Path, typer.Option(help="Checkpoint (.safetensors) to write.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where the last run ended.")
]
Threshold = Annotated[
    float, typer.Option(help="Probability from which a pixel is vessel.")
]
Steps = Annotated[int, typer.Option(min=1, help="Optimizer steps.")]


def given_options(**options: Any) -> dict[str, Any]:
    """Return the options that the user gave, which are not None."""
    return {name: value for name, value in options.items() if value is not None}
