"""Provide `motionseg batch`, the group of commands for archives of loops."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_error, print_note, print_result, run_job
from napari_motionseg.cli.flow import Gap, Method, Weights
from napari_motionseg.cli.options import AsJson, Device, Threshold
from napari_motionseg.cli.recipe_options import RecipeCommand
from napari_motionseg.cli.run_on import tell_if_open
from napari_motionseg.cli.segment import Batch, SegmentationModel, Smallest
from napari_motionseg.cli.targets import require_target
from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_motionseg.batch.overview import Status
    from napari_motionseg.batch.places import Part
    from napari_motionseg.batch.records import BatchFolder
    from napari_motionseg.batch.work import Counts, Pool, Task

app = typer.Typer(
    help="Work through an archive of loops. Any number of runs, on any number of "
    "hosts, share one output folder; a run does only what is missing, failed or "
    "changed.",
    rich_markup_mode=None,
)

Archive = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="DICOM files, movies, folders, DICOMDIR files, text files (.txt) with a "
        "path on each line, and DICOMweb queries: "
        "https://archive/dicom-web?modality=XA&date=FROM:TO.",
    ),
]
Results = Annotated[Path, typer.Option(help="Folder of the batch.")]
BatchOf = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a batch.")]
PartOf = Annotated[
    str,
    typer.Option(
        "--part",
        metavar="I/N",
        help="Do the Ith of N equal parts; by default that of the SLURM array task, "
        "else all.",
    ),
]
Retry = Annotated[
    bool,
    typer.Option("--retry", help="Also try again what has failed for good, as damage."),
]
Workers = Annotated[
    int,
    typer.Option(
        min=0,
        help="Processes on this computer, by Dask; 0 works in this process alone.",
    ),
]
Scheduler = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Address of a Dask scheduler, such as tcp://host:8786, whose workers do "
        "the work. They must see the same paths.",
    ),
]
Backward = Annotated[
    bool, typer.Option("--backward", help="Estimate the backward flow too.")
]
EmbeddingModel = Annotated[
    Path,
    typer.Option(
        help="Checkpoint (.safetensors), default, or motion-xa for the embedding that "
        "motion has taught."
    ),
]
Form = Annotated[
    str,
    typer.Option("--format", help="Format of the masks: npz, tiff, nii, dicom-seg."),
]


@dataclass(frozen=True)
class Run:
    """The options of a run that do not depend on its task.

    Parameters
    ----------
    out
        Folder of the batch.
    part
        Part of the archive, I/N; empty for that of SLURM, or all.
    retry
        Whether places that have failed for good are tried again.
    scheduler
        Address of a Dask scheduler; empty for none.
    workers
        Number of processes on this computer; 0 for this process alone.
    as_json
        Whether the counts are printed as JSON.
    """

    out: Path
    part: str
    retry: bool
    scheduler: str
    workers: int
    as_json: bool


@app.command(cls=RecipeCommand)
def segment(
    paths: Archive,
    out: Results,
    model: SegmentationModel = Path("default"),
    form: Form = "npz",
    threshold: Threshold = 0.5,
    smallest: Smallest = 0,
    batch: Batch = 1,
    part: PartOf = "",
    retry: Retry = False,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Segment all loops of an archive, each once.

    Masks go to DIR/results; `motionseg batch status` tells how far it is, and
    `motionseg batch table` makes a table of all loops. A loop that fails stops nothing.
    """
    from napari_motionseg.batch.segmentation_task import SegmentationTask

    task = SegmentationTask(str(model), form, threshold, smallest, batch, device)
    _do(task, paths, Run(out, part, retry, scheduler, workers, as_json))


