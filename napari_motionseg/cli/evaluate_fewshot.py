"""Provide `motionseg evaluate fewshot`, which compares starts and peers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.fewshot_protocol import (
    SYNTHETIC,
    Data,
    Draws,
    Groups,
    TestStride,
    describe_protocol,
    measure,
    network_methods,
    protocol_settings,
    reference_loops,
    words_of,
)
from napari_motionseg.cli.options import AsJson, Device

if TYPE_CHECKING:
    from napari_motionseg.evaluation.methods import Method

Starts = Annotated[
    str,
    typer.Option(
        help="Starts of fine-tuning: scratch, default or checkpoints, "
        "separated by commas."
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


def fewshot(
    out: Annotated[
        Path, typer.Option(help="Folder to write rows, summary and table to.")
    ],
    data: Data = SYNTHETIC,
    train: Groups = "",
    test: Groups = "",
    starts: Starts = "scratch,default",
    peers: Peers = "random-forest,frangi",
    labels: LabelCounts = "0,1,5,10",
    seeds: Draws = 3,
    within: Annotated[
        bool, typer.Option("--within", help="Label frames of the tested loop itself.")
    ] = False,
    stride: TestStride = 1,
    recipe: Annotated[
        str,
        typer.Option(
            help="Recipe of fine-tuning: tuned (BCE + Dice, falling rate) or paper."
        ),
    ] = "tuned",
    steps: Steps = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Compare starts and peer methods on the same few labelled frames.

    Rows are written as they are computed: the same command continues an interrupted
    run.
    """
    from napari_motionseg.evaluation.record import Record

    learners, testers = reference_loops(data, words_of(train), words_of(test))
    settings = protocol_settings(labels, learners, seeds, stride, within=within)
    methods = methods_of(words_of(starts), words_of(peers), recipe, steps, device)
    record = Record(out, describe_protocol(settings, learners, testers, recipe, steps))
    measure(methods, learners, testers, settings, record, as_json)


def methods_of(
    starts: list[str], peers: list[str], recipe: str, steps: int | None, device: str
) -> dict[str, Method]:
    """Return the methods to compare, by their names in the table.

    Parameters
    ----------
    starts
        ``scratch``, ``default`` or paths of checkpoints to fine-tune from.
    peers
        Names of peer methods; see `evaluation.methods.PEERS`.
    recipe
        Name of the fine-tuning recipe.
    steps
        Number of optimizer steps; None uses the recipe's number.
    device
        Device of the network: ``auto`` or a name that torch knows.
    """
    from napari_motionseg.evaluation.methods import PEERS
    from napari_motionseg.segmentation.initialization import SCRATCH

    named = {s if s in (SCRATCH, "default") else Path(s).stem: s for s in starts}
    methods = network_methods(named, recipe, steps, device)
    return methods | {peer: PEERS.load(peer)() for peer in peers}
