"""Provide `motionseg segment`, which writes masks of every frame."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_motionseg.cine.frame_stack import describe_damage
from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.failures import Failures
from napari_motionseg.cli.labelled_loops import KnownLabels, LabelMode, read_known
from napari_motionseg.cli.mask_format import (
    SEGMENTATION,
    SUFFIXES,
    MaskFormat,
    format_suffix,
)
from napari_motionseg.cli.options import AsJson, Cines, Device, Threshold
from napari_motionseg.cli.run_on import RunOn, job_on
from napari_motionseg.cli.segmentation_options import (
    Compressed,
    Oriented,
    Reproducible,
    SegmentationKind,
    SegmentNames,
    segmentation_settings,
)
from napari_motionseg.cli.targets import Overwrite, source_of
from napari_motionseg.errors import MotionSegError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_motionseg.cine import Cine
    from napari_motionseg.io import Labels
    from napari_motionseg.io.dicom_seg_writer import Algorithm, SegmentationSettings
    from napari_motionseg.io.output_folder import OutputFolder
    from napari_motionseg.models import SegmentationNet
    from napari_motionseg.segmentation import Segmentation

SegmentationModel = Annotated[
    Path,
    typer.Option(
        help="Segmentation checkpoint; 'default' is the network of the "
        "package, which needs no labels."
    ),
]
OutFolder = Annotated[Path, typer.Option(help="Folder to write to.")]
Batch = Annotated[int, typer.Option(help="Frames at once.")]
Smallest = Annotated[
    int,
    typer.Option(
        min=0, help="Pixels of the smallest connected part to keep; 0 keeps all."
    ),
]
Smooth = Annotated[
    bool,
    typer.Option(
        "--smooth", help="Average each frame with its neighbours along the flow."
    ),
]
WholePicture = Annotated[
    bool,
    typer.Option(
        "--whole-picture",
        help="Allow vessels outside the field of view and on its edge.",
    ),
]


Catheters = Annotated[
    bool,
    typer.Option(
        help="Give catheters a class of their own, 2, if the network can tell them."
    ),
]


@dataclass(frozen=True)
class MaskSettings:
    """Options that decide which pixels are vessel.

    Parameters
    ----------
    threshold
        Probability from which a pixel is vessel.
    smallest
        Number of pixels; smaller connected components are removed.
    smooth
        Whether to average masks along the flow.
    whole_picture
        Whether vessels outside the field of view and on its edge are allowed.
    catheters
        Whether catheters get a class of their own.
    """

    threshold: float
    smallest: int
    smooth: bool
    whole_picture: bool
    catheters: bool = True


@dataclass(frozen=True)
class Computing:
    """The network that makes masks, and the place where it computes.

    Parameters
    ----------
    network
        Network to segment with, or path of its checkpoint.
    batch
        Number of frames that go through the network at once.
    device
        Device of the network: ``auto`` or a name that torch knows.
    run_on
        Address of the Dask scheduler that it runs on; empty for this process.
    """

    network: SegmentationNet | Path
    batch: int = 1
    device: str = "auto"
    run_on: str = ""


def segment(
    cines: Cines,
    model: SegmentationModel,
    out: OutFolder,
    form: MaskFormat = "npz",
    threshold: Threshold = 0.5,
    smallest: Smallest = 0,
    smooth: Smooth = False,
    batch: Batch = 1,
    whole_picture: WholePicture = False,
    catheters: Catheters = True,
    labels: KnownLabels = None,
    label_mode: LabelMode = "dense",
    kind: SegmentationKind = "binary",
    names: SegmentNames = "",
    compress: Compressed = False,
    reproducible: Reproducible = False,
    oriented: Oriented = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
    run_on: RunOn = "",
    as_json: AsJson = False,
) -> None:
    """Segment every frame of loops and write the masks.

    Masks are named after their loop; where that name is taken, a short hash is added.
    motionseg-manifest.json in the folder says which loop each file came from. If a
    loop fails, the others are segmented all the same.

    --format dicom-seg writes one DICOM Segmentation for each loop. It contains the
    patient and study attributes of the loop's file, which archives require.
    """
    from napari_motionseg.models.model_card import checkpoint_path
    from napari_motionseg.segmentation import load_segmentation

    suffix = format_suffix(form, of_loops=True)
    network = checkpoint_path(model) if run_on else load_segmentation(model)
    computing = Computing(network, batch, device, run_on)
    settings = MaskSettings(threshold, smallest, smooth, whole_picture, catheters)
    folder, origin = _output(out, model, settings, overwrite=overwrite)
    dicom = segmentation_settings(kind, names, compress, reproducible, oriented, origin)

    def one(cine: Cine, file: Path | None) -> dict[str, Any]:
        """Segment one loop, write its masks, and return the row to print."""
        known = None if file is None else read_known(file, cine, label_mode)
        masks, found = compute_masks(cine, computing, settings, known)
        return write(folder, cine, masks, found, suffix, dicom)

    _do_all(cines, labels, one, as_json)


def _do_all(
    cines: Sequence[Path],
    labels: Sequence[Path] | None,
    one: Callable[[Cine, Path | None], dict[str, Any]],
    as_json: bool,
) -> None:
    """Print a row for each loop; one that fails does not end the others."""
    failures = Failures("loops")
    count = 0
    for cine, file in loops_with_labels(cines, labels, failures):
        count += 1
        begun = time.perf_counter()
        try:
            _print_row(one(cine, file), begun, as_json)
        except MotionSegError as error:
            failures.add(error)
    failures.exit_if_any(count + failures.unread)


def _output(
    out: Path, model: Path, settings: MaskSettings, *, overwrite: bool
) -> tuple[OutputFolder, Algorithm]:
    """Return the folder to write to, and what files there say of the masks."""
    from napari_motionseg.io.output_folder import OutputFolder

    described = describe_model(model) | dataclasses.asdict(settings)
    folder = OutputFolder(out, described, overwrite=overwrite)
    return folder, algorithm_of(described)


def _print_row(row: dict[str, Any], started: float, as_json: bool) -> None:
    row["seconds"] = round(time.perf_counter() - started, 2)
    print_result(row, as_line(row), as_json)


def compute_masks(
    cine: Cine,
    computing: Computing,
    settings: MaskSettings,
    labels: Labels | None = None,
) -> tuple[NDArray[np.uint8], Segmentation]:
    """Segment a loop under a progress bar.

    Parameters
    ----------
    cine
        Loop to segment.
    computing
        Network, device and computer.
    settings
        What counts as vessel.
    labels
        Labels of the loop, which the masks obey, or None.

    Returns
    -------
    tuple
        Masks ``(T, H, W)``, and the probabilities that they were made of.
    """
    from napari_motionseg.segmentation import segment_job
    from napari_motionseg.segmentation.temporal_smoothing import postprocess, smooth_job

    job = job_on(
        computing.run_on, segment_job, cine, computing.network,
        threshold=settings.threshold, batch=computing.batch, device=computing.device,
        whole_picture=settings.whole_picture, catheters=settings.catheters,
        labels=labels,
    )  # fmt: skip
    found = run_job(job, cine.name)
    if settings.smooth and len(cine) > 1:
        smooth = job_on(
            computing.run_on, smooth_job, cine, found, device=computing.device
        )
        found = run_job(smooth, cine.name)
    return postprocess(found, settings.smallest), found


def loops_with_labels(
    paths: Sequence[Path], labels: Sequence[Path] | None, failures: Failures
) -> Iterator[tuple[Cine, Path | None]]:
    """Yield every loop at or below `paths`, and its label file if there is one.

    Raises
    ------
    SettingsError
        If there are label files, but not one for each path.
    """
    files: Sequence[Path | None] = labels or [None] * len(paths)
    if len(files) != len(paths):
        raise SettingsError(
            f"each CINE needs its --labels, in the same order; got {len(paths)} CINE "
            f"and {len(files)} --labels"
        )
    for path, file in zip(paths, files, strict=True):
        for cine in each_loop([path], failures):
            yield cine, file


def each_loop(paths: Sequence[Path], failures: Failures) -> Iterator[Cine]:
    """Yield every loop at or below `paths`; count unreadable ones as failures."""
    from napari_motionseg.io import read_cines

    for path in paths:
        try:
            yield from read_cines(path)
        except MotionSegError as error:
            failures.add(error, unread=True)


def describe_model(model: Path) -> dict[str, Any]:
    """Return the name and the SHA-256 of the file of a checkpoint."""
    from napari_motionseg.io.result_folders import fingerprint
    from napari_motionseg.models.model_card import checkpoint_path

    file = checkpoint_path(model)
    return {"model": file.name, "model_sha256": fingerprint(file)[1]}


def algorithm_of(described: dict[str, Any]) -> Algorithm:
    """Return what a DICOM Segmentation says of the network and the settings."""
    from napari_motionseg.io.dicom_seg_writer import Algorithm

    parameters = ", ".join(
        f"{name}={value}"
        for name, value in described.items()
        if name not in ("model", "model_sha256")
    )
    return Algorithm(
        "AUTOMATIC", described["model"], described["model_sha256"], parameters
    )


def write(
    folder: OutputFolder,
    cine: Cine,
    masks: NDArray[np.uint8],
    found: Segmentation,
    suffix: str,
    dicom: SegmentationSettings,
) -> dict[str, Any]:
    """Write the masks into a folder, and return a description of the result.

    Frames that are not done, because they are damaged, are not marked as labelled.
    """
    from napari_motionseg.io import write_masks
    from napari_motionseg.io.dicom_seg_writer import write_segmentation
    from napari_motionseg.io.label_writers import MASKS
    from napari_motionseg.io.output_folder import Source
    from napari_motionseg.models.class_names import VESSEL

    names = [(cine.name, f"_masks{suffix}")]
    kind = "" if suffix else MASKS
    with folder.writing(Source.of(cine), names, kind) as draft:
        if suffix == SUFFIXES[SEGMENTATION]:
            write_segmentation(
                draft.temporary[0], cine, masks, labelled=found.done,
                fractions=fractions_of(found), settings=dicom,
            )  # fmt: skip
        else:
            write_masks(
                draft.temporary[0], masks, labelled=found.done,
                frame_times=cine.frame_times, pixel_spacing=cine.pixel_spacing,
            )  # fmt: skip
    share = float((masks == VESSEL).mean())
    strangeness = found.strangeness
    return {
        "cine": cine.name,
        **source_of(cine),
        "frames": len(cine),
        "damaged_frames": sorted(cine.frames.damaged),
        "masks": str(draft.final[0]),
        "vessel_share": round(share, 5),
        "strangeness": None if strangeness is None else round(strangeness, 3),
        "strange": found.strange,
    }


def fractions_of(found: Segmentation) -> dict[int, Any]:
    """Return the probabilities of each class: those of the likeliest one."""
    classes = range(1, int(found.likeliest.max(initial=1)) + 1)
    zero = found.probabilities.dtype.type(0)
    return {
        k: np.where(found.likeliest == k, found.probabilities, zero) for k in classes
    }


def as_line(row: dict[str, Any]) -> str:
    """Return a description of the result as one line of text."""
    from napari_motionseg.segmentation.predict import STRANGE

    damaged = row["damaged_frames"]
    words = f"; {describe_damage(damaged, row['frames'])}" if damaged else ""
    if row["strange"]:
        words += f"; {STRANGE}"
    return (
        f"{row['masks']}: {row['frames']} frames in {row['seconds']:.1f} s, "
        f"{row['vessel_share']:.1%} of the pixels are vessel{words}"
    )
