"""Make synthetic angiograms whose vessels and motion are known exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.synthesis.cines import SyntheticCine as SyntheticCine
    from napari_motionseg.synthesis.cines import synthesize_cine as synthesize_cine
    from napari_motionseg.synthesis.config import SynthesisConfig as SynthesisConfig
    from napari_motionseg.synthesis.flow_pairs import PairBatch as PairBatch
    from napari_motionseg.synthesis.flow_pairs import training_pairs as training_pairs
    from napari_motionseg.synthesis.stills import Stills as Stills
    from napari_motionseg.synthesis.stills import training_stills as training_stills

_PUBLIC = {
    "SyntheticCine": "cines",
    "synthesize_cine": "cines",
    "SynthesisConfig": "config",
    "PairBatch": "flow_pairs",
    "training_pairs": "flow_pairs",
    "Stills": "stills",
    "training_stills": "stills",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
