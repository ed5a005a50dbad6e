"""Write the log of a training: its curves, and previews as pictures."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np

from napari_motionseg.errors import (
    MissingDependencyError,
    OccupiedError,
    ReadError,
    WriteError,
)
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.png_files import save_png
from napari_motionseg.io.program_marks import is_own
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.jobs import Progress
from napari_motionseg.training.engine.settings import TrainingSettings, learning_rate

CURVES = "curves.csv"
PICTURES = "step-[0-9][0-9][0-9][0-9][0-9][0-9]*.png"
STEP, SECONDS, RATE = "step", "seconds", "learning_rate"
DATA = "data_seconds"

Row = dict[str, Any]


def log_folder_of(out: Path) -> Path:
    """Return the path of a training's log folder, beside its checkpoint `out`."""
    return out.with_name(out.name.removesuffix(".safetensors") + ".log")


def require_log_folder(folder: Path) -> None:
    """Raise an error if a training would replace files in a folder that none wrote.

    Other files in the folder are not touched.

    Parameters
    ----------
    folder
        Path of the folder, which may be missing.

    Raises
    ------
    OccupiedError
        If it is not a folder, its ``curves.csv`` has other columns, or a picture of a
        step comes from another program.
    """
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
        raise OccupiedError(
            f"cannot write {folder / CURVES}: {folder.name} is a file or a link; move "
            "it elsewhere, or choose another name"
        )
    if not folder.exists():
        return
    curves = folder / CURVES
    taken = [curves] if os.path.lexists(curves) and not _is_curves(curves) else []
    taken += [path for path in folder.glob(PICTURES) if not is_own(path)]
    if taken:
        raise OccupiedError(
            f"cannot write {taken[0]}: it was not written by a training; move it "
            "elsewhere, or choose another name"
        )


def _is_curves(path: Path) -> bool:
    """Return whether a file begins with the columns of a training's curves."""
    known = f"{STEP},{SECONDS},{RATE}"
    try:
        with open_regular(path, follow_links=False) as file:
            return file.read(len(known)) == known.encode()
    except (ReadError, OSError):
        return False


class RunLog:
    """The log of a run, as a context manager.

    ``curves.csv`` has a row for each step: step, seconds since the run began, those of
    them spent on data, learning rate, loss and metrics of the task.
    ``step-000200.png`` is the preview of that step. With ``settings.tensorboard``,
    TensorBoard event files lie beside them.

    Parameters
    ----------
    folder
        Path of the folder, created when there is something to write. None writes
        nothing.
    settings
        Settings of the training.
    step
        Number of steps done before. Rows and pictures of later steps are removed,
        because a kill has undone those steps.

    Raises
    ------
    MissingDependencyError
        If TensorBoard files are requested but tensorboard is not installed.
    OccupiedError
        If the folder holds curves or pictures that no training wrote.
    WriteError
        If a file cannot be written.
    """

    def __init__(
        self, folder: Path | None, settings: TrainingSettings, step: int
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._done = step
        self._start = time.monotonic()
        self._curves: _Curves | None = None
        self._events: Any = None
        if folder is not None and settings.tensorboard:
            self._events = _event_writer(folder, step)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._curves is not None:
            self._curves.close()
        if self._events is not None:
            self._events.close()

    def write(self, progress: Progress, waiting_s: float = 0.0) -> None:
        """Write the results of a step to the log.

        Parameters
        ----------
        progress
            The results.
        waiting_s
            Time in s spent on data since the run began.
        """
        if self._folder is None:
            return
        rate = learning_rate(self._settings, progress.step - 1)
        seconds = round(time.monotonic() - self._start, 3)
        row = {STEP: progress.step, SECONDS: seconds, RATE: rate}
        row |= {DATA: round(waiting_s, 3), **progress.metrics}
        if self._curves is None:
            require_log_folder(self._folder)
            self._curves = _Curves(self._folder / CURVES, self._done)
        self._curves.add(row)
        picture = as_picture(progress.preview)
        if picture is not None:
            name = f"step-{progress.step:06d}.png"
            with replacing(self._folder / name) as temporary:
                save_png(temporary, picture)
        if self._events is not None:
            for metric, value in {**progress.metrics, RATE: rate}.items():
                self._events.add_scalar(metric, value, progress.step)


class _Curves:
    """A CSV file that gets a row for each step, and a column for each new metric."""

    def __init__(self, path: Path, done: int) -> None:
        self._path = path
        self._rows = [row for row in _read(path) if int(row[STEP]) <= done]
        self._file: TextIO | None = None
        self._writer: csv.DictWriter[str] | None = None

    def add(self, row: Row) -> None:
        """Add a row and flush it to the disk."""
        known = self._writer.fieldnames if self._writer is not None else ()
        if not set(row) <= set(known):
            self._widen(row)
        self._tell(lambda writer, file: (writer.writerow(row), file.flush()))

    def _widen(self, row: Row) -> None:
        """Rewrite the file with the new columns of `row`."""
        if self._file is not None:
            self.close()
            self._rows = _read(self._path)
        names = list(
            dict.fromkeys(name for known in [*self._rows, row] for name in known)
        )
        with (
            replacing(self._path) as temporary,
            temporary.open("w", newline="") as file,
        ):
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self._rows)
        self._rows = []
        self._file = self._path.open("a", newline="")
        self._writer = csv.DictWriter(self._file, names)

    def _tell(self, action: Callable[[csv.DictWriter[str], TextIO], object]) -> None:
        if self._writer is None or self._file is None:
            return
        try:
            action(self._writer, self._file)
        except OSError as error:
            raise WriteError(f"cannot write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _read(path: Path) -> list[Row]:
    """Return the rows of a CSV file; a row that a kill has cut is left out."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        row for row in rows if None not in row.values() and row.get(STEP, "").isdigit()
    ]


def as_picture(preview: Any) -> Any:
    """Return a preview as a picture ``(H, W)`` or ``(H, W, 3)`` uint8, or None.

    Parameters
    ----------
    preview
        A uint8 picture, or floats in [0, 1]; other values give None.
    """
    if not isinstance(preview, np.ndarray) or preview.ndim not in (2, 3):
        return None
    if preview.ndim == 3 and preview.shape[-1] != 3:
        return None
    if preview.dtype == np.uint8:
        return preview
    return (preview.astype(np.float32).clip(0, 1) * 255).round().astype(np.uint8)


def _event_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependencyError(
            "TensorBoard event files need tensorboard, which is not installed: "
            "pip install tensorboard, or use curves.csv"
        ) from error
    return SummaryWriter(str(folder), purge_step=step + 1)  # type: ignore[no-untyped-call]
