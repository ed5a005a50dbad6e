"""Provide `motionseg doctor`, which examines this installation."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.options import AsJson


def doctor(
    as_json: AsJson = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Skip the self-test, which takes ten seconds."),
    ] = False,
) -> None:
    """Examine this installation, for yourself or for a bug report.

    Show versions, devices, decoders, OpenGL, cache, free memory and disk, then make,
    read, track and segment a small synthetic loop. Each line that is broken says what
    to do. No patient data and no user name are shown. Exit code 1 if something is
    broken.
    """
    from napari_motionseg.doctor import PARTS, examine_job

    parts = [title for title in PARTS if not (quick and title == "self-test")]
    found = run_job(examine_job(parts), "doctor")
    print_result(found.row(), "\n".join(found.lines()), as_json, table=True)
    if found.broken:
        raise typer.Exit(1)
