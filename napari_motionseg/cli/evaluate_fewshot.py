"""Provide `motionseg evaluate fewshot`, which compares starts and peers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import run_job
from napari_motionseg.cli.fewshot_protocol import (
    SYNTHETIC,
    Data,
    DrawRange,
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_motionseg.evaluation import ReferenceLoop
    from napari_motionseg.evaluation.fewshot import Protocol
    from napari_motionseg.evaluation.methods import Method
    from napari_motionseg.evaluation.starts import Start
    from napari_motionseg.segmentation import FinetuneSettings

Starts = Annotated[
    str,
    typer.Option(
        help="Starts of fine-tuning, separated by commas: scratch, default or "
        "checkpoints. Words before a start: encoder: uses its encoder alone; shuffled: "
        "repeats its pretraining with the flow of other pictures; whitened:scratch is "
        "random weights with whitened features; plain: leaves features as they are."
    ),
]
Peers = Annotated[
    str,
    typer.Option(
        help="Peer methods, separated by commas: random-forest, frangi; none if empty."
    ),
]

LabelCounts = Annotated[
    str,
    typer.Option(
        help="Numbers of labelled frames, separated by commas; 0 is none, "
        "all is every frame."
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1, help="Optimizer steps of fine-tuning; default: those of the recipe."
    ),
]


Seeds = Annotated[int, typer.Option(min=1, help="Number of draws of labelled frames.")]
Within = Annotated[
    bool, typer.Option("--within", help="Label frames of the tested loop itself.")
]
LeaveOneOut = Annotated[
    bool,
    typer.Option(
        "--leave-one-out",
        help="Test each group of --test in turn, with all other groups of --train and "
        "--test to learn from.",
    ),
]
NoEarlyStopping = Annotated[
    bool,
    typer.Option(
        "--no-early-stopping",
        help="Train all steps, even if the masks no longer change.",
    ),
]
SnapshotEvery = Annotated[
    int,
    typer.Option(
        min=0,
        help="Also test the network every so many steps, and report the best of them; "
        "0 tests the last one only.",
    ),
]
Probe = Annotated[
    bool,
    typer.Option(
        "--probe",
        help="Fit a linear probe on frozen features in place of fine-tuning: a cheap "
        "first look.",
    ),
]


OutFolder = Annotated[
    Path, typer.Option("--out", help="Folder to write rows, summary and table to.")
]
Recipe = Annotated[
    str,
    typer.Option(
        help="Recipe of fine-tuning: tuned (BCE + Dice, falling rate) or paper."
    ),
]


def fewshot(
    out: OutFolder,
    data: Data = SYNTHETIC,
    train: Groups = "",
    test: Groups = "",
    starts: Starts = "scratch,default",
    peers: Peers = "random-forest,frangi",
    labels: LabelCounts = "0,1,5,10",
    seeds: Seeds = 16,
    draws: DrawRange = "",
    within: Within = False,
    leave_one_out: LeaveOneOut = False,
    probe: Probe = False,
    stride: TestStride = 1,
    recipe: Recipe = "tuned",
    steps: Steps = None,
    no_early_stopping: NoEarlyStopping = False,
    snapshot_every: SnapshotEvery = 0,
    cached: Cached = True,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Compare starts and peer methods on the same few labelled frames.

    Rows are written as they are computed: the same command continues an interrupted
    run.
    """
    from napari_motionseg.evaluation.record import Record

    protocol = protocol_of(within, leave_one_out)
    learners, testers = reference_loops(data, words_of(train), words_of(test))
    loops = learners + testers
    labelled = loops if leave_one_out else learners
    chosen = draws or f"1-{seeds}"
    settings = protocol_settings(labels, labelled, chosen, stride, protocol)
    options = {"no_early_stopping": no_early_stopping, "snapshot_every": snapshot_every}
    described = describe_protocol(settings, learners, testers, recipe, steps, **options)
    record = Record(out, described)
    tuning = finetune_settings(recipe, steps, early_stopping=not no_early_stopping)
    ready = ready_starts(words_of(starts), loops, out, cached)
    methods = start_methods(ready, tuning, device, snapshot_every, probe=probe)
    methods |= peer_methods(words_of(peers))
    measure(methods, learners, testers, settings, record, as_json)


def protocol_of(within: bool, leave_one_out: bool) -> Protocol:
    """Return the protocol that two options name.

    Raises
    ------
    SettingsError
        If both are given.
    """
    if within and leave_one_out:
        raise SettingsError(
            "--within and --leave-one-out exclude each other: labels come either from "
            "the tested loop or from other patients"
        )
    if leave_one_out:
        return "leave-one-out"
    return "within" if within else "across"


def ready_starts(
    texts: list[str], loops: list[ReferenceLoop], out: Path, cached: bool
) -> dict[str, Start]:
    """Return the starts by their names in the table; pretrain the shuffled ones.

    Parameters
    ----------
    texts
        Starts as texts; see `parse_start`.
    loops
        Loops that they may have been pretrained on.
    out
        Folder for checkpoints of controls.
    cached
        Whether flow is read from the cache and stored in it.
    """
    from napari_motionseg.evaluation.starts import parse_start, prepare_starts_job
    from napari_motionseg.motion import FlowCache

    given = [parse_start(text) for text in texts]
    cache = FlowCache.default() if cached else None
    cines = [loop.cine for loop in loops]
    return run_job(prepare_starts_job(given, cines, out, cache), "Pretraining controls")


def start_methods(
    starts: Mapping[str, Start],
    settings: FinetuneSettings,
    device: str,
    snapshot_every: int,
    *,
    probe: bool,
) -> dict[str, Method]:
    """Return a method for each start: fine-tuning, or a linear probe.

    Parameters
    ----------
    starts
        Starts by their names.
    settings
        Settings of fine-tuning, which are the same for all.
    device
        Name of the device.
    snapshot_every
        Number of steps between two networks that are tested; 0 tests the last one only.
    probe
        Whether to fit linear probes, which are named ``probe:START``.
    """
    from napari_motionseg.evaluation.linear_probe import LinearProbe
    from napari_motionseg.evaluation.paired_statistics import PROBE

    if not probe:
        return network_methods(starts, settings, device, snapshot_every)
    return {
        f"{PROBE}{name}": LinearProbe(start, settings.network, device)
        for name, start in starts.items()
    }


def peer_methods(names: list[str]) -> dict[str, Method]:
    """Return peer methods by their names; see `evaluation.methods.PEERS`."""
    from napari_motionseg.evaluation.methods import PEERS

    return {name: PEERS.load(name)() for name in names}
