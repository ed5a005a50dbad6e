"""Return the embedding of a frame: from memory, from disk, or computed."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.loop_colors import LoopPalettes
from napari_motionseg.viewmodel.session import Loop, Session


def embedding_key(loop: Loop, model: Path, t: int) -> Hashable:
    """Return the key of a frame's embedding in the cache of the session."""
    return (loop.token, model, t)


def frame_embedding(
    session: Session, loop: Loop, model: Path, t: int, *, in_memory: bool = True
) -> NDArray[np.float16]:
    """Return the embedding ``(D, H, W)`` of a frame; any thread may call this.

    Parameters
    ----------
    session
        Session with the caches.
    loop
        Loop that the frame belongs to.
    model
        Path of the checkpoint.
    t
        Index of the frame.
    in_memory
        Whether to cache the embedding in memory; if False, only on disk.

    Raises
    ------
    CheckpointError
        If the network cannot be loaded.
    """
    from napari_motionseg.embedding import recall_embedding

    key = embedding_key(loop, model, t)
    kept = session.embeddings.get(key)
    if kept is None:
        network, digest = session.networks.of(model)
        frame = loop.cine.normalized(t)
        kept = recall_embedding(cast("Any", network), frame, digest, session.store)
        if in_memory:
            session.embeddings.put(key, kept)
        palettes = loop.palettes.setdefault(model, LoopPalettes(len(loop.cine)))
        palettes.add(t, kept, blank=not loop.cine.frames.usable(t))
    return kept
