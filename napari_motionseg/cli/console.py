"""Print results on stdout; print progress, notes and errors on stderr."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from types import FrameType
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.text import as_json as json_text
from napari_motionseg.text import lines_without_controls, without_controls

Result = TypeVar("Result")
# metrics that a bar has no room for; curves.csv has them, and `explained` says more
NOT_IN_BARS = frozenset(("divergence", "information"))
LOG_EVERY_S = 30.0  # interval of lines in a log file, where no progress bar is shown


def stderr_console() -> Console:
    """Return a console on stderr that neither wraps lines nor colours numbers."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def print_note(text: str) -> None:
    """Print a note on stderr, in the main process only."""
    if is_main_process():
        stderr_console().print(Text(f"note: {without_controls(text)}", style="yellow"))


def print_error(text: str) -> None:
    """Print an error on stderr, on one line."""
    stderr_console().print(Text(f"motionseg: {without_controls(text)}", style="red"))


def print_result(
    row: Mapping[str, Any], text: str, as_json: bool, *, table: bool = False
) -> None:
    """Print a result on stdout: as a JSON object on one line, or as text.

    Parameters
    ----------
    row
        The result as JSON values.
    text
        The result as text; control characters in it are replaced.
    as_json
        Whether to print JSON.
    table
        Whether `text` has several lines.
    """
    if is_main_process():
        shown = lines_without_controls(text) if table else without_controls(text)
        typer.echo(json_text(row) if as_json else shown)


def is_main_process() -> bool:
    """Return whether this is the main process; under torchrun it has rank 0."""
    return os.environ.get("RANK", "0") == "0"


def run_job(job: Job[Result], title: str, *, stoppable: bool = False) -> Result:
    """Run a job to its end under a progress bar and return its result.

    Parameters
    ----------
    job
        Generator of `Progress` that is run.
    title
        Title of the progress bar.
    stoppable
        Whether the job returns a partial result when it is stopped. If so, the first
        Ctrl-C stops it and a second one cancels it; if not, the first one cancels it.
    """
    with closing(job), _bars() as bars, _stop_event(stoppable, bars) as stop:
        show = _ProgressDisplay(bars, title)
        try:
            progress = next(job)
            while True:
                show(progress)
                progress = job.send(STOP if stop.is_set() else None)
        except StopIteration as end:
            if stop.is_set():
                bars.console.print("Stopped early; the result so far is kept.")
            return end.value  # type: ignore[no-any-return]
        except MotionSegError:
            bars.live.transient = True  # remove the bar, so that the error stands alone
            raise


class _ProgressDisplay:
    """A progress bar that follows a job through its phases."""

    def __init__(self, bars: Bars, title: str) -> None:
        self._bars = bars
        self._title = without_controls(title)
        self._task = bars.add_task(self._title, total=None, numbers="")
        self._total = 0
        self._step = 0
        self._logged_at = time.monotonic()
        self._last_note = ""  # a job may repeat its note at each step
        self._metrics: dict[str, float] = {}  # some are not measured at each step

    def __call__(self, progress: Progress) -> None:
        """Show one `Progress`."""
        if progress.total != self._total or progress.step < self._step:
            # a new phase: the speed of the previous one does not apply
            self._bars.reset(self._task, total=progress.total or None)
            self._metrics = {}
        self._total, self._step = progress.total, progress.step
        self._metrics |= progress.metrics
        shown = {k: v for k, v in self._metrics.items() if k not in NOT_IN_BARS}
        numbers = "  ".join(f"{k} {v:.4g}" for k, v in shown.items())
        message = without_controls(progress.message)
        if progress.metrics and message not in ("", self._last_note):
            self._last_note = message
            # as Text, because square brackets in a file name are not markup
            self._bars.console.print(Text(f"note: {message}", style="yellow"))
        self._bars.update(
            self._task, completed=progress.step, numbers=numbers or message
        )
        now = time.monotonic()
        if not self._bars.console.is_terminal and now - self._logged_at >= LOG_EVERY_S:
            self._logged_at = now
            self._log(numbers or message)

    def _log(self, numbers: str) -> None:
        """Print a line of progress if stderr is not a terminal and shows no bar."""
        task = next(task for task in self._bars.tasks if task.id == self._task)
        left = (
            "" if task.time_remaining is None else f", {task.time_remaining:.0f} s left"
        )
        line = f"{self._title}: {self._step} of {self._total or '?'}{left}  {numbers}"
        self._bars.console.print(Text(line))


def _bars() -> Bars:
    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True, highlight=False, quiet=not is_main_process()),
        disable=not is_main_process(),
    )


@contextmanager
def _stop_event(stoppable: bool, bars: Bars) -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets, if the job is `stoppable`."""
    stop = threading.Event()
    if not stoppable or threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        """Stop the job at the first Ctrl-C, cancel it at the second."""
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        bars.console.print("Stopping after this step; Ctrl-C again cancels.")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
