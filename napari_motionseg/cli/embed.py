"""Provide `motionseg embed`, which draws figure 3 of Ma et al. for an embedding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.cli.flow import Cached, Gap, Method, parsed_gap
from napari_motionseg.cli.options import AsJson, Device, OneCine, Seed
from napari_motionseg.cli.targets import Overwrite, source_of
from napari_motionseg.errors import LabelError, SettingsError

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.embedding.figure3 import Anchor, Panel
    from napari_motionseg.io.labels import Labels


Anchors = Annotated[
    list[str],
    typer.Option(
        metavar="T,Y,X",
        help="Anchor: frame, row and column, from 0. Repeat for several anchors.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(help="Checkpoint, or name of shipped weights. Repeat to compare two."),
]
Projection = Annotated[
    str,
    typer.Option(
        help="Projection to colours: random (as in the papers), orthogonal or pca."
    ),
]
Combination = Annotated[
    str,
    typer.Option(
        "--combine",
        "--together",  # name of the option before 0.1.0
        help="Combination of the maps of several anchors on a frame: max or mean.",
    ),
]
Kernel = Annotated[
    str,
    typer.Option(help="Kernel of flow similarity: relative (Ma et al.) or absolute."),
]
Shift = Annotated[
    str,
    typer.Option(
        metavar="DY,DX",
        help="Offset in pixels of the map that each pixel is compared with.",
    ),
]
Masks = Annotated[
    Path | None,
    typer.Option(
        help="Label file; the AUC of similarity against these labels is printed."
    ),
]


def embed(
    cine: OneCine,
    anchor: Anchors,
    out: Annotated[Path, typer.Option(help="Folder to write the pictures to.")],
    model: Models = None,
    projection: Projection = "random",
    seed: Seed = 0,
    combine: Combination = "max",
    kernel: Kernel = "relative",
    shift: Shift = "5,5",
    labels: Masks = None,
    gap: Gap = "auto",
    method: Method = "pwcnet",
    device: Device = "auto",
    cached: Cached = True,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Draw similarity maps of an embedding beside those of the flow.

    Pictures of other loops in the folder are kept: a short hash is added to names that
    are taken. motionseg-manifest.json in the folder records the loop of each file.
    """
    from napari_motionseg.embedding import figure3
    from napari_motionseg.io import read_cine
    from napari_motionseg.io.output_folder import OutputFolder, Source
    from napari_motionseg.motion import FlowCache, FlowSettings

    places = _anchors(anchor)
    settings = figure3.FigureSettings(
        cast("Any", projection), seed, cast("Any", combine), kernel,
        cast("tuple[int, int]", _integers(shift, "--shift DY,DX", 2)),
        FlowSettings(gap=parsed_gap(gap), method=method, device=device), device,
    )  # fmt: skip
    folder = OutputFolder(out, overwrite=overwrite)
    loop = read_cine(cine)
    painted = None if labels is None else _read_painted(labels, loop)
    cache = FlowCache.default() if cached else None
    job = figure3.figure3_job(loop, model or ["default"], places, settings, cache)
    panels = run_job(job, "Embedding")
    with folder.writing(Source.of(loop), figure3.panel_names(panels)) as draft:
        figure3.draw_panels(draft.temporary, panels, settings)
    for panel in panels:
        row = _summary(panel, painted, draft.final[0]) | source_of(loop)
        print_result(row, _line(row), as_json)


def _read_painted(path: Path, loop: Cine) -> Labels:
    from napari_motionseg.io import read_labels

    return read_labels(path, shape=loop.shape, cine=loop)


def _anchors(texts: list[str]) -> list[Anchor]:
    return [cast("Anchor", _integers(text, "--anchor T,Y,X", 3)) for text in texts]


def _summary(panel: Panel, painted: Labels | None, figure: Path) -> dict[str, Any]:
    row: dict[str, Any] = {
        "frame": panel.t,
        "model": panel.model,
        "anchors": [list(pixel) for pixel in panel.row.anchors],
        "flow": "flow similarity" in panel.row.pictures,
        "figure": str(figure),
    }
    if not row["flow"]:
        print_note(f"no flow begins at frame {panel.t}, so its two columns are empty")
    if painted is not None:
        row["auc"] = _auc(panel, painted)
    return row


def _auc(panel: Panel, painted: Labels) -> float | None:
    from napari_motionseg.embedding.separation import separation

    try:
        inside = painted.labels[panel.t] > 0
        return separation(panel.row.pictures["similarity"], inside).auc
    except LabelError as error:
        print_note(f"frame {panel.t}: {error}")
        return None


def _line(row: dict[str, Any]) -> str:
    auc = f", AUC {row['auc']:.3f}" if row.get("auc") is not None else ""
    return f"{row['figure']}  frame {row['frame']}, {row['model']}{auc}"


def _integers(text: str, name: str, count: int) -> tuple[int, ...]:
    """Return the integers of a text such as ``"12,200,180"``.

    Raises
    ------
    SettingsError
        If the text does not hold `count` integers.
    """
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise SettingsError(
            f"{name} must be {count} integers, separated by commas; got {text!r}"
        )
    return numbers
