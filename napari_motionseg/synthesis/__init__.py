"""Make synthetic angiograms whose vessels and motion are known exactly."""

from napari_motionseg.synthesis.cines import SyntheticCine, synthesize_cine
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.flow_pairs import PairBatch, training_pairs
from napari_motionseg.synthesis.stills import Stills, training_stills

__all__ = [
    "PairBatch",
    "Stills",
    "SynthesisConfig",
    "SyntheticCine",
    "synthesize_cine",
    "training_pairs",
    "training_stills",
]
