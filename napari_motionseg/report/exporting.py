"""Export results for people: an overlay movie, or a page with provenance."""

from __future__ import annotations

import dataclasses
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.io.atomic import require_file_target
from napari_motionseg.io.dicom_seg_frames import SegmentationType
from napari_motionseg.io.dicom_seg_writer import (
    Algorithm,
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.io.dicom_source import read_source
from napari_motionseg.io.movie_writer import movie_rate, write_movie
from napari_motionseg.io.result_folders import fingerprint
from napari_motionseg.io.secondary_capture import write_capture
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.measurement.loop_vessel import LoopVessel
from napari_motionseg.models import read_card
from napari_motionseg.report.contents import Report
from napari_motionseg.report.overlays import RGB, each_overlay
from napari_motionseg.report.page import write_report
from napari_motionseg.segmentation import Evaluation, evaluate
from napari_motionseg.version import __version__

MOST_SHOWN = 24  # single frames; a page with a hundred would have tens of megabytes
REFERENCE_NOTE = (
    "The reference was given by the user. Frames that were labelled for training do "
    "not count."
)


@dataclass(frozen=True, eq=False)
class Result:
    """Masks of a loop, with everything that an export needs.

    Parameters
    ----------
    cine
        The loop itself.
    masks
        Class numbers ``(T, H, W)``, 0 for background.
    painted
        Labels ``(T, H, W)`` that were painted for training, or None.
    reference
        True class numbers ``(T, H, W)``, or None.
    models
        Paths of the checkpoints that made the masks.
    colors
        Colours of the classes, by number.
    filled
        Whether masks are filled with a tint in an overlay.
    vessels
        Vessels that were measured in the loop.

    Raises
    ------
    SettingsError
        If masks, painted or reference have another shape than the loop.
    """

    cine: Cine
    masks: NDArray[Any]
    painted: NDArray[Any] | None = None
    reference: NDArray[Any] | None = None
    models: tuple[Path, ...] = ()
    colors: Mapping[int, RGB] | None = None
    filled: bool = False
    vessels: Sequence[LoopVessel] = ()

    def __post_init__(self) -> None:
        for name in ("masks", "painted", "reference"):
            array = getattr(self, name)
            if array is not None and array.shape != self.cine.shape:
                raise SettingsError(
                    f"{name} of shape {array.shape} do not fit a loop of shape "
                    f"{self.cine.shape}"
                )

    @property
    def labelled(self) -> tuple[int, ...]:
        """Indices of the frames that were painted."""
        if self.painted is None:
            return ()
        return tuple(np.flatnonzero(self.painted.any(axis=(1, 2))).tolist())


def overlay_job(result: Result, path: Path) -> Job[Path]:
    """Write the loop with its masks drawn in, as MP4 or GIF.

    Yields
    ------
    Progress
        After each frame.

    Raises
    ------
    SettingsError
        If the suffix is another one.
    WriteError
        If the movie cannot be written; an occupied path is noticed before any frame is
        drawn.
    """
    require_file_target(path)
    frames: list[NDArray[np.uint8]] = []
    count = len(result.cine)
    drawn = each_overlay(
        result.cine, result.masks, filled=result.filled, colors=result.colors
    )
    for frame in drawn:
        frames.append(frame)
        yield Progress(len(frames), count + 1, f"frame {len(frames)} of {count}")
    write_movie(path, np.stack(frames), movie_rate(result.cine.frame_rate))
    yield Progress(count + 1, count + 1, path.name)
    return path


def segmentation_job(
    result: Result,
    path: Path,
    labelled: NDArray[Any] | None = None,
    *,
    names: Sequence[str] = (),
    painted: bool = False,
    kind: SegmentationType = "BINARY",
    fractions: Mapping[int, NDArray[Any]] | None = None,
    oriented: bool = False,
) -> Job[Path]:
    """Write the masks as a DICOM Segmentation of the loop's study.

    Parameters
    ----------
    result
        Masks of a loop that was read from DICOM files; its colors and networks are
        said in the object.
    path
        Path of the file to write.
    labelled
        ``(T,)`` bool: frames that hold masks; None takes those that are not empty.
    names
        Names of classes 1, 2, ...; see `segment_codes.segments_of`.
    painted
        Whether a person painted the masks, so that no network is named.
    kind
        Type of the object.
    fractions
        Probabilities ``(T, H, W)`` by class number, for ``FRACTIONAL``; None stores the
        masks as probabilities 0 and 1.
    oriented
        Whether the object gets an orientation; see `SegmentationSettings`.

    Yields
    ------
    Progress
        Before the object is written.

    Raises
    ------
    ReadError
        If the loop came from no DICOM file, or that is gone or was changed.
    WriteError
        If it cannot be written.
    """
    yield Progress(0, 1, path.name)
    masks = np.asarray(result.masks)
    chosen = masks.any(axis=(1, 2)) if labelled is None else np.asarray(labelled, bool)
    algorithm = Algorithm()
    if not painted:
        model = next(iter(result.models), None)
        weights = "" if model is None else fingerprint(model)[1]
        name = "" if model is None else model.name
        algorithm = Algorithm("SEMIAUTOMATIC", name, weights)
    colors = result.colors or {}
    settings = SegmentationSettings(
        kind,
        names=tuple(names),
        colors=tuple(_hex(colors[k]) for k in sorted(colors)),
        algorithm=algorithm,
        oriented=oriented,
    )
    write_segmentation(
        path, result.cine, masks, labelled=chosen, fractions=fractions,
        settings=settings,
    )  # fmt: skip
    return path


def _hex(color: RGB) -> str:
    red, green, blue = color
    return f"#{red:02x}{green:02x}{blue:02x}"


def capture_job(result: Result, path: Path, *, compressed: bool = False) -> Job[Path]:
    """Write the loop with its masks drawn in as a DICOM secondary capture.

    Parameters
    ----------
    result
        Masks of a loop that was read from DICOM files.
    path
        Path of the file to write.
    compressed
        Whether to compress the pictures without loss.

    Yields
    ------
    Progress
        After each frame.

    Raises
    ------
    ReadError
        If the loop came from no DICOM file, or that is gone or was changed.
    WriteError
        If it cannot be written; where something else is at the path, before any
        frame is drawn.
    """
    require_file_target(path)
    read_source(result.cine)  # before the work, not after it
    pictures: list[NDArray[np.uint8]] = []
    count = len(result.cine)
    drawn = each_overlay(
        result.cine, result.masks, filled=result.filled, colors=result.colors, zoom=1
    )
    for picture in drawn:
        pictures.append(picture)
        yield Progress(len(pictures), count + 1, f"frame {len(pictures)} of {count}")
    write_capture(path, result.cine, pictures, compressed=compressed)
    yield Progress(count + 1, count + 1, path.name)
    return path


def report_job(result: Result, path: Path) -> Job[Path]:
    """Write an HTML page with the result frame by frame, agreement and provenance.

    Yields
    ------
    Progress
        After each frame of the overlay movie.

    Raises
    ------
    WriteError
        If the page cannot be written; an occupied path is noticed before any frame is
        drawn.
    """
    require_file_target(path)
    with tempfile.TemporaryDirectory(prefix="motionseg-") as folder:
        movie = yield from overlay_job(result, Path(folder) / "overlay.mp4")
        write_report(path, _contents(result, movie))
    return path


def _contents(result: Result, movie: Path) -> Report:
    evaluation = _evaluation(result)
    known = None if result.reference is None else result.reference != 0
    return Report(
        title="Segmentation of an angiogram",
        cine=result.cine,
        masks=result.masks,
        labelled=result.labelled,
        truth=known,
        truth_note=REFERENCE_NOTE,
        shown=_shown(len(result.cine), result.labelled),
        evaluation=evaluation,
        headlines=_headlines(result, evaluation),
        provenance=_provenance(result),
        cards={
            path.name: dataclasses.asdict(read_card(path)) for path in result.models
        },
        movie=movie,
        vessels=result.vessels,
    )


def _evaluation(result: Result) -> Evaluation | None:
    """Return the agreement on frames with a reference that were not trained on."""
    if result.reference is None:
        return None
    valid = np.asarray(result.reference.any(axis=(1, 2)), bool)
    valid[[*result.labelled, *result.cine.frames.find_damaged()]] = False
    if not valid.any():
        return None
    return evaluate(
        result.masks, result.reference, valid=valid, spacing=result.cine.pixel_spacing
    )


def _headlines(
    result: Result, evaluation: Evaluation | None
) -> Sequence[tuple[str, str]]:
    share = float((result.masks != 0).mean())
    lines = [("of the pixels are marked", f"{share:.1%}")]
    if evaluation is not None:
        mean = evaluation.mean()
        lines += [
            (f"Dice, {len(evaluation.frames)} other frames", f"{mean['dice']:.3f}"),
            ("clDice", f"{mean['cldice']:.3f}"),
            ("HD95", f"{mean['hd95']:.2f} {evaluation.unit}"),
        ]
    return lines


def _provenance(result: Result) -> dict[str, str]:
    import torch

    spacing = result.cine.pixel_spacing
    size = "unknown" if spacing is None else f"{spacing[0]:.4f} x {spacing[1]:.4f} mm"
    return {
        "napari-motionseg": __version__,
        "torch": torch.__version__,
        "Python": platform.python_version(),
        "SHA-256 of the loop's pixels": result.cine.content_hash(),
        "pixel spacing": f"{size} ({result.cine.spacing_basis})",
        "frame times": result.cine.timing_basis,
        "frames labelled": ", ".join(map(str, result.labelled)) or "none",
        "networks": ", ".join(path.name for path in result.models) or "not recorded",
    }


def _shown(count: int, labelled: Sequence[int]) -> tuple[int, ...]:
    """Return frames spread over the loop, and the labelled ones."""
    even = np.linspace(0, count - 1, min(count, MOST_SHOWN)).round().astype(int)
    return tuple(sorted({*even.tolist(), *labelled}))
