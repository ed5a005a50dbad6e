"""Define what every propagation network can do, whatever its layout."""

from __future__ import annotations

from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.propagation_network import ConditionalPropagationNet

PropagationModel = LightPropagationNet | ConditionalPropagationNet
PROPAGATION = "propagation"  # kind of the checkpoints of these networks
DEFAULT_PROPAGATION = "propagation-xa"  # name of the weights that ship
