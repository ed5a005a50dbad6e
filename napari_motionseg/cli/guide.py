"""Provide `motionseg guide`, which moves a frame as arrows say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.cli.guided_frame import Frame, Model, WholePicture, read_frame
from napari_motionseg.cli.options import AsJson, Device, OneCine
from napari_motionseg.cli.point_options import parsed_numbers
from napari_motionseg.cli.targets import require_target, source_of
from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_motionseg.cine import Cine
    from napari_motionseg.guidance.flow_of_arrows import GuidedFlow

MOVIES = (".mp4", ".gif")

Arrows = Annotated[
    list[str] | None,
    typer.Option(
        "--arrow",
        metavar="R,C,DR,DC ...",
        help="Row, column, and motion along rows and columns, in pixels.",
    ),
]
Still = Annotated[
    list[str] | None,
    typer.Option(metavar="R,C ...", help="Row and column of points that stay still."),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Movie to write, .mp4 or .gif; each frame says SYNTHETIC."),
]
FlowFile = Annotated[
    Path | None, typer.Option("--flow", help="Flow to write, .flo, for other programs.")
]
Compare = Annotated[
    Path | None,
    typer.Option(
        help="Measured flow of the frame, .flo as of motionseg flow, to compare with."
    ),
]
Frames = Annotated[int, typer.Option(min=2, max=10_000, help="Frames of the movie.")]
Rate = Annotated[
    float, typer.Option("--rate", min=1, help="Frames of the movie in a second.")
]


def guide(
    cine: OneCine,
    frame: Frame = 0,
    arrow: Arrows = None,
    still: Still = None,
    out: Out = None,
    flow: FlowFile = None,
    compare: Compare = None,
    frames: Frames = 30,
    rate: Rate = 15.0,
    model: Model = Path("propagation-xa"),
    whole_picture: WholePicture = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Move a frame as arrows say, and play it as a loop.

    A network predicts the flow of the whole frame from the arrows and the still points.
    The movie is synthetic: it shows what the network expects to move together, not what
    the patient's heart did.
    """
    from napari_motionseg.guidance import guided_flow, guided_loop_job, load_propagator
    from napari_motionseg.guidance.guided_loop import write_guided_movie
    from napari_motionseg.io.flow_files import write_flo

    _check_targets(out, flow, (cine, model, compare))
    arrows = _arrows(arrow, still)
    loop, picture, field = read_frame(cine, frame, whole_picture)
    propagator = load_propagator(model, device)
    found = guided_flow(propagator, propagator.prepare(picture), arrows, field=field)
    if found.note:
        print_note(found.note)
    row = _row(loop, frame, found, picture, compare)
    if flow is not None:
        write_flo(flow, found.flow)
        row["flow"] = str(flow)
    if out is not None:
        moved = run_job(guided_loop_job(picture, found.flow, frames), "Guided loop")
        write_guided_movie(out, moved, rate)
        row["out"] = str(out)
    print_result(row, _line(row), as_json)


def _arrows(words: list[str] | None, still: list[str] | None) -> list[Any]:
    from napari_motionseg.guidance import Arrow

    moving = parsed_numbers("--arrow", words, ("R", "C", "DR", "DC"))
    return [Arrow(*n) for n in moving] + [
        Arrow(*n) for n in parsed_numbers("--still", still, "RC")
    ]


def _check_targets(
    out: Path | None, flow: Path | None, inputs: tuple[Path | None, ...]
) -> None:
    """Raise an error unless something can be written.

    Raises
    ------
    SettingsError
        If nothing is to be written, or a suffix is wrong.
    """
    if out is None and flow is None:
        raise SettingsError("name a movie with --out, a flow file with --flow, or both")
    if out is not None and out.suffix.lower() not in MOVIES:
        raise SettingsError(f"--out {out}: a movie must end in .mp4 or .gif")
    if flow is not None and flow.suffix.lower() != ".flo":
        raise SettingsError(f"--flow {flow}: the file must end in .flo")
    for target in (out, flow):
        if target is not None:
            require_target(target, inputs)


def _row(
    loop: Cine,
    frame: int,
    found: GuidedFlow,
    picture: NDArray[np.float32],
    compare: Path | None,
) -> dict[str, Any]:
    import numpy as np

    from napari_motionseg.guidance import disagreement
    from napari_motionseg.io.flow_files import read_flo

    speed = np.linalg.norm(found.flow, axis=0)
    row: dict[str, Any] = {
        **source_of(loop),
        "frame": frame,
        "moved_share": round(float((speed >= 1).mean()), 5),
        "longest_px": round(float(speed.max()), 3),
        "note": found.note,
    }
    if compare is not None:
        distance = disagreement(found.flow, read_flo(compare))
        row["mean_difference_px"] = round(float(distance.mean()), 4)
    return row


def _line(row: dict[str, Any]) -> str:
    written = ", ".join(row[name] for name in ("out", "flow") if name in row)
    line = (
        f"{written}: {row['moved_share']:.1%} of frame {row['frame']} moves by 1 px or "
        f"more, at most {row['longest_px']:.1f} px"
    )
    if "mean_difference_px" in row:
        line += f"; {row['mean_difference_px']:.2f} px from the measured flow"
    return line
