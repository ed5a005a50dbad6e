"""Show a job that writes a file in a thread: a bar, a Cancel button and a sentence.

The job runs in a thread and not in a child process, because the frames of an overlay
are already in memory.
"""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_motionseg.jobs import Job, Progress
from napari_motionseg.jobs.thread_job import ThreadJob
from napari_motionseg.widgets.common.dock_layout import button

POLL_EVERY_MS = 40


class WritingPanel(QWidget):
    """Run one writing job at a time and show its progress.

    Signals
    -------
    ended
        Emitted when the job has written its file, was cancelled, or has failed.
    """

    ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._job: ThreadJob | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_EVERY_MS)
        self._timer.timeout.connect(self._poll)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.cancel_button = button("Cancel", "End now; no file is written")
        self.cancel_button.clicked.connect(self.cancel)
        self.status = QLabel()
        self.status.setWordWrap(True)
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

    def start(self, job: Job[Any]) -> None:
        """Run a job that returns the path that it wrote."""
        self._job = running = ThreadJob(job)
        # a window that is closed leaves no half-written file and no thread behind
        self.destroyed.connect(lambda: running.cancel())
        self.bar.setRange(0, 0)
        self.say("Starting…")
        self._show_running(True)
        self._timer.start()

    def cancel(self) -> None:
        """End the job after this frame; no file is written."""
        if self._job is not None:
            self._job.cancel()
            self._end("Cancelled; nothing was written.")

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.status.setText(sentence)
        self.status.setVisible(bool(sentence))

    def _progressed(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.step)
        self.say(f"Drawing {progress.message}")

    def _poll(self) -> None:
        job = self._job
        if job is None:
            return
        for progress in job.poll():
            self._progressed(progress)
        if job.state == "finished":
            self._end(f"Wrote {job.result}")
        elif job.state == "failed":
            self._end(f"Nothing was written. {job.error}")
            show_error(str(job.error))

    def _end(self, sentence: str) -> None:
        self._job = None
        self._timer.stop()
        self.say(sentence)
        self._show_running(False)
        self.ended.emit()

    def _show_running(self, running: bool) -> None:
        self.bar.setVisible(running)
        self.cancel_button.setVisible(running)
        self.status.setVisible(bool(self.status.text()))
