"""Self-supervised losses, one paper in each file, as pure functions of tensors.

Each entry of `OBJECTIVES` is a frozen dataclass with the paper's settings. Called with
an embedding ``(B, D, H, W)``, a flow ``(B, 2, H, W)`` in px and a generator, it returns
the loss and metrics to display. An objective with weights of its own has a method
`learnable`. It takes the length D of embeddings and returns a module that is called in
place of the objective and trained together with the network. An objective with
`needs_second_frame` also gets the embedding of the later frame.
"""

from __future__ import annotations

from napari_motionseg.registry import Registry, RegistryEntry

OBJECTIVES = Registry(
    "objective",
    {
        "flow-consistency": RegistryEntry(
            "napari_motionseg.objectives.flow_consistency:FlowConsistency",
            "neighbours that move alike get similar embeddings (Ma et al., 2019)",
        ),
        "cross-pixel": RegistryEntry(
            "napari_motionseg.objectives.cross_pixel:CrossPixel",
            "pairs of pixels that move alike get similar embeddings (Mahendran 2018)",
        ),
        "flow-classes": RegistryEntry(
            "napari_motionseg.objectives.flow_classes:FlowClasses",
            "classify how each pixel moves (baseline of Mahendran 2018)",
        ),
        "grouping": RegistryEntry(
            "napari_motionseg.objectives.grouping:Grouping",
            "soft segments that each move as one (S3-CNN, Mahendran 2018)",
        ),
        "conditional-propagation": RegistryEntry(
            "napari_motionseg.objectives.conditional_propagation:ConditionalPropagation",
            "predict all flow from a few vectors and the picture (Zhan et al., 2019)",
        ),
        "moving-apart": RegistryEntry(
            "napari_motionseg.objectives.moving_apart:MovingApart",
            "predict from one frame which pixels move unlike the background; ours",
        ),
        "flow-regression": RegistryEntry(
            "napari_motionseg.objectives.flow_regression:FlowRegression",
            "flow is a linear map of the embedding (FlowFeat, Araslanov et al., 2025)",
        ),
        "temporal-consistency": RegistryEntry(
            "napari_motionseg.objectives.temporal_consistency:TemporalConsistency",
            "embeddings stay constant along the flow; use it beside another objective",
        ),
    },
)

__all__ = ["OBJECTIVES"]
