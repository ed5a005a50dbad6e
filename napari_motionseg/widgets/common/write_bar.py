"""Show a short job in a thread: a bar, a Cancel button and a sentence.

The job runs in a thread and not in a child process, because the frames of an overlay
are already in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from napari_motionseg.jobs import Job, Progress
from napari_motionseg.jobs.thread_job import ThreadJob
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.plain_labels import WrappedLabel

POLL_EVERY_MS = 40


@dataclass(frozen=True)
class PanelWords:
    """Sentences of a panel for one kind of job.

    Parameters
    ----------
    working
        Sentence during the job, with ``{}`` for the message of its progress.
    done
        Sentence when it has finished, with ``{}`` for its result; empty to say nothing.
    failed
        Sentence when it has failed, with ``{}`` for the error.
    cancelled
        Sentence when it was cancelled.
    cancel
        Tooltip of the Cancel button.
    """

    working: str = "Drawing {}"
    done: str = "Wrote {}"
    failed: str = "Nothing was written. {}"
    cancelled: str = "Cancelled; nothing was written."
    cancel: str = "End now; no file is written"


WRITING = PanelWords()


class WritingPanel(QWidget):
    """Run one job at a time in a thread and show its progress.

    Signals
    -------
    progressed
        Emitted with each `Progress`.
    finished
        Emitted with the result of a job that has finished.
    ended
        Emitted when the job has finished, was cancelled, or has failed.
    """

    progressed = Signal(object)
    finished = Signal(object)
    ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._job: ThreadJob | None = None
        self._words = WRITING
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_EVERY_MS)
        self._timer.timeout.connect(self._poll)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.cancel_button = button("Cancel", WRITING.cancel)
        self.cancel_button.clicked.connect(self.cancel)
        self.status = WrappedLabel()
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.status)
        self._show_running(False)

    @property
    def running(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def start(self, job: Job[Any], words: PanelWords = WRITING) -> None:
        """Run a job.

        Parameters
        ----------
        job
            The job, which returns the path that it wrote, or what `words` say.
        words
            Sentences for this kind of job.
        """
        self._words = words
        self.cancel_button.setToolTip(words.cancel)
        self._job = running = ThreadJob(job)
        # a window that is closed leaves no half-written file and no thread behind
        self.destroyed.connect(lambda: running.cancel())
        self.bar.setRange(0, 0)
        self.say("Starting…")
        self._show_running(True)
        self._timer.start()

    def cancel(self) -> None:
        """End the job after its step."""
        if self._job is not None:
            self._job.cancel()
            self._end(self._words.cancelled)

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.status.setText(sentence)
        self.status.setVisible(bool(sentence))

    def _progressed(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.step)
        self.say(self._words.working.format(progress.message))
        self.progressed.emit(progress)

    def _poll(self) -> None:
        job = self._job
        if job is None:
            return
        for progress in job.poll():
            self._progressed(progress)
        if job.state == "finished":
            self._end(self._words.done.format(job.result), job.result)
        elif job.state == "failed":
            self._end(self._words.failed.format(job.error))
            show_error(str(job.error))

    def _end(self, sentence: str, result: Any = None) -> None:
        self._job = None
        self._timer.stop()
        self.say(sentence)
        self._show_running(False)
        if result is not None:
            self.finished.emit(result)
        self.ended.emit()

    def _show_running(self, running: bool) -> None:
        self.bar.setVisible(running)
        self.cancel_button.setVisible(running)
        self.status.setVisible(bool(self.status.text()))
