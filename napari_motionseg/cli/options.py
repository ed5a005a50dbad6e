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
    Path,
    typer.Argument(
        metavar="CINE", help="A DICOM or movie file, or a folder with one loop."
    ),
]
ProjectFolder = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="Folder of a project, NAME.motionseg.")
]
Device = Annotated[
    str,
    typer.Option(
        help="Device: auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:1 or mps."
    ),
]
LARGEST_SEED = 2**63 - 1  # of torch
Seed = Annotated[
    int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of all random numbers.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on each line of stdout.")
]
Checkpoint = Annotated[Path, typer.Option(help="Checkpoint (.safetensors) to write.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue where the last run ended.")
]
Threshold = Annotated[
    float, typer.Option(help="Probability from which a pixel is vessel.")
]
Steps = Annotated[int, typer.Option(min=1, help="Optimizer steps.")]


def given_options(**options: Any) -> dict[str, Any]:
    """Return the options that the user gave: those that are not None."""
    return {name: value for name, value in options.items() if value is not None}
