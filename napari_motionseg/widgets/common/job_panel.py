"""Show a running job: its phase, progress, a curve, two buttons and a sentence.

The panel starts a job and polls it with a timer. It never waits for the job or its
process, so that the window stays responsive.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from napari.layers import Layer
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import Job, Progress, RunningJob
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.viewmodel.time_left import TimeLeft, duration
from napari_motionseg.widgets.common.close_guard import guard_window
from napari_motionseg.widgets.common.curve_plot import TrainingCurves
from napari_motionseg.widgets.common.endings import ANY, Endings
from napari_motionseg.widgets.common.frame_strip import place_strip
from napari_motionseg.widgets.common.loop_work import LoopFollower, LoopWork
from napari_motionseg.widgets.common.plain_labels import WrappedLabel

POLL_EVERY_MS = 40
# until a worker process is started in advance: it would take a core from the window,
# which is still being drawn
ADVANCE_MS = 600
Handover = Callable[[Any], str | None]
BUSY_S = 0.02  # longest time of one poll; other messages wait for the next poll


class JobPanel(QWidget):
    """Run one job at a time and show its progress.

    Parameters
    ----------
    session
        Session that starts the jobs, so that a viewer runs one job at a time.
    curve
        Whether ``metrics["loss"]``, and what is explained, are drawn as curves.

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
        self._job: RunningJob | None = None
        self._handover: Handover | None = None
        self._title = ""
        self._endings = ANY
        self._time_left = TimeLeft()
        self._last: Progress | None = None
        self._stopped = False
        self._losses_seen = False
        self._message = ""
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_EVERY_MS)
        self._timer.timeout.connect(self._poll)
        self._build(curve)
        self._follower = LoopFollower(
            self, session.marks, self.prioritize, self._discard
        )
        session.panel_opened()
        # the widget may be gone, or the viewer closed, while its job still runs
        running = self._running = _Running(session)
        self.destroyed.connect(running.panel_gone)

    def _build(self, curve: bool) -> None:
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.stop_button = QPushButton("Stop && keep")
        self.cancel_button = QPushButton()
        self._say_endings()
        self.stop_button.clicked.connect(self.stop)
        self.cancel_button.clicked.connect(self.cancel)
        self.status = WrappedLabel()
        self.curve = TrainingCurves() if curve else None
        _lay_out(self)
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
        done: Handover | None = None,
        endings: Endings = ANY,
        work: LoopWork | None = None,
    ) -> None:
        """Start a job.

        Parameters
        ----------
        title
            Title of the job, which begins a sentence, such as ``"Training"``.
        function, *args
            Function that returns the job, and its arguments, as in `JobRunner.start`.
        done
            Function that is called with the result. If the result cannot be used any
            more, it returns the reason as the end of a sentence, which the panel shows.
        endings
            Texts of the buttons for this kind of job.
        work
            Loop whose frames the job works through, or None.

        Raises
        ------
        JobError
            If another job of the session runs, or the function cannot be imported in
            another process.
        """
        self._job = self._running.job = self._session.start(title, function, *args)
        self._running.title = title
        self._title, self._handover, self._endings = title, done, endings
        self._say_endings()
        self._time_left, self._last, self._stopped = TimeLeft(), None, False
        self._follower.follow(work, title)
        self.bar.setRange(0, 0)
        self._losses_seen, self._message = False, ""
        self._say_phase()
        self._show_running(True)
        self._timer.start()

    def need(self, layer: Layer) -> None:
        """Cancel the running job if the layer that shows its result is removed."""
        self._follower.need(layer)

    def stop(self) -> None:
        """Ask the job to end and keep its results so far."""
        if self._job is not None:
            self._stopped = True
            self.status.setText(f"{self._title}: stopping after this step…")
            self.stop_button.setEnabled(False)
            self._job.stop()

    def prioritize(self, frame: int) -> None:
        """Ask the job to do `frame` next, if it can change the order of frames."""
        if self._job is not None:
            self._job.prioritize(frame)

    def cancel(self) -> None:
        """End the job without a result."""
        self._discard(None)

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.status.setText(sentence)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Start a worker process in advance soon, because a job may be started now."""
        super().showEvent(event)
        guard_window(self, self._session)
        place_strip(self, self._session.marks)
        QTimer.singleShot(ADVANCE_MS, self._session.expect_job)

    def event(self, event: QEvent | None) -> bool:
        """Show the memory of the waiting worker process in the tooltip."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            self.setToolTip(self._session.standby_words())
        return super().event(event)

    def _discard(self, reason: str | None) -> None:
        if self._job is not None:
            self._job.cancel()
            self._end(
                reason and f"cancelled, because {reason}: its result has no place"
            )

    def _poll(self) -> None:
        if self._job is None:
            return
        begun = time.monotonic()
        for progress in self._job.poll():
            self._take(progress)
            if self._job is None:  # a listener has cancelled
                return
            if time.monotonic() - begun > BUSY_S:
                break
        if self._last is not None:
            self._show(self._last)
        else:
            self._say_phase()
        if not self._job.running:
            self._end()

    def _take(self, progress: Progress) -> None:
        self._last = progress
        self._time_left.step(progress)
        if self.curve is not None and "loss" in progress.metrics:
            if not self._losses_seen:  # keep the previous curve until now
                self.curve.clear()
            self._losses_seen = True
            self.curve.add(progress.step, progress.metrics)
        # a message such as "out of memory" comes once, and stays until the next message
        self._message = progress.message or self._message
        self._follower.advance(progress)
        self.progressed.emit(progress)

    def _say_phase(self) -> None:
        if self._job is not None and not self._stopped:
            self.status.setText(f"{self._title}: {self._job.phase or 'starting…'}")

    def _show(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.step)
        if self.curve is not None:
            self.curve.draw()
        if self._stopped:
            return
        left, unit = self._time_left.seconds, self._endings.unit[0]
        sentence = _progress_words(self._title, unit, progress, left)
        self.status.setText("\n".join(filter(None, [sentence, self._message])))

    def _end(self, words: str | None = None) -> None:
        """Show how the job ended, and emit its result."""
        job, self._job, self._running.job = self._job, None, None
        self._timer.stop()
        self._show_running(False)
        if job is None:
            return
        handover, self._handover = self._handover, None  # it may refer to a loop
        last = self._last or Progress(0, 0)
        amount = self._follower.amount or (last.step, last.total)
        self._follower.leave(keep=job.state == "finished")
        self._session.job_ended(job)
        if job.state == "finished":
            self._finished(job.result, self._endings.amount(*amount), handover)
        elif job.state == "cancelled":
            self.say(f"{self._title}: {words or self._endings.cancelled}")
        else:
            self.say(f"{self._title}: failed. {_first_line(job.error)}")
            show_error(str(job.error))
        self.ended.emit(job.state)

    def _finished(self, result: Any, amount: str, handover: Handover | None) -> None:
        took = duration(self._time_left.passed)
        word = "done"
        if self._stopped:
            word = self._endings.stopped.format(amount=amount)
        self.say(f"{self._title}: {word} ({took})")
        lost = None
        if handover is not None:
            try:
                lost = handover(result)
            except MotionSegError as error:
                lost = f"finished, but its result cannot be used. {error}"
                show_error(str(error))
        if lost is not None:
            self.say(f"{self._title}: {lost}")
        self.finished.emit(result)

    def _say_endings(self) -> None:
        self.stop_button.setToolTip(self._endings.stop)
        self.cancel_button.setText(self._endings.cancel_text)
        self.cancel_button.setToolTip(self._endings.cancel)

    def _show_running(self, running: bool) -> None:
        for widget in (self.bar, self.stop_button, self.cancel_button):
            widget.setVisible(running)
        self.stop_button.setEnabled(running)


