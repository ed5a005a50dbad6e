"""Explore embeddings: projections, similarity maps, figures. No GUI here."""

from __future__ import annotations

from napari_motionseg.embedding.anchors import carried
from napari_motionseg.embedding.embedding_cache import EmbeddingCache
from napari_motionseg.embedding.embedding_store import EmbeddingStore
from napari_motionseg.embedding.features import embed_frame, recall_embedding
from napari_motionseg.embedding.flow_kernels import (
    FLOW_KERNELS,
    AbsoluteKernel,
    RelativeKernel,
)
from napari_motionseg.embedding.frame_vectors import FrameVectors
from napari_motionseg.embedding.projection import Palette, random_projection
from napari_motionseg.embedding.separation import separation
from napari_motionseg.embedding.similarity import (
    combine,
    flow_similarity,
    shifted_flow_similarity,
    shifted_similarity,
    similarity_map,
)

__all__ = [
    "FLOW_KERNELS",
    "AbsoluteKernel",
    "EmbeddingCache",
    "EmbeddingStore",
    "FrameVectors",
    "Palette",
    "RelativeKernel",
    "carried",
    "combine",
    "embed_frame",
    "flow_similarity",
    "random_projection",
    "recall_embedding",
    "separation",
    "shifted_flow_similarity",
    "shifted_similarity",
    "similarity_map",
]
