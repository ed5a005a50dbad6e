"""Looking at embeddings: random projections and similarity maps. No GUI here."""

from __future__ import annotations

from napari_motionseg.embedding.features import embed_frame
from napari_motionseg.embedding.projection import random_projection
from napari_motionseg.embedding.similarity import (
    flow_similarity,
    shifted_similarity,
    similarity_map,
)

__all__ = [
    "embed_frame",
    "flow_similarity",
    "random_projection",
    "shifted_similarity",
    "similarity_map",
]
