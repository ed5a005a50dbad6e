"""Describe loops by their embedding, to search and to group them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.batch.loop_facts import loop_facts
from napari_motionseg.batch.records import Draft
from napari_motionseg.batch.segmentation_task import identity_of
from napari_motionseg.batch.thumbnails import THUMBNAIL, write_thumbnail
from napari_motionseg.cine import Cine
from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.embedding import embed_frame
from napari_motionseg.models import load_model

TAIL = "_embedding.npz"


@dataclass(frozen=True)
class EmbeddingTask:
    """Settings of embeddings, which another process can be sent.

    Parameters
    ----------
    model
        Path of the checkpoint of an embedding or a segmentation, or ``default``.
    device
        Device of the network: ``auto`` or a name that torch knows.
    """

    model: str = "default"
    device: str = "auto"

    def settings(self) -> dict[str, Any]:
        """Return the JSON values that the results depend on."""
        name, sha256 = identity_of(self.model, ("embedding", "segmentation"))
        return {"task": "embed", "model": name, "model_sha256": sha256}

    def run(self, cine: Cine, key: str, draft: Draft) -> dict[str, Any]:
        """Embed the frames of a loop, write their statistics, and return its facts.

        Parameters
        ----------
        cine
            The loop.
        key
            Key of its place.
        draft
            Where the statistics are written to.

        Raises
        ------
        ReadError
            If no frame can be decoded.
        """
        usable = cine.frames.usable_frames()
        inside = find_cine_field_of_view(cine).mask
        found = [self._statistics(cine, t, inside) for t in usable]
        mean, spread = (np.stack(one) for one in zip(*found, strict=True))
        np.savez_compressed(
            draft.path(cine.name, key, TAIL), mean=mean, spread=spread, frames=usable
        )
        t = usable[len(usable) // 2]
        write_thumbnail(draft.path(cine.name, key, THUMBNAIL), cine, t)
        return {**loop_facts(cine), "dimensions": mean.shape[1]}

    def _statistics(
        self, cine: Cine, t: int, inside: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and standard deviation of the vectors in the field of view."""
        network: Any = _network(self.model)
        vectors = embed_frame(network, cine.normalized(t), device=self.device)
        chosen = vectors[:, inside]
        return chosen.mean(axis=1), chosen.std(axis=1)


@lru_cache(maxsize=1)
def _network(model: str) -> Any:
    from napari_motionseg.models.model_card import checkpoint_path

    return load_model(checkpoint_path(model), kind=("embedding", "segmentation"))[0]
