r"""Flow classification: predict from one frame how each pixel moves, in classes.

This is the baseline of Mahendran, Thewlis, Vedaldi (ACCV 2018), section 4.5, for the
objective in `cross_pixel`. x and y of the flow are normalized by their logarithm to
[-1, 1] (equation 6) and divided into 16 classes each. The loss is a softmax cross
entropy for each of them:

.. math:: L = -\sum_p \big( \log P_x(c_x(p) \mid p) + \log P_y(c_y(p) \mid p) \big)

The target is direction and speed, which a single frame rarely shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.checks import (
    check_choice,
    check_points,
    check_positive,
)
from napari_motionseg.objectives.cross_pixel import log_normalized_flow
from napari_motionseg.objectives.cross_pixel_values import FLOW_BOUND_PX
from napari_motionseg.objectives.explained import class_entropy, explained_metrics
from napari_motionseg.objectives.learned_objective import LearnedObjective
from napari_motionseg.objectives.pixel_sampling import draw_vectors

Reduction = Literal["mean", "sum"]

AXES = 2  # x and y


@dataclass(frozen=True)
class FlowClasses:
    """Settings of the objective, called as the loss; the defaults are the paper's.

    Parameters
    ----------
    points
        Number of pixels drawn uniformly from each picture.
    bins
        Number of classes of each axis.
    bound
        Bound M of equation 6 in px.
    """

    # nats; flow of real loops says 2 to 4
    least_information: ClassVar[float] = 0.05

    points: int = 512
    bins: int = 16
    bound: float = FLOW_BOUND_PX

    def __post_init__(self) -> None:
        if self.points < 1:
            raise SettingsError(f"points must be at least 1; got {self.points}")
        _check_bins(self.bins)
        check_positive("bound", self.bound)

    def learnable(self, embedding_dim: int) -> ClassifiedFlow:
        """Return this objective as a module, whose parameters are to be optimized.

        It is called in place of the objective, with embeddings of length
        `embedding_dim`. Keep it with the network's weights if training shall be
        resumed. Its layer is initialized by torch's global generator.
        """
        return ClassifiedFlow(self, embedding_dim)

    def __call__(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of random pixels, and metrics; see `at_points`.

        Parameters
        ----------
        embedding
            Logits ``(B, 2 bins, H, W)`` of the classes of x, then of y. Use `learnable`
            for an embedding of another length.
        flow
            Flow ``(B, 2, H, W)`` in px.
        generator
            Generator that draws the pixels.
        """
        drawn = draw_vectors(embedding, flow, self.points, generator=generator)
        return self.at_points(*drawn)

    def at_points(
        self, logits: Tensor, flow: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of sampled pixels, and metrics.

        ``"accuracy"`` is the share of components, x or y, whose likeliest class is
        right. `explained_metrics` are relative to the frequencies of the classes.

        Parameters
        ----------
        logits
            Logits ``(B, N, 2 bins)`` of x, then of y.
        flow
            Flow ``(B, N, 2)`` in px.
        """
        check_points(logits, flow, name="logits")
        if logits.shape[-1] != AXES * self.bins:
            raise SettingsError(
                f"logits must have {AXES * self.bins} channels, {self.bins} for each "
                f"axis; got {logits.shape[-1]}. Use `learnable` for embeddings of "
                "other lengths"
            )
        logits = logits.reshape(*logits.shape[:2], AXES, self.bins)
        loss = flow_class_loss(logits, flow, bound=self.bound)
        truth = flow_classes(flow, self.bins, bound=self.bound)
        right = (logits.detach().argmax(dim=-1) == truth).float()
        constant = sum(class_entropy(one, self.bins) for one in truth.unbind(dim=-1))
        metrics = explained_metrics(loss, constant)
        return loss, {"accuracy": float(right.mean())} | metrics


class ClassifiedFlow(LearnedObjective[FlowClasses]):
    """Classify flow by a linear layer from an embedding to its classes.

    Parameters
    ----------
    objective
        The objective, with its settings.
    embedding_dim
        Length D of an embedding.
    """

    def __init__(self, objective: FlowClasses, embedding_dim: int) -> None:
        super().__init__(objective)
        self.classify = nn.Linear(embedding_dim, AXES * objective.bins)

    def forward(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of random pixels and metrics; see `FlowClasses`."""
        # drawn first, so that the layer processes a few pixels and not whole pictures
        drawn = draw_vectors(embedding, flow, self.points, generator=generator)
        return self.at_points(*drawn)

    def at_points(
        self, embedding: Tensor, flow: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """Return `FlowClasses.at_points` of the layer's output for the embeddings."""
        return self.objective.at_points(self.classify(embedding), flow)


def flow_class_loss(
    logits: Tensor,
    flow: Tensor,
    *,
    bound: float = FLOW_BOUND_PX,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the cross entropy of classes of flow, for x plus y.

    Parameters
    ----------
    logits
        Logits ``(B, N, 2, K)`` of K classes of x and of y.
    flow
        Flow ``(B, N, 2)`` in pixels; it gets no gradient.
    bound
        Bound M of equation 6 in px.
    reduction
        ``"sum"`` over the pixels of all pictures, or ``"mean"``, the sum divided by B
        N.

    Returns
    -------
    Tensor
        Scalar in float32 or better, never negative.

    Raises
    ------
    SettingsError
        If shapes do not fit together, a flow is not finite, or bound or reduction is
        invalid.
    """
    check_choice("reduction", reduction, get_args(Reduction))
    if logits.ndim != 4 or logits.shape[2] != AXES:
        raise SettingsError(f"logits must be (B, N, 2, K); got {tuple(logits.shape)}")
    check_points(logits.flatten(2), flow, name="logits")
    bins = logits.shape[-1]
    truth = flow_classes(flow, bins, bound=bound)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    total = functional.cross_entropy(
        logits.reshape(-1, bins), truth.reshape(-1), reduction="sum"
    )
    return total if reduction == "sum" else total / (truth.numel() // AXES)


def flow_classes(
    flow: Tensor, bins: int = 16, *, bound: float = FLOW_BOUND_PX
) -> Tensor:
    """Return the class of each component of a flow; 0 is far left or far up.

    Parameters
    ----------
    flow
        Flow of any shape, in pixels.
    bins
        Number of classes, of equal width in normalized flow from -1 to 1. If it is
        even, like the paper's 16, zero flow is at the lower edge of class bins / 2.
    bound
        Bound M of equation 6 in px.

    Returns
    -------
    Tensor
        Classes as int64, in the shape of the flow.

    Raises
    ------
    SettingsError
        If `bins` is below 2, or `bound` is not positive.
    """
    _check_bins(bins)
    position = (log_normalized_flow(flow, bound=bound) + 1) / 2  # 0 to 1
    return (position * bins).floor().long().clamp(max=bins - 1)


def _check_bins(bins: int) -> None:
    if bins < 2:
        raise SettingsError(f"bins must be at least 2; got {bins}")
