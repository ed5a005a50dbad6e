r"""Flow consistency loss: neighbours that move alike get similar embeddings.

Ma, Liu, Zhi, Song (2019): Flow Based Self-supervised Pixel Embedding for Image
Segmentation, section 3.1. Each neighbour q of a pixel p is the most similar one with a
probability that follows from flow, P_f(q | p), and with one that follows from
embeddings, P_phi(q | p). The loss is their cross entropy, weighted by the length of the
flow at p:

.. math:: L = \sum_p |f_p| \; H\big(P_f(\cdot | p), P_\phi(\cdot | p)\big)

The loss is invariant to scaling and rotation of the embeddings, and to mirroring or
rotating flow and picture together. Memory is proportional to the number of points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.background_motion import without_background
from napari_motionseg.objectives.checks import (
    check_choice,
    check_fields,
    check_positive,
)
from napari_motionseg.objectives.explained import explained_metrics
from napari_motionseg.objectives.flow_changes import draw_at_changes
from napari_motionseg.objectives.pixel_sampling import (
    LEAST_WEIGHT,
    draw_weighted_pixels,
    unit_vectors,
    vectors_at,
)

Kernel = Literal["shifted-cosine", "softmax"]
Reduction = Literal["mean", "sum"]
Background = Literal["kept", "removed"]
Weighting = Literal["length", "bounded"]

BOUND_PX = 1.0  # length of a flow that has half of the greatest bounded weight


@dataclass(frozen=True)
class FlowConsistency:
    """Settings of the objective, called as the loss; the defaults are the paper's.

    Parameters
    ----------
    points
        Number of pixels drawn from each picture; see `sample_points`.
    neighborhood, dilation, sigma, epsilon, kernel, temperature
        Settings of the loss; see `flow_consistency_loss`.
    background
        ``"kept"`` as in the paper; ``"removed"`` first subtracts the affine motion of
        the background from the flow, see `without_background`.
    changes
        Share of the points, 0 to 1, that is drawn where flow changes, see
        `draw_at_changes`; the others are drawn by the length of their flow. The paper's
        is 0.
    weighting
        Weight of a point in the loss: ``"length"`` is the length of its flow as in the
        paper; ``"bounded"`` is length / (length + 1 px), so that few fast pixels do not
        dominate.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    # nats; smooth flow of classical methods says .001, ours on real loops .01 to .03
    least_information: ClassVar[float] = 0.003

    points: int = 250
    neighborhood: int = 5
    dilation: int = 1
    sigma: float = 0.5
    epsilon: float = 1.0
    kernel: Kernel = "shifted-cosine"
    temperature: float = 0.1
    background: Background = "kept"
    changes: float = 0.0
    weighting: Weighting = "length"

    def __post_init__(self) -> None:
        for name in ("points", "dilation"):
            value = getattr(self, name)
            if value < 1:
                raise SettingsError(f"{name} must be at least 1; got {value}")
        if self.neighborhood < 3 or self.neighborhood % 2 == 0:
            raise SettingsError(
                f"neighborhood must be odd and at least 3; got {self.neighborhood}"
            )
        for name in ("sigma", "epsilon", "temperature"):
            check_positive(name, getattr(self, name))
        check_choice("kernel", self.kernel, get_args(Kernel))
        check_choice("background", self.background, get_args(Background))
        check_choice("weighting", self.weighting, get_args(Weighting))
        if not 0 <= self.changes <= 1:
            raise SettingsError(f"changes must be 0 to 1; got {self.changes}")

    def __call__(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of random points, and metrics.

        ``"divergence"`` is the excess of the loss over its minimum, in nats: the
        weighted mean of KL(P_f, P_phi), which is 0 if embeddings contain all
        information of the flow. ``"information"`` is the divergence of an embedding
        that is the same everywhere, and ``"explained"`` relates the two; see
        `explained_metrics`.

        Parameters
        ----------
        embedding, flow
            Embedding ``(B, D, H, W)``, and flow ``(B, 2, H, W)`` in px.
        generator
            Generator that draws the points.
        """
        if self.background == "removed":
            flow = without_background(flow)
        points = self._points_of(flow, generator)
        terms = point_terms(embedding, flow, points, self)
        loss = (terms.weight * terms.cross_entropy).mean()
        divergence = terms.mean(terms.cross_entropy.detach() - terms.entropy)
        information = terms.mean(terms.constant - terms.entropy)
        metrics = explained_metrics(divergence, information)
        return loss, {"divergence": float(divergence)} | metrics

    def _points_of(self, flow: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the points of each picture, ``(B, points, 2)``."""
        changing = round(self.changes * self.points)
        parts = []
        if changing:
            parts.append(draw_at_changes(flow, changing, generator=generator))
        if changing < self.points:
            rest = self.points - changing
            parts.append(sample_points(flow, rest, generator=generator))
        return torch.cat(parts, dim=1)


def flow_consistency_loss(
    embedding: Tensor,
    flow: Tensor,
    points: Tensor,
    *,
    neighborhood: int = 5,
    dilation: int = 1,
    sigma: float = 0.5,
    epsilon: float = 1.0,
    kernel: Kernel = "shifted-cosine",
    temperature: float = 0.1,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Compute the flow consistency loss (equations 1 to 6).

    Parameters
    ----------
    embedding
        Embedding :math:`\phi` ``(B, D, H, W)``; only its direction counts.
    flow
        Flow f ``(B, 2, H, W)`` in pixels, channel 0 = x, 1 = y; it gets no gradient.
    points
        Points p ``(B, N, 2)`` as integers, row and column.
    neighborhood
        Side of the square of neighbours q around p, an odd number: 5 has 24 neighbours.
        The pixel itself and neighbours outside the picture do not count.
    dilation
        Distance in pixels between two neighbours; 1 as in the paper. A larger distance
        sees beyond the edge of a vessel at the same cost.
    sigma, epsilon
        Width of the flow kernel, and its noise term in px^2 (equation 6).
    kernel
        Similarity of two embeddings with cosine c (equation 4). The paper's embeddings
        are channels after a ReLU, so their cosines are at least 0. Those of our linear
        layer may be negative, and equation 3 is then no probability, so
        ``"shifted-cosine"`` uses (1 + c) / 2 and ``"softmax"`` uses exp(c /
        temperature).
    temperature
        Temperature of the kernel ``"softmax"``.
    reduction
        ``"sum"`` is equation 1 itself, over the points of all pictures; ``"mean"``
        divides it by their number B N. It is not divided by the sum of weights, so that
        a picture with little motion has little influence.

    Returns
    -------
    Tensor
        Scalar in float32 or better, never negative. Its minimum is not 0 but the
        weighted entropy of P_f.

    Raises
    ------
    SettingsError
        If shapes do not fit together, a point is outside the picture, or a setting is
        invalid.

    Notes
    -----
    Equation 2 is printed without its minus sign. An embedding of length 0 has cosine 0
    with every other and gets no gradient. Value and gradient are finite for any finite
    input.
    """
    check_choice("reduction", reduction, get_args(Reduction))
    settings = FlowConsistency(
        neighborhood=neighborhood,
        dilation=dilation,
        sigma=sigma,
        epsilon=epsilon,
        kernel=kernel,
        temperature=temperature,
    )
    terms = point_terms(embedding, flow, points, settings)
    loss: Tensor = (terms.weight * terms.cross_entropy).sum()  # equation 1
    return loss if reduction == "sum" else loss / terms.weight.numel()


class PointTerms(NamedTuple):
    """Terms of the loss at each point, all ``(B, N)``; entropies are in nats.

    Parameters
    ----------
    weight
        Length of the flow, |f_p|, in px.
    cross_entropy
        H(P_f, P_phi), with a gradient.
    entropy
        H(P_f), the least cross entropy.
    constant
        H(P_f, P_phi) of an embedding that is the same everywhere.
    """

    weight: Tensor
    cross_entropy: Tensor
    entropy: Tensor
    constant: Tensor

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of values ``(B, N)``, weighted by the length of the flow."""
        total: Tensor = (self.weight * values).sum()
        return total / self.weight.sum().clamp(min=LEAST_WEIGHT)


def point_terms(
    embedding: Tensor, flow: Tensor, points: Tensor, settings: FlowConsistency
) -> PointTerms:
    """Return the terms of the loss at each point.

    Parameters
    ----------
    embedding, flow, points
        Embedding, flow and points; see `flow_consistency_loss`.
    settings
        Settings of the loss.
    """
    _check_shapes(embedding, flow, points, settings.dilation)
    neighbours, inside = _neighbours_of(points, settings, embedding.shape[-2:])
    with torch.no_grad():
        at_point, around = vectors_at(flow, points), vectors_at(flow, neighbours)
        target = _flow_probabilities(at_point, around, inside, settings)
        weight = torch.linalg.vector_norm(at_point, dim=-1)
        if settings.weighting == "bounded":
            weight = weight / (weight + BOUND_PX)
        entropy = -torch.xlogy(target, target).sum(dim=-1)
        constant = inside.sum(dim=-1).to(entropy.dtype).log()
    cosine = _cosine(vectors_at(embedding, points), vectors_at(embedding, neighbours))
    log_probability = _log_probabilities(cosine, inside, settings)
    cross_entropy = -(target * log_probability).sum(dim=-1)  # equation 2
    return PointTerms(weight, cross_entropy, entropy, constant)


def sample_points(
    flow: Tensor, count: int = 250, *, generator: torch.Generator
) -> Tensor:
    """Draw pixels with probabilities by the length of their flow (section 4.3).

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in pixels.
    count
        Number of points of each picture.
    generator
        Generator that draws the points, on its own device.

    Returns
    -------
    Tensor
        ``(B, count, 2)`` int64 row and column, on the flow's device, without
        repetition. If fewer than `count` pixels move, all of them are taken, and the
        rest is drawn uniformly from the still pixels, which have no weight in the loss.

    Raises
    ------
    SettingsError
        If a picture has fewer pixels than `count`, or a flow is not finite.
    """
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise SettingsError(f"flow must be (B, 2, H, W); got {tuple(flow.shape)}")
    x, y = flow.detach().to(torch.float64).unbind(dim=1)
    length = torch.hypot(x, y)
    if not bool(torch.isfinite(length).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
    return draw_weighted_pixels(length, count, generator=generator)


def _neighbours_of(
    points: Tensor, settings: FlowConsistency, size: torch.Size
) -> tuple[Tensor, Tensor]:
    """Return pixels ``(B, N, K, 2)`` and whether they are inside ``(B, N, K)``."""
    side = settings.neighborhood
    reach = torch.arange(side, device=points.device) - side // 2
    reach = reach * settings.dilation
    square = torch.cartesian_prod(reach, reach)
    offsets = square[square.abs().sum(dim=1) > 0]
    pixels = points[:, :, None] + offsets
    last = torch.tensor(size, device=points.device) - 1
    inside = ((pixels >= 0) & (pixels <= last)).all(dim=-1)
    return pixels.clamp(min=torch.zeros_like(last), max=last), inside


def _flow_probabilities(
    at_point: Tensor, around: Tensor, inside: Tensor, settings: FlowConsistency
) -> Tensor:
    """Return P_f ``(B, N, K)`` from flows ``(B, N, 2)`` and ``(B, N, K, 2)``."""
    distance = (at_point[:, :, None] - around).square().sum(dim=-1)
    noise = settings.epsilon
    relative = distance / (at_point.square().sum(dim=-1, keepdim=True) + noise)
    exponent = -relative / (2 * settings.sigma**2)  # equation 6
    # equation 5 as a softmax, which stays finite if every similarity underflows
    return exponent.masked_fill(~inside, -math.inf).softmax(dim=-1)


def _cosine(at_point: Tensor, around: Tensor) -> Tensor:
    """Return cosines ``(B, N, K)``, equation 4; 0 without gradient at length 0."""
    return (unit_vectors(at_point)[:, :, None] * unit_vectors(around)).sum(dim=-1)


def _log_probabilities(
    cosine: Tensor, inside: Tensor, settings: FlowConsistency
) -> Tensor:
    """Return log P_phi ``(B, N, K)``, equation 3, and 0 outside the image."""
    if settings.kernel == "softmax":
        logarithm = cosine / settings.temperature
    else:
        # similarity of opposite embeddings is below rounding, so its logarithm is
        # bounded
        least = torch.finfo(cosine.dtype).eps
        logarithm = ((1 + cosine) / 2).clamp(min=least).log()
    logarithm = logarithm.masked_fill(~inside, -math.inf).log_softmax(dim=-1)
    return logarithm.masked_fill(~inside, 0.0)


def _check_shapes(
    embedding: Tensor, flow: Tensor, points: Tensor, dilation: int
) -> None:
    check_fields(embedding, flow)
    batch, _, height, width = embedding.shape
    if points.ndim != 3 or points.shape[0] != batch or points.shape[2] != 2:
        raise SettingsError(
            f"points must be ({batch}, N, 2); got {tuple(points.shape)}"
        )
    if points.is_floating_point():
        raise SettingsError(f"points must be integers; got {points.dtype}")
    if height * width < 2:
        raise SettingsError(
            "a picture must have at least two pixels, to have neighbours"
        )
    if dilation > max(height, width) // 2:
        raise SettingsError(
            "dilation must be at most half the longer side of the picture, "
            f"{max(height, width) // 2}, so that each pixel has a neighbour; got "
            f"{dilation}"
        )
    size = torch.tensor((height, width), device=points.device)
    if not bool(((points >= 0) & (points < size)).all()):
        raise SettingsError(f"points must lie in the picture of {height} x {width}")
