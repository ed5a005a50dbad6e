"""Show a job that writes a file in a thread: a bar, a Cancel button and a sentence.

The job runs in a thread and not in a child process, because an overlay draws frames
that are in memory already.
"""

from __future__ import annotations

from typing import Any

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.widgets.common.dock_layout import button


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
        self._worker: Any = None
        self._job: Job[Any] | None = None
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
        return self._worker is not None

    def start(self, job: Job[Any]) -> None:
        """Run a job that returns the path that it wrote."""
        worker = create_worker(_driven, job, _start_thread=False)
        worker.yielded.connect(self._progressed)
        worker.returned.connect(self._returned)
        worker.aborted.connect(self._aborted)
        worker.finished.connect(self._finished)
        self._worker, self._job = worker, job
        self.bar.setRange(0, 0)
        self.say("Starting…")
        self._show_running(True)
        worker.start()

    def cancel(self) -> None:
        """End the job after this frame; no file is written."""
        if self._worker is not None:
            self._worker.quit()
            self.say("Cancelling…")

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.status.setText(sentence)
        self.status.setVisible(bool(sentence))

    def _progressed(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.step)
        self.say(f"Drawing {progress.message}")

    def _returned(self, answer: Any) -> None:
        path, error = answer
        if error is None:
            self.say(f"Wrote {path}")
        else:
            self.say(f"Nothing was written. {error}")
            show_error(str(error))

    def _aborted(self) -> None:
        if self._job is not None:
            self._job.close()
        self.say("Cancelled; nothing was written.")

    def _finished(self) -> None:
        self._worker = self._job = None
        self._show_running(False)
        self.ended.emit()

    def _show_running(self, running: bool) -> None:
        self.bar.setVisible(running)
        self.cancel_button.setVisible(running)
        self.status.setVisible(bool(self.status.text()))


def _driven(job: Job[Any]) -> Job[tuple[Any, MotionSegError | None]]:
    """Yield progress; return the result and the error, of which one is None."""
    try:
        result = yield from job
    except MotionSegError as error:
        return None, error
    return result, None