def _lay_out(panel: JobPanel) -> None:
    """Put the parts of a panel in their places."""
    buttons = QHBoxLayout()
    buttons.addWidget(panel.stop_button)
    buttons.addWidget(panel.cancel_button)
    layout = QVBoxLayout(panel)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    layout.addWidget(panel.bar)
    layout.addLayout(buttons)
    layout.addWidget(panel.status)
    if panel.curve is not None:
        layout.addWidget(panel.curve)


def _progress_words(
    title: str, unit: str, progress: Progress, left: float | None
) -> str:
    """Describe the progress of a job, with loss and remaining time if known."""
    parts = [title, f"{unit} {progress.step} of {progress.total}"]
    if "loss" in progress.metrics:
        parts.append(f"loss {progress.metrics['loss']:.3f}")
    if left is not None:
        parts.append(f"{duration(left)} left")
    return " · ".join(parts)


class _Running:
    """Hold the job of a panel; unlike the panel, it lives as long as the job."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.job: RunningJob | None = None
        self.title = ""

    def panel_gone(self) -> None:
        """Cancel the job of a destroyed panel, and notify the user."""
        self.session.panel_closed()
        if self.job is not None:
            self.job.cancel()
            self.session.job_ended(self.job)
            show_info(f"{self.title}: cancelled, because its dock was closed")


def _first_line(error: object) -> str:
    return str(error).splitlines()[0] if str(error) else ""
