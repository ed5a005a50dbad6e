"""Provide `motionseg evaluate`, the group of commands that measure networks."""

from __future__ import annotations

import typer

from napari_motionseg.cli.evaluate_ablation import ablation
from napari_motionseg.cli.evaluate_fewshot import fewshot
from napari_motionseg.cli.evaluate_flow_signal import flow_signal
from napari_motionseg.cli.evaluate_masks import masks

app = typer.Typer(help="Measure networks and few-shot learning.", rich_markup_mode=None)
app.command()(masks)
app.command()(fewshot)
app.command()(ablation)
app.command("flow-signal")(flow_signal)
