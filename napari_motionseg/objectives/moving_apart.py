r"""Predict from one frame which pixels move differently from the background.

In the manner of Pathak et al. (CVPR 2017), "Learning Features by Watching Objects
Move", who teach a network of single frames the segments that motion gives; here the
segments are soft, and of what is left of the flow without the background's affine
motion. With r_p its length at pixel p, and u_p the logit that a linear layer makes of
the embedding there:

.. math::
    t_p = 1 - e^{-r_p^2 / \sigma^2}, \qquad
    L = \frac{1}{2} \left( \frac{\sum_p t_p \log(1 + e^{-u_p})}{\sum_p t_p}
      + \frac{\sum_p (1 - t_p) \log(1 + e^{u_p})}{\sum_p (1 - t_p)} \right)

Both sides count half, however few pixels move: vessels are a twentieth of a picture.
Not one of the four papers; flow alone is the teacher, as in theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.background_motion import without_background
from napari_motionseg.objectives.checks import check_fields, check_positive
from napari_motionseg.objectives.learned_objective import LearnedObjective
from napari_motionseg.objectives.pixel_sampling import draw_pixels, vectors_at

LEAST_SHARE = 1e-3  # a side with less of the pixels than this says nothing


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

    points: int = 2000
    sigma: float = 3.0

    def __post_init__(self) -> None:
        if self.points < 1:
            raise SettingsError(f"points must be at least 1; got {self.points}")
        check_positive("sigma", self.sigma)

    def learnable(self, embedding_dim: int) -> MovingApartHead:
        """Return this objective as a module, whose parameters are to be optimized.

        Called in place of the objective, on embeddings of length `embedding_dim`. Its
        layer is initialised by torch's own generator.
        """
        return MovingApartHead(self, embedding_dim)

    def __call__(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of random pixels, and metrics.

        Parameters
        ----------
        embedding
            ``(B, 1, H, W)``: the logits. For an embedding there is `learnable`.
        flow
            ``(B, 2, H, W)`` in px.
        generator
            Draws the pixels.

        Returns
        -------
        Tensor
            Scalar; see `moving_apart_loss`.
        dict
            ``"moving"``, the mean of t: 0 where nothing moves apart.

        Raises
        ------
        SettingsError
            If shapes do not belong together, or flow is not finite.
        """
        if embedding.shape[1] != 1:
            raise SettingsError(
                f"logits must have one channel; got {embedding.shape[1]}: `learnable` "
                "has a layer for any embedding"
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
            See `__call__`.
        layer
            Turns vectors ``(B, N, D)`` at the drawn pixels into logits ``(B, N, 1)``.
        """
        check_fields(embedding, flow)
        target = moving_share(flow, self.sigma)
        pixels = draw_pixels(flow, self.points, generator=generator)
        # the layer is applied to the drawn pixels alone, not to whole pictures
        logits = layer(vectors_at(embedding, pixels))[..., 0]
        wanted = vectors_at(target[:, None], pixels)[..., 0]
        loss = moving_apart_loss(logits, wanted)
        return loss, {"moving": float(wanted.mean())}


class MovingApartHead(LearnedObjective[MovingApart]):
    """Tell what moves apart by a linear layer from an embedding to its logit.

    Parameters
    ----------
    objective
        The objective, with its settings.
    embedding_dim
        D, the length of an embedding.
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
        ``(B, 2, H, W)`` in px.
    sigma
        See `MovingApart`.

    Returns
    -------
    Tensor
        t of the module's equation, ``(B, H, W)``; a constant.

    Raises
    ------
    SettingsError
        If flow has other axes, or is not finite.
    """
    check_positive("sigma", sigma)
    square = without_background(flow).square().sum(dim=1)
    return -torch.expm1(-square / sigma**2)


def moving_apart_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross entropy of both sides, each counting half.

    Parameters
    ----------
    logits
        ``(B, N)``, over 0 where a pixel is said to move apart.
    target
        ``(B, N)`` in [0, 1]: t; a constant.

    Returns
    -------
    Tensor
        Scalar, float32 or better, never negative. 0 without a gradient where all
        pixels are on one side: what does not move apart anywhere teaches nothing.

    Raises
    ------
    SettingsError
        If shapes differ, or a target is not in [0, 1].
    """
    if logits.shape != target.shape or not logits.numel():
        raise SettingsError(
            f"logits and target must be of one shape (B, N), one of each at least; got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if not bool(((target >= 0) & (target <= 1)).all()):
        raise SettingsError("target must be from 0 to 1 everywhere")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    target = target.to(logits.dtype)
    moving, still = target.sum(), (1 - target).sum()
    if min(moving, still) < LEAST_SHARE * target.numel():
        return (logits * 0).sum()
    apart = (target * functional.softplus(-logits)).sum() / moving
    along = ((1 - target) * functional.softplus(logits)).sum() / still
    return (apart + along) / 2
