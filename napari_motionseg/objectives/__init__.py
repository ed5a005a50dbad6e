"""Self-supervised losses, one paper a file; pure functions of tensors.

Each choice of `OBJECTIVES` is a frozen dataclass of the paper's settings that, called
with an embedding ``(B, D, H, W)``, a flow ``(B, 2, H, W)`` in px and a generator, gives
the loss and metrics to show with it.
"""

from __future__ import annotations

from napari_motionseg.options import Choice, Registry

OBJECTIVES = Registry(
    "objective",
    {
        "flow-consistency": Choice(
            "napari_motionseg.objectives.flow_consistency:FlowConsistency",
            "neighbours that move alike get like embeddings (Ma et al., 2019)",
        ),
    },
)

__all__ = ["OBJECTIVES"]
