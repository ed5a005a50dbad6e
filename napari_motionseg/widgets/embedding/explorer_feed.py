"""Embed a loop in the background, from the current frame outward."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_motionseg.embedding.embedding_order import next_frame, outward
from napari_motionseg.errors import MotionSegError
from napari_motionseg.viewmodel.frame_embeddings import embedding_key, frame_embedding
from napari_motionseg.viewmodel.session import Loop, Session
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.listening import listen


class EmbeddingFeed(QObject):
    """Embed one frame at a time in a thread, so that the next frame can be chosen late.

    While a job runs in the session, or the current frame is computed, the feed pauses,
    because both would become slower.

    Parameters
    ----------
    owner
        Widget; when it is destroyed, the feed ends.
    session
        Session whose caches hold the embeddings.

    Signals
    -------
    progressed
        Emitted after each frame.
    finished
        Emitted when all frames are embedded.
    """

    progressed = Signal()
    finished = Signal()

    def __init__(self, owner: QObject, session: Session) -> None:
        super().__init__(owner)
        self._session = session
        self._loop: Loop | None = None
        self._models: tuple[Path, ...] = ()
        self._t = 0
        self._held = False
        self.worker = Latest(owner, self._arrived)
        listen(owner, session.job_changed, self._job_changed)

    def look_at(self, loop: Loop | None, models: tuple[Path, ...], t: int) -> None:
        """Embed a loop, its frame `t` first; with None, embed nothing."""
        self._loop, self._models, self._t = loop, models, t
        if loop is not None:
            # when memory is full, the frames farthest from this one are removed
            near = outward(t, len(loop.cine))[::-1]
            self._session.embeddings.use(
                embedding_key(loop, model, u) for u in near for model in models
            )
        self._go_on()

    def hold(self, held: bool) -> None:
        """Pause the work, or continue it."""
        self._held = held
        self._go_on()

    def known(self) -> tuple[int, int]:
        """Return the number of frames embedded by all models, and of all frames."""
        loop = self._loop
        if loop is None:
            return 0, 0
        frames = range(len(loop.cine))
        return sum(self._is_known(loop, t) for t in frames), len(frames)

    @property
    def busy(self) -> bool:
        """Whether a frame is being embedded."""
        return self.worker.busy

    @property
    def frames_that_fit(self) -> int | None:
        """Number of frames that fit into memory; None if not known yet."""
        if self._loop is None or not self._models:
            return None
        embeddings = self._session.embeddings
        if not embeddings.largest:
            return None
        return embeddings.capacity // (embeddings.largest * len(self._models))

    def _is_known(self, loop: Loop, t: int) -> bool:
        palettes = [loop.palettes.get(model) for model in self._models]
        return all(p is not None and t in p for p in palettes)

    def _go_on(self) -> None:
        idle = self._session.job_title is None and not self._held
        if self._loop is None or not idle:
            return
        for model in self._models:
            found = self._next(self._loop, model)
            if found is not None:
                t, stays = found
                self.worker.ask(_embed, self._session, self._loop, model, t, stays)
                return

    def _next(self, loop: Loop, model: Path) -> tuple[int, bool] | None:
        embeddings, fit = self._session.embeddings, self.frames_that_fit
        palettes = loop.palettes.get(model)
        disk = self._session.store is not None
        return next_frame(
            self._t,
            len(loop.cine),
            len(loop.cine) if fit is None else fit,
            lambda t: embedding_key(loop, model, t) in embeddings,
            (lambda t: palettes is not None and t in palettes) if disk else None,
        )

    def _arrived(self, loop: Loop | None) -> None:
        if loop is not None and loop is self._loop:
            self.progressed.emit()
            known, total = self.known()
            if known == total:
                self.finished.emit()
            self._go_on()

    def _job_changed(self, title: str | None) -> None:
        self._go_on()


def _embed(
    session: Session, loop: Loop, model: Path, t: int, stays: bool
) -> Loop | None:
    """Embed a frame and return its loop; None if the frame cannot be embedded.

    The reason is not shown here: it appears when the user goes to the frame.
    """
    try:
        frame_embedding(session, loop, model, t, in_memory=stays)
    except MotionSegError:
        return None
    return loop
