"""Self-supervised losses, one paper a file; pure functions of tensors.

Each choice of `OBJECTIVES` is a frozen dataclass of the paper's settings that, called
with an embedding ``(B, D, H, W)``, a flow ``(B, 2, H, W)`` in px and a generator, gives
the loss and metrics to show with it. One with weights of its own has `learnable`, which
gives, for embeddings of a length D, a module that is called in its place and trained
along. One with `needs_second_frame` is called with the later frame's embedding, too.
"""

from __future__ import annotations

from napari_motionseg.registry import Registry, RegistryEntry

OBJECTIVES = Registry(
    "objective",
    {
        "flow-consistency": RegistryEntry(
            "napari_motionseg.objectives.flow_consistency:FlowConsistency",
            "neighbours that move alike get like embeddings (Ma et al., 2019)",
        ),
        "cross-pixel": RegistryEntry(
            "napari_motionseg.objectives.cross_pixel:CrossPixel",
            "of any two pixels, those that move alike look alike (Mahendran 2018)",
        ),
        "flow-classes": RegistryEntry(
            "napari_motionseg.objectives.flow_classes:FlowClasses",
            "say in classes how each pixel moves (baseline of Mahendran 2018)",
        ),
        "grouping": RegistryEntry(
            "napari_motionseg.objectives.grouping:Grouping",
            "soft segments that each move as one (S3-CNN, Mahendran 2018)",
        ),
        "conditional-propagation": RegistryEntry(
            "napari_motionseg.objectives.conditional_propagation:ConditionalPropagation",
            "all the flow from a few vectors and the picture (Zhan et al., 2019)",
        ),
        "moving-apart": RegistryEntry(
            "napari_motionseg.objectives.moving_apart:MovingApart",
            "from one frame, what moves otherwise than the background; ours",
        ),
        "temporal-consistency": RegistryEntry(
            "napari_motionseg.objectives.temporal_consistency:TemporalConsistency",
            "what flow carries along keeps its embedding; a term beside another",
        ),
    },
)

__all__ = ["OBJECTIVES"]