@app.command(cls=RecipeCommand)
def flow(
    paths: Archive,
    out: Results,
    gap: Gap = "auto",
    backward: Backward = False,
    method: Method = "pwcnet",
    weights: Weights = None,
    part: PartOf = "",
    retry: Retry = False,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Estimate the optical flow of all loops of an archive, each once.

    DIR/results gets one .npz for each loop: forward (T - gap, 2, H, W) in px, as
    float16, and backward if it is wanted.
    """
    from napari_motionseg.batch.estimation_task import FlowTask
    from napari_motionseg.cli.flow import flow_settings

    task = FlowTask(flow_settings(gap, method, weights, device, backward))
    _do(task, paths, Run(out, part, retry, scheduler, workers, as_json))


@app.command(cls=RecipeCommand)
def measure(
    paths: Archive,
    out: Results,
    model: SegmentationModel = Path("default"),
    threshold: Threshold = 0.5,
    batch: Batch = 1,
    part: PartOf = "",
    retry: Retry = False,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure the longest vessel of each loop, on the frame that shows most vessel.

    Research use only; not a medical device. Nobody has looked at the vessel that was
    chosen: use the numbers to sort loops, and measure by hand what you publish.
    """
    from napari_motionseg.batch.measurement_task import MeasurementTask

    task = MeasurementTask(str(model), threshold, batch, device)
    _do(task, paths, Run(out, part, retry, scheduler, workers, as_json))


@app.command(cls=RecipeCommand)
def embed(
    paths: Archive,
    out: Results,
    model: EmbeddingModel = Path("default"),
    part: PartOf = "",
    retry: Retry = False,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Describe all loops of an archive by their embedding, to search and group them.

    DIR/results gets one .npz for each loop: mean and spread (T, D), the mean and the
    standard deviation of the vectors in the field of view of each frame.
    """
    from napari_motionseg.batch.embedding_task import EmbeddingTask

    task = EmbeddingTask(str(model), device)
    _do(task, paths, Run(out, part, retry, scheduler, workers, as_json))


def _do(task: Task, paths: Sequence[str], how: Run) -> None:
    """Do a task for all loops that are missing, and print the counts.

    Raises
    ------
    typer.Exit
        If a loop has failed.
    """
    from napari_motionseg.batch.overview import note_listed
    from napari_motionseg.batch.records import BatchFolder
    from napari_motionseg.batch.work import Batch as Work

    chosen = parsed_part(how.part, os.environ)
    folder = BatchFolder(how.out, task.settings())
    work = Work(folder, task, retry=how.retry)
    with _pool(folder, task, how.scheduler, how.workers) as pool:
        job = work.job(paths, chosen, pool)
        counts = run_job(job, _title(chosen), stoppable=True)
    if work.listed:
        note_listed(folder, chosen, counts.found)
    print_result(asdict(counts), _as_line(counts), how.as_json)
    if counts.failed or counts.given_up:
        print_error(
            f"{counts.failed + counts.given_up} of {counts.found} failed; motionseg "
            f"batch status {how.out} tells why"
        )
        raise typer.Exit(1)


@contextmanager
def _pool(
    folder: BatchFolder, task: Task, scheduler: str, workers: int
) -> Iterator[Pool | None]:
    """Yield what does the work; None for this process."""
    if not (scheduler or workers):
        yield None
        return
    from napari_motionseg.batch.dask_pool import DaskPool, require_workers
    from napari_motionseg.remote.dask_client import connected, local_client

    if scheduler:
        tell_if_open(scheduler)
    with connected(scheduler) if scheduler else local_client(workers) as client:
        require_workers(client, folder, task, workers or 1)
        yield DaskPool(client, folder, task)


def _title(part: Part) -> str:
    return "Batch" if part.count == 1 else f"Part {part.number} of {part.count}"


def _as_line(counts: Counts) -> str:
    words = [
        f"{counts.found} found: {counts.done} done now, {counts.earlier} before, "
        f"{counts.failed + counts.given_up} failed"
    ]
    if counts.busy:
        words.append(f"{counts.busy} are being worked on by another run")
    return "; ".join(words)


@app.command()
def status(folder: BatchOf, as_json: AsJson = False) -> None:
    """Tell what is done, failed and missing, and how long it still takes."""
    from napari_motionseg.batch.overview import status as status_of
    from napari_motionseg.batch.records import BatchFolder

    found = status_of(BatchFolder(folder))
    row = {**asdict(found), "missing": found.missing, "left_s": found.left_s}
    print_result(row, status_words(found), as_json, table=True)


def status_words(found: Status) -> str:
    """Return what `motionseg batch status` prints.

    Parameters
    ----------
    found
        How far the batch is.
    """
    lines = [f"done {found.done}, failed {found.failed}, in work {found.working}"]
    if found.missing is None:
        lines.append("missing: not known before the listing of a part has ended")
    else:
        left = found.left_s
        words = "" if not left else f", {left:.0f} s of one process"
        lines.append(f"missing {found.missing}{words}")
    if found.parts > 1:
        rest = found.parts - found.parts_listed
        lines.append(f"parts: {found.parts}, of which {rest} have not been listed yet")
    lines += [f"failed: {path}: {reason}" for path, reason in found.failures]
    return "\n".join(lines)


@app.command()
def table(
    folder: BatchOf,
    out: Annotated[Path, typer.Option(help="File to write, .csv or .parquet.")],
) -> None:
    """Write a table with a row for each loop, without any attribute of patients."""
    from napari_motionseg.batch.records import BatchFolder
    from napari_motionseg.batch.tables import write_table

    require_target(out, ())
    count = write_table(BatchFolder(folder), out)
    print_note(f"{out}: {count} rows; it names the paths of the loops")


@app.command()
def index(folder: BatchOf) -> None:
    """Write DIR/index.html, to look through pictures of all loops."""
    from napari_motionseg.batch.index_pages import FIRST, write_index
    from napari_motionseg.batch.records import BatchFolder

    count = write_index(BatchFolder(folder))
    print_note(
        f"{folder / FIRST}: {count} loops; it shows their pictures and their names"
    )


def parsed_part(text: str, environment: Any) -> Part:
    """Return the part that ``--part`` or a SLURM array task means.

    Parameters
    ----------
    text
        Value of the option; empty if it is not given.
    environment
        Environment variables.

    Raises
    ------
    SettingsError
        If the text is not I/N with I from 1 to N.
    """
    from napari_motionseg.batch.places import Part

    if not text:
        return _slurm_part(environment)
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal()):
        raise SettingsError(f"--part must be I/N, such as 3/8; got {text!r}")
    return Part(int(number), int(count))


def _slurm_part(environment: Any) -> Part:
    from napari_motionseg.batch.places import Part

    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT",
             "SLURM_ARRAY_TASK_MAX")  # fmt: skip
    values = [str(environment.get(name, "")) for name in names]
    if not all(value.isdecimal() for value in values):
        return Part()
    task, first, count, last = map(int, values)
    if last - first + 1 != count:
        raise SettingsError(
            "the tasks of a SLURM array must follow each other (--array=1-8); give "
            "--part otherwise"
        )
    return Part(task - first + 1, count)
