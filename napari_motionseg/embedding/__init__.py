"""Explore embeddings: projections, similarity maps, figures. No GUI here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.embedding.anchors import carried as carried
    from napari_motionseg.embedding.embedding_cache import (
        EmbeddingCache as EmbeddingCache,
    )
    from napari_motionseg.embedding.embedding_store import (
        EmbeddingStore as EmbeddingStore,
    )
    from napari_motionseg.embedding.features import embed_frame as embed_frame
    from napari_motionseg.embedding.features import recall_embedding as recall_embedding
    from napari_motionseg.embedding.flow_kernels import FLOW_KERNELS as FLOW_KERNELS
    from napari_motionseg.embedding.flow_kernels import AbsoluteKernel as AbsoluteKernel
    from napari_motionseg.embedding.flow_kernels import RelativeKernel as RelativeKernel
    from napari_motionseg.embedding.frame_vectors import FrameVectors as FrameVectors
    from napari_motionseg.embedding.projection import Palette as Palette
    from napari_motionseg.embedding.projection import (
        random_projection as random_projection,
    )
    from napari_motionseg.embedding.similarity import combine as combine
    from napari_motionseg.embedding.similarity import flow_similarity as flow_similarity
    from napari_motionseg.embedding.similarity import (
        shifted_flow_similarity as shifted_flow_similarity,
    )
    from napari_motionseg.embedding.similarity import (
        shifted_similarity as shifted_similarity,
    )
    from napari_motionseg.embedding.similarity import similarity_map as similarity_map

_PUBLIC = {
    "carried": "anchors",
    "EmbeddingCache": "embedding_cache",
    "EmbeddingStore": "embedding_store",
    "embed_frame": "features",
    "recall_embedding": "features",
    "FLOW_KERNELS": "flow_kernels",
    "AbsoluteKernel": "flow_kernels",
    "RelativeKernel": "flow_kernels",
    "FrameVectors": "frame_vectors",
    "Palette": "projection",
    "random_projection": "projection",
    "combine": "similarity",
    "flow_similarity": "similarity",
    "shifted_flow_similarity": "similarity",
    "shifted_similarity": "similarity",
    "similarity_map": "similarity",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
