"""Provide `motionseg evaluate ablation`, which compares ways of pretraining."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import run_job
from napari_motionseg.cli.fewshot_protocol import (
    SYNTHETIC,
    Data,
    Draws,
    Groups,
    TestStride,
    describe_protocol,
    finetune_settings,
    measure,
    network_methods,
    protocol_settings,
    reference_loops,
    words_of,
)
from napari_motionseg.cli.flow import Cached
from napari_motionseg.cli.options import AsJson, Device
from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_motionseg.evaluation.ablations import Variant
    from napari_motionseg.training import PretrainSettings

Comparison = Annotated[
    str,
    typer.Argument(
        help="Name of the comparison: objective, flow, kernel, "
        "neighbourhood, guidance or nets."
    ),
]
Steps = Annotated[int, typer.Option(min=1, help="Optimizer steps of each pretraining.")]
LabelCounts = Annotated[
    str, typer.Option(help="Numbers of labelled frames, separated by commas.")
]


def ablation(
    name: Comparison,
    out: Annotated[
        Path, typer.Option(help="Folder to write checkpoints, rows and summary to.")
    ],
    data: Data = SYNTHETIC,
    train: Groups = "",
    test: Groups = "",
    only: Annotated[
        str, typer.Option(help="Names of variants, separated by commas; all if empty.")
    ] = "",
    steps: Steps = 1000,
    labels: LabelCounts = "1",
    seeds: Draws = 3,
    stride: TestStride = 1,
    cached: Cached = True,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Pretrain variants that differ in one setting, and compare them as starts.

    All variants learn from the motion of the training loops, without labels. They are
    then fine-tuned on the same few labelled frames, like a network from scratch. The
    same command continues an interrupted run.
    """
    from napari_motionseg.evaluation.ablations import variants_job, variants_of
    from napari_motionseg.evaluation.record import Record
    from napari_motionseg.evaluation.starts import Start
    from napari_motionseg.motion import FlowCache
    from napari_motionseg.segmentation.initialization import SCRATCH

    variants = choose_variants(variants_of(name), words_of(only))
    learners, testers = reference_loops(data, words_of(train), words_of(test))
    settings = protocol_settings(labels, learners, f"1-{seeds}", stride)
    cache = FlowCache.default() if cached else None
    base = pretrain_settings(steps, device)
    cines = [loop.cine for loop in learners]
    out.mkdir(parents=True, exist_ok=True)
    starts = run_job(variants_job(variants, cines, base, out, cache), "Pretraining")
    named = {SCRATCH: Start(SCRATCH)}
    named |= {name: Start(str(path)) for name, path in starts.items()}
    methods = network_methods(named, finetune_settings("tuned", None), device)
    described = describe_protocol(settings, learners, testers, "tuned", None)
    record = Record(out, described | {"ablation": name, "pretraining_steps": steps})
    measure(methods, learners, testers, settings, record, as_json)


def pretrain_settings(steps: int, device: str) -> PretrainSettings:
    """Return the settings that all variants share: those of `motionseg pretrain`."""
    from napari_motionseg.training import PretrainSettings
    from napari_motionseg.training.engine.recipes import with_changes

    steps_and_device = {
        "steps": steps, "training.steps": steps,
        "training.device": device, "flow.device": device,
    }  # fmt: skip
    return with_changes(PretrainSettings.recipe("loops"), steps_and_device)


def choose_variants(
    variants: Mapping[str, Variant], names: list[str]
) -> dict[str, Variant]:
    """Return the variants with the given names; all variants if there are no names.

    Raises
    ------
    SettingsError
        If a name is unknown.
    """
    unknown = [name for name in names if name not in variants]
    if unknown:
        raise SettingsError(unknown_name("variant", unknown[0], variants))
    return {n: v for n, v in variants.items() if not names or n in names}
