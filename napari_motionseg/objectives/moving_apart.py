r"""Predict from one frame which pixels move differently from the background.

Pathak et al. (CVPR 2017), "Learning Features by Watching Objects Move", train a network
of single frames with segments from motion. Here the segments are soft, and come from
the flow without the affine motion of the background. Let r_p be its length at pixel p,
and u_p the logit of a linear layer on the embedding at p:

.. math::
    t_p = 1 - e^{-r_p^2 / \sigma^2}, \qquad L = \frac{1}{2} \left( \frac{\sum_p t_p
    \log(1 + e^{-u_p})}{\sum_p t_p}
      + \frac{\sum_p (1 - t_p) \log(1 + e^{u_p})}{\sum_p (1 - t_p)} \right)

Both sides have half of the weight, however few pixels move: vessels are a twentieth of
a picture. This objective is not from the four papers; like theirs, it learns from flow
only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.background_motion import without_background
from napari_motionseg.objectives.checks import check_fields, check_positive
from napari_motionseg.objectives.explained import explained_metrics
from napari_motionseg.objectives.learned_objective import LearnedObjective
from napari_motionseg.objectives.pixel_sampling import draw_pixels, vectors_at

LEAST_SHARE = 1e-3  # share of the pixels; a smaller side gives no information


@dataclass(frozen=True)
class MovingApart:
    """Objective that predicts motion apart from the background, with its settings.

    Parameters
    ----------
    points
        Number of pixels drawn uniformly from each picture.
    sigma
        Length in px of the flow without the background's motion from which a pixel
        mostly counts as moving apart.

    Raises
    ------
    SettingsError
        If a value is not positive.
    """

    # nats; flow of real loops says .3 to .5
    least_information: ClassVar[float] = 0.02

    points: int = 2000
    sigma: float = 3.0

    def __post_init__(self) -> None:
        if self.points < 1:
            raise SettingsError(f"points must be at least 1; got {self.points}")
        check_positive("sigma", self.sigma)

    def learnable(self, embedding_dim: int) -> MovingApartHead:
        """Return this objective as a module, whose parameters are to be optimized.

        It is called in place of the objective, with embeddings of length
        `embedding_dim`. Its layer is initialized by torch's global generator.
        """
        return MovingApartHead(self, embedding_dim)

    def __call__(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of random pixels, and metrics.

        Parameters
        ----------
        embedding
            Logits ``(B, 1, H, W)``. Use `learnable` for an embedding.
        flow
            Flow ``(B, 2, H, W)`` in px.
        generator
            Generator that draws the pixels.

        Returns
        -------
        Tensor
            Scalar loss; see `moving_apart_loss`.
        dict
            ``"moving"``, the mean of t, which is 0 if nothing moves apart, and
            `explained_metrics`.

        Raises
        ------
        SettingsError
            If shapes do not fit together, or flow is not finite.
        """
        if embedding.shape[1] != 1:
            raise SettingsError(
                f"logits must have one channel; got {embedding.shape[1]}. Use "
                "`learnable` for embeddings"
            )
        return self.apply_layer(embedding, flow, generator, nn.Identity())

    def apply_layer(
        self,
        embedding: Tensor,
        flow: Tensor,
        generator: torch.Generator,
        layer: nn.Module,
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss and metrics, with logits from a layer.

        Parameters
        ----------
        embedding, flow, generator
            As in `__call__`, with an embedding of any length.
        layer
            Layer that turns vectors ``(B, N, D)`` at the drawn pixels into logits
            ``(B, N, 1)``.
        """
        check_fields(embedding, flow)
        target = moving_share(flow, self.sigma)
        pixels = draw_pixels(flow, self.points, generator=generator)
        # apply the layer to the drawn pixels only, not to whole pictures
        logits = layer(vectors_at(embedding, pixels))[..., 0]
        wanted = vectors_at(target[:, None], pixels)[..., 0]
        loss = moving_apart_loss(logits, wanted)
        constant, least = loss_bounds(wanted)
        metrics = {"moving": float(wanted.mean())}
        return loss, metrics | explained_metrics(loss, constant, least)


class MovingApartHead(LearnedObjective[MovingApart]):
    """Predict what moves apart, by a linear layer from an embedding to its logit.

    Parameters
    ----------
    objective
        The objective, with its settings.
    embedding_dim
        Length D of an embedding.
    """

    def __init__(self, objective: MovingApart, embedding_dim: int) -> None:
        super().__init__(objective)
        self.logit = nn.Linear(embedding_dim, 1)

    def forward(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of random pixels, and metrics; see `MovingApart`."""
        return self.objective.apply_layer(embedding, flow, generator, self.logit)


def moving_share(flow: Tensor, sigma: float) -> Tensor:
    """Return from 0 to 1 how differently from the background each pixel moves.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px.
    sigma
        Length in px from which a pixel mostly counts as moving apart.

    Returns
    -------
    Tensor
        t of the module's equation, ``(B, H, W)``, without gradient.

    Raises
    ------
    SettingsError
        If flow has other axes, or is not finite.
    """
    check_positive("sigma", sigma)
    square = without_background(flow).square().sum(dim=1)
    return -torch.expm1(-square / sigma**2)


def moving_apart_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross entropy of both sides, with half of the weight for each.

    Parameters
    ----------
    logits
        Logits ``(B, N)``, positive where a pixel is predicted to move apart.
    target
        Target t ``(B, N)`` in [0, 1], without gradient.

    Returns
    -------
    Tensor
        Scalar in float32 or better, never negative. It is 0 without gradient if all
        pixels are on one side, because such a picture gives no information.

    Raises
    ------
    SettingsError
        If shapes differ, or a target is not in [0, 1].
    """
    if logits.shape != target.shape or not logits.numel():
        raise SettingsError(
            f"logits and target must both be (B, N) without a 0; got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if not bool(((target >= 0) & (target <= 1)).all()):
        raise SettingsError("target must lie between 0 and 1 everywhere")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    target = target.to(logits.dtype)
    if _is_one_sided(target):
        return (logits * 0).sum()
    moving, still = _side_weights(target)
    apart = (moving * functional.softplus(-logits)).sum()
    along = (still * functional.softplus(logits)).sum()
    return apart + along


def loss_bounds(target: Tensor) -> tuple[float, float]:
    """Return `moving_apart_loss` of the best constant logit, and its least value.

    Parameters
    ----------
    target
        Target t ``(B, N)`` in [0, 1].

    Returns
    -------
    tuple of float
        log 2, because both sides have the same weight, and a value above 0 where a
        target is neither 0 nor 1; 0 and 0 if all pixels are on one side.
    """
    if _is_one_sided(target):
        return 0.0, 0.0
    moving, still = _side_weights(target)
    both = moving + still
    # the best logit of a pixel predicts the share that its moving side has
    least = -(torch.xlogy(moving, moving / both) + torch.xlogy(still, still / both))
    return math.log(2), float(least.sum())


def _is_one_sided(target: Tensor) -> bool:
    """Return whether nearly all pixels move apart, or nearly none."""
    moving, still = float(target.sum()), float((1 - target).sum())
    return min(moving, still) < LEAST_SHARE * target.numel()


def _side_weights(target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight of each pixel on both sides; each side sums to a half."""
    still = 1 - target
    return target / (2 * target.sum()), still / (2 * still.sum())
