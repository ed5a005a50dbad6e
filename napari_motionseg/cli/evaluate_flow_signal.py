"""Provide `motionseg evaluate flow-signal`, which measures what a flow can teach."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.cli.flow import Cached, Gap, Weights, flow_settings
from napari_motionseg.cli.labelled_loops import KnownLabels, read_known
from napari_motionseg.cli.options import AsJson, Cines, Device
from napari_motionseg.cli.targets import require_target
from napari_motionseg.errors import SettingsError
from napari_motionseg.text import as_json as json_text

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.evaluation.loop_signal import SignalLoop
    from napari_motionseg.io import Labels

NETWORK = "network"
# columns of the table, with the measures that they show
COLUMNS = {
    "nats, paper": "nats_paper",
    "nats, louder": "nats_louder",
    "drawn on vessels": "drawn_paper",
    "AUC length": "auc_length",
    "AUC relative": "auc_relative",
    "AUC boundary": "auc_boundary",
    "agree, vessel": "agree_vessel",
}

Methods = Annotated[
    str,
    typer.Option(help="Flow methods, separated by commas; see motionseg flow --help."),
]
Pairs = Annotated[
    int,
    typer.Option(
        min=1,
        help="Pairs of frames of each loop, spread over those with contrast agent.",
    ),
]
Vessels = Annotated[
    str,
    typer.Option(
        help="Where vessels are known from without --labels: masks (NAME_mask.npz "
        "beside NAME.dcm, else the network) or network (the one that ships)."
    ),
]
Out = Annotated[Path | None, typer.Option(help="JSON file to write all numbers to.")]


def flow_signal(
    cines: Cines,
    methods: Methods = "pwcnet",
    labels: KnownLabels = None,
    vessels: Vessels = "masks",
    pairs: Pairs = 4,
    gap: Gap = "auto",
    weights: Weights = None,
    out: Out = None,
    cached: Cached = True,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure how much the flow of loops can teach, before anyone trains.

    Print, for each flow method, what the targets of an embedding say (in nats above a
    constant), and how well the flow separates vessels from the rest.
    """
    from napari_motionseg.cli.fewshot_protocol import words_of
    from napari_motionseg.evaluation.loop_signal import (
        SignalSettings,
        flow_signal_job,
        summarize_signal,
    )
    from napari_motionseg.motion import FlowCache

    if out is not None:
        require_target(out, (*cines, *(labels or ()), weights))
    flow = flow_settings(gap, "pwcnet", weights, device)
    settings = SignalSettings(tuple(words_of(methods)), pairs, flow)
    loops = signal_loops(cines, labels or (), vessels, device)
    cache = FlowCache.default() if cached else None
    rows = run_job(flow_signal_job(loops, settings, cache), "Flow signal")
    summary = summarize_signal(rows)
    if out is not None:
        _write(out, {"methods": summary, "rows": rows})
    if summary[0]["patients"] == 1:
        print_note("all loops are of one patient, so there are no intervals")
    if as_json:
        for row in summary:
            print_result(row, "", as_json)
    else:
        print_result({}, as_text(summary), as_json, table=True)


def _write(out: Path, found: dict[str, Any]) -> None:
    from napari_motionseg.io.atomic import replacing

    with replacing(out) as temporary:
        temporary.write_text(json_text(found, indent=1) + "\n")


def signal_loops(
    paths: Sequence[Path], labels: Sequence[Path], vessels: str, device: str
) -> list[SignalLoop]:
    """Read loops together with their vessels.

    Parameters
    ----------
    paths
        Files or folders of loops.
    labels
        Label file of each loop, in the same order; none looks for masks beside loops.
    vessels
        ``"masks"`` or ``"network"``.
    device
        Name of the device of the network.

    Raises
    ------
    SettingsError
        If `vessels` is another word, or the numbers of labels and loops differ.
    """
    from napari_motionseg.evaluation.loop_signal import SignalLoop
    from napari_motionseg.io import read_cines

    if vessels not in ("masks", NETWORK):
        raise SettingsError(f"--vessels must be masks or network; got {vessels!r}")
    cines = [cine for path in paths for cine in read_cines(path)]
    if labels and len(labels) != len(cines):
        raise SettingsError(
            f"--labels must be given once for each loop, in the same order; got "
            f"{len(labels)} for {len(cines)} loops"
        )
    if labels:
        pairs = zip(cines, labels, strict=True)
        known = [read_known(path, cine, "dense") for cine, path in pairs]
        return [SignalLoop(c, k) for c, k in zip(cines, known, strict=True)]
    found = [None if vessels == NETWORK else labels_beside(cine) for cine in cines]
    lacking = sum(one is None for one in found)
    predict = None
    if lacking:
        from napari_motionseg.evaluation.methods import vessel_predictor

        print_note(f"vessels of {lacking} loops come from the network that ships")
        predict = vessel_predictor("default", device)
    return [SignalLoop(c, k, predict) for c, k in zip(cines, found, strict=True)]


def labels_beside(cine: Cine) -> Labels | None:
    """Return the labels in ``NAME_mask.npz`` beside a loop, or None."""
    from napari_motionseg.evaluation.reference_loops import MASK_SUFFIX

    if cine.source is None:
        return None
    path = cine.source.with_name(f"{cine.source.stem}{MASK_SUFFIX}")
    return read_known(path, cine, "dense") if path.is_file() else None


def as_text(summary: Sequence[dict[str, Any]]) -> str:
    """Return the summary of `summarize_signal` as a table with an explanation."""
    from napari_motionseg.evaluation.flow_signal import verdict

    first = summary[0]
    lines = [
        f"{first['pairs']} pairs of {first['loops']} loops, "
        f"patients: {first['patients']}",
        f"{'method':12}" + "".join(f"{title:>18}" for title in COLUMNS),
    ]
    for row in summary:
        means = [row["measures"][name]["mean"] for name in COLUMNS.values()]
        lines.append(f"{row['method']:12}" + "".join(f"{m:18.4f}" for m in means))
    darkness = first["measures"]["auc_darkness"]["mean"]
    lines.append(f"For comparison: darkness alone has an AUC of {darkness:.4f}.")
    for row in summary:
        found = {name: values["mean"] for name, values in row["measures"].items()}
        lines.append(f"{row['method']}: {verdict(found)}")
    return "\n".join(lines)
