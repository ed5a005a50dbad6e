"""The embedding of a frame of a session's loop: from memory, from disk, or computed."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding import recall_embedding
from napari_motionseg.embedding.loop_colors import LoopPalettes
from napari_motionseg.viewmodel.session import Loop, Session


def embedding_key(loop: Loop, model: Path, t: int) -> Hashable:
    """Return what the embedding of a frame is kept under."""
    return (loop.token, model, t)


def frame_embedding(
    session: Session, loop: Loop, model: Path, t: int, *, remember: bool = True
) -> NDArray[np.float16]:
    """Return the embedding ``(D, H, W)`` of a frame, computed once; any thread may ask.

    Parameters
    ----------
    session, loop
        Where it is kept.
    model
        The checkpoint.
    t
        The frame.
    remember
        Whether it stays in memory; else it is left on disk alone.

    Raises
    ------
    CheckpointError
        See `Session.network`.
    """
    key = embedding_key(loop, model, t)
    kept = session.embeddings.get(key)
    if kept is None:
        network, digest = session.networks.of(model)
        frame = loop.cine.normalized(t)
        kept = recall_embedding(cast("Any", network), frame, digest, session.store)
        if remember:
            session.embeddings.put(key, kept)
        palettes = loop.palettes.setdefault(model, LoopPalettes(len(loop.cine)))
        palettes.add(t, kept, blank=not loop.cine.frames.usable(t))
    return kept
