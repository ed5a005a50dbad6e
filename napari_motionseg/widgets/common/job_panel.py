"""Show a running job: its progress, a curve, two buttons and a sentence.

The panel starts a job in a child process and polls it with a timer, so that the window
never waits for the job.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import ChildJob, Job, Progress
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.curve_plot import LossCurve
from napari_motionseg.widgets.common.endings import ANY, Endings
from napari_motionseg.widgets.common.plain_labels import plain_label

POLL_EVERY_MS = 40


class JobPanel(QWidget):
    """Run one job at a time and show its progress.

    Parameters
    ----------
    session
        The session that starts the jobs, so that a viewer runs one at a time.
    curve
        Whether ``metrics["loss"]`` is drawn as a curve.

    Signals
    -------
    progressed
        Emitted with each `Progress`.
    finished
        Emitted with the result of the job, also if it was stopped.
    ended
        Emitted with the state in which the job ended: ``"finished"``, ``"cancelled"``
        or ``"failed"``.
    """

    progressed = Signal(object)
    finished = Signal(object)
    ended = Signal(str)

    def __init__(self, session: Session, *, curve: bool = False) -> None:
        super().__init__()
        self._session = session
        self._job: ChildJob[Any] | None = None
        self._handover: Callable[[Any], None] | None = None
        self._title = ""
        self._endings = ANY
        self._began = 0.0
        self._stopped = False
        self._losses_seen = False
        self._message = ""
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_EVERY_MS)
        self._timer.timeout.connect(self._poll)
        self._build(curve)
        # the widget may be gone, or the viewer closed, while its job still runs
        running = self._running = _Running(session)
        self.destroyed.connect(running.cancel)

    def _build(self, curve: bool) -> None:
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.stop_button = QPushButton("Stop && keep")
        self.cancel_button = QPushButton()
        self._say_endings()
        self.stop_button.clicked.connect(self.stop)
        self.cancel_button.clicked.connect(self.cancel)
        self.status = plain_label()
        self.status.setWordWrap(True)
        self.curve = LossCurve() if curve else None
        buttons = QHBoxLayout()
        buttons.addWidget(self.stop_button)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.bar)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        if self.curve is not None:
            layout.addWidget(self.curve)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._show_running(False)

    @property
    def running(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def start(
        self,
        title: str,
        function: Callable[..., Job[Any]],
        *args: Any,
        done: Callable[[Any], None] | None = None,
        endings: Endings = ANY,
    ) -> None:
        """Start a job in a child process.

        Parameters
        ----------
        title
            What it does, as the beginning of a sentence: ``"Training"``.
        function, *args
            See `ChildJob`.
        done
            Called with the result.
        endings
            What the buttons do to this job.

        Raises
        ------
        JobError
            If another job of the session runs.
        """
        self._job = self._running.job = self._session.start(title, function, *args)
        self._title, self._handover, self._endings = title, done, endings
        self._say_endings()
        self._began, self._stopped = time.monotonic(), False
        self.bar.setRange(0, 0)
        self.status.setText(f"{title}: starting…")
        self._losses_seen = False
        self._message = ""
        self._show_running(True)
        self._timer.start()

    def stop(self) -> None:
        """Ask the job to end and keep what there is."""
        if self._job is not None:
            self._stopped = True
            self.status.setText(f"{self._title}: stopping after this step…")
            self.stop_button.setEnabled(False)
            self._job.stop()

    def prioritize(self, frame: int) -> None:
        """Ask the job to do `frame` next, if it does frames in any order."""
        if self._job is not None:
            self._job.prioritize(frame)

    def cancel(self) -> None:
        """End the job, which hands over no result."""
        if self._job is not None:
            self._job.cancel()
            self._end()

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.status.setText(sentence)

    def _poll(self) -> None:
        if self._job is None:
            return
        progress = None
        for progress in self._job.poll():
            if self.curve is not None and "loss" in progress.metrics:
                if not self._losses_seen:  # the last training's curve stays until then
                    self.curve.clear()
                self._losses_seen = True
                self.curve.add(progress.metrics["loss"])
            # what was said once, as of too little memory, stays until something else is
            self._message = progress.message or self._message
            self.progressed.emit(progress)
            if self._job is None:  # a listener has cancelled
                return
        if progress is not None:
            self._show(progress)
        if not self._job.running:
            self._end()

    def _show(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.step)
        if self.curve is not None:
            self.curve.draw()
        if self._stopped:
            return
        parts = [self._title, f"step {progress.step} of {progress.total}"]
        if "loss" in progress.metrics:
            parts.append(f"loss {progress.metrics['loss']:.3f}")
        left = self._seconds_left(progress)
        if left is not None:
            parts.append(f"{_duration(left)} left")
        sentence = " · ".join(parts)
        self.status.setText("\n".join(filter(None, [sentence, self._message])))

    def _seconds_left(self, progress: Progress) -> float | None:
        # the first steps carry the start of the process and say little
        if progress.step < 3 or progress.total < 1:
            return None
        passed = time.monotonic() - self._began
        return passed / progress.step * (progress.total - progress.step)

    def _end(self) -> None:
        job, self._job, self._running.job = self._job, None, None
        self._timer.stop()
        self._show_running(False)
        if job is None:
            return
        self._session.job_ended(job)
        took = _duration(time.monotonic() - self._began)
        if job.state == "finished":
            word = "stopped, what was done is kept" if self._stopped else "done"
            self.say(f"{self._title}: {word} ({took})")
            self._hand_over(job.result)
        elif job.state == "cancelled":
            self.say(f"{self._title}: {self._endings.cancelled}")
        else:
            self.say(f"{self._title}: failed. {_first_line(job.error)}")
            show_error(str(job.error))
        self.ended.emit(job.state)

    def _hand_over(self, result: Any) -> None:
        if self._handover is not None:
            try:
                self._handover(result)
            except MotionSegError as error:
                show_error(str(error))
        self.finished.emit(result)

    def _say_endings(self) -> None:
        self.stop_button.setToolTip(self._endings.stop)
        self.cancel_button.setText(self._endings.cancel_text)
        self.cancel_button.setToolTip(self._endings.cancel)

    def _show_running(self, running: bool) -> None:
        for widget in (self.bar, self.stop_button, self.cancel_button):
            widget.setVisible(running)
        self.stop_button.setEnabled(running)


class _Running:
    """Hold the job of a panel; unlike the panel, it lives as long as the job."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.job: ChildJob[Any] | None = None

    def cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()
            self.session.job_ended(self.job)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def _first_line(error: object) -> str:
    return str(error).splitlines()[0] if str(error) else ""
