"""What the command line shows: results on stdout, all else on stderr."""

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
LOG_EVERY_S = 30.0


def messages() -> Console:
    """Return a console on stderr: it wraps nothing and colours no numbers."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def note(text: str) -> None:
    """Tell something that a person should know."""
    if talks():
        messages().print(Text(f"note: {without_controls(text)}", style="yellow"))


def complain(text: str) -> None:
    """Tell what is wrong, in one line."""
    messages().print(Text(f"motionseg: {without_controls(text)}", style="red"))


def answer(
    row: Mapping[str, Any], text: str, as_json: bool, *, table: bool = False
) -> None:
    """Give a result: one JSON object on one line, or a line for a person.

    Parameters
    ----------
    row
        The result, for JSON.
    text
        The result in words. What came from files in it is made harmless here.
    as_json
        Whether JSON is wanted.
    table
        Whether `text` has several lines.
    """
    if talks():
        shown = lines_without_controls(text) if table else without_controls(text)
        typer.echo(json_text(row) if as_json else shown)


def talks() -> bool:
    """Return whether this process tells: of those of torchrun, the first one does."""
    return os.environ.get("RANK", "0") == "0"


def drive(job: Job[Result], title: str, *, keeps: bool = False) -> Result:
    """Drain a job under a progress bar with its numbers and the time that is left.

    Parameters
    ----------
    job
        The generator.
    title
        What it does, for the bar.
    keeps
        Whether the job keeps what there is when it is stopped: Ctrl-C then stops it,
        and only a second Ctrl-C cancels it.
    """
    with closing(job), _bars() as bars, _ctrl_c(keeps, bars) as stop:
        show = _Shower(bars, title)
        try:
            progress = next(job)
            while True:
                show(progress)
                progress = job.send(STOP if stop.is_set() else None)
        except StopIteration as end:
            if stop.is_set():
                bars.console.print("Stopped early; what was learnt so far is kept.")
            return end.value  # type: ignore[no-any-return]
        except MotionSegError:
            bars.live.transient = True  # what is wrong is said alone
            raise


class _Shower:
    """One bar that follows a job through its phases."""

    def __init__(self, bars: Bars, title: str) -> None:
        self._bars = bars
        self._title = without_controls(title)
        self._task = bars.add_task(self._title, total=None, numbers="")
        self._total = 0
        self._step = 0
        self._said = time.monotonic()
        self._noted = ""  # a job may say the same with each step

    def __call__(self, progress: Progress) -> None:
        """Show one `Progress`."""
        if progress.total != self._total or progress.step < self._step:
            # another phase: its speed says nothing of the one before
            self._bars.reset(self._task, total=progress.total or None)
        self._total, self._step = progress.total, progress.step
        numbers = "  ".join(f"{k} {v:.4g}" for k, v in progress.metrics.items())
        message = without_controls(progress.message)
        if progress.metrics and message not in ("", self._noted):
            self._noted = message
            # as Text: square brackets in a file's name are no markup
            self._bars.console.print(Text(f"note: {message}", style="yellow"))
        self._bars.update(
            self._task, completed=progress.step, numbers=numbers or message
        )
        now = time.monotonic()
        if not self._bars.console.is_terminal and now - self._said >= LOG_EVERY_S:
            self._said = now
            self._log(numbers or message)

    def _log(self, numbers: str) -> None:
        """Write a line for a log file, where there is no terminal for a bar."""
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
        console=Console(stderr=True, highlight=False, quiet=not talks()),
        disable=not talks(),
    )


@contextmanager
def _ctrl_c(keeps: bool, bars: Bars) -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C sets, if the job `keeps` what it has."""
    stop = threading.Event()
    if not keeps or threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def heed(number: int, frame: FrameType | None) -> None:
        """Stop the job at the first Ctrl-C, cancel it at the second."""
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        bars.console.print("Stopping after this step; Ctrl-C again cancels.")

    before = signal.signal(signal.SIGINT, heed)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
