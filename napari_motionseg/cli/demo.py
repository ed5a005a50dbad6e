"""Provide `motionseg demo`, which runs all steps on a synthetic loop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_result, run_job, stderr_console
from napari_motionseg.cli.options import AsJson, Device, Seed, given_options
from napari_motionseg.cli.targets import Overwrite
from napari_motionseg.errors import JobError

if TYPE_CHECKING:
    from napari_motionseg.demo import DemoResult

Gui = Annotated[
    bool, typer.Option("--gui", help="Open the result in napari at the end.")
]
Size = Annotated[
    int | None, typer.Option(help="Number of rows and columns of the loop.")
]
Frames = Annotated[int | None, typer.Option(help="Number of frames of the loop.")]
Steps = Annotated[
    int | None,
    typer.Option(min=1, help="Optimizer steps of each of the two trainings."),
]


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write all results to.")] = Path(
        "demo-out"
    ),
    gui: Gui = False,
    size: Size = None,
    frames: Frames = None,
    flow_method: Annotated[
        str, typer.Option(help="Flow method; see motionseg flow --help.")
    ] = "pwcnet",
    steps: Steps = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run all steps on a synthetic loop; no data and no download are needed.

    Make a DICOM loop, read it, estimate its flow, learn an embedding from the motion
    without labels, fine-tune the network that ships on ONE labelled frame, segment
    every frame, compare with the truth, write a report.
    Files of an earlier demo in the folder are replaced; other files stay.
    """
    from napari_motionseg.demo import STAGES, Demo, DemoSettings

    changes = given_options(
        size=size, frames=frames, pretrain_steps=steps, finetune_steps=steps
    )
    changes["flow_method"] = flow_method
    run = Demo(
        DemoSettings(seed=seed, device=device, **changes), out, overwrite=overwrite
    )
    for number, stage in enumerate(STAGES, start=1):
        title = f"{number}/{len(STAGES)} {stage.title}"
        run_job(run.timed(stage), f"{title:<18}")
    result = run.result()
    if as_json:
        print_result(result.row(), "", as_json)
    else:
        show(result)
    if gui:
        open_window(result)


def show(result: DemoResult) -> None:
    """Print the closing table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="motionseg demo", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in result.lines():
        table.add_row(name, value)
    Console(highlight=False).print(table)
    stderr_console().print("Research use only; not a medical device.")


def open_window(result: DemoResult) -> None:
    """Open loop and masks in napari, in a separate process.

    Raises
    ------
    JobError
        If the window cannot be opened.
    """
    words: list[Any] = [
        sys.executable, "-m", "napari_motionseg.widgets.common.window",
        result.files["cine"], "--masks", result.files["masks"],
    ]  # fmt: skip
    code = subprocess.run([str(word) for word in words], check=False).returncode
    if code:
        raise JobError(
            f"the window ended with exit code {code}; is napari installed with Qt? "
            "pip install 'napari-motionseg[all]'"
        )
