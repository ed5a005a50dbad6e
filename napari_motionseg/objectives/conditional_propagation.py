r"""Conditional motion propagation: a picture and a few flow vectors give all the flow.

Zhan, Pan, Liu, Lin, Loy (CVPR 2019): Self-Supervised Learning via Conditional Motion
Propagation, section 3.1. Flow is clipped to a loose boundary and parted linearly into C
bins, in x and in y; the network classifies both, and the cross entropy is the loss:

.. math:: L = L_x + L_y, \quad
   L_x = -\frac{1}{N} \sum_{i=1}^N \sum_{c=1}^C 1(Q_i^x = c) \log P_{ic}^x

To propagate motion over the whole of what moves as one, the image encoder must know
what does; so its features are of use elsewhere.

Notes
-----
The embedding is the image encoder's, but guidance, propagation and classification have
weights of their own, which are trained along and thrown away: `learnable` makes a
module of both, as every objective with weights does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.propagation_network import (
    PropagationConfig,
    PropagationHead,
)
from napari_motionseg.objectives.guidance import (
    check_guidance,
    guidance_mask,
    sparse_motion,
)
from napari_motionseg.registry import unknown_name

Decoding = Literal["expected", "likeliest"]


@dataclass(frozen=True)
class ConditionalPropagation:
    """The objective with its settings.

    What the paper's text tells is default, but for `image_channels`; `detail`, `width`,
    `limit`, `bins` and `edge` are ours.

    Parameters
    ----------
    nms_kernel, grid_stride, edge
        See `guidance_mask`. 81 and 200 are the paper's for everyday videos, 15 and 80
        for people, who have more joints.
    limit
        Flow is clipped to +-`limit` px.
    bins, strides, cell, detail, image_channels, width
        See `PropagationConfig`. The paper's 256 image channels are for the 2048 of
        ResNet-50; a U-Net of the house has 64.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """

    nms_kernel: int = 81
    grid_stride: int = 200
    edge: float = 0.1
    limit: float = 20.0
    bins: int = 41
    strides: tuple[int, ...] = (1, 2, 4)
    cell: int = 8
    detail: bool = True
    image_channels: int = 64
    width: int = 32

    def __post_init__(self) -> None:
        check_guidance(self.nms_kernel, self.grid_stride, self.edge)
        _check_bins(self.limit, self.bins)
        object.__setattr__(self, "strides", self._network().strides)

    def _network(self) -> PropagationConfig:
        return PropagationConfig(
            bins=self.bins,
            strides=self.strides,
            cell=self.cell,
            detail=self.detail,
            image_channels=self.image_channels,
            width=self.width,
        )

    def learnable(self, embedding_dim: int) -> GuidedPropagation:
        """Return this objective as a module, whose parameters are to be optimized.

        Called in place of the objective, on embeddings of length `embedding_dim`, one a
        pixel; to be kept with the network's weights where training shall be resumed.
        """
        return GuidedPropagation(self, embedding_dim)

    def head(self, channels: int, stride: int = 1) -> PropagationHead:
        """Return what is trained along with an embedding network.

        Parameters
        ----------
        channels
            D, of the embedding.
        stride
            Pixels of the picture that one embedding stands for; 1 for a U-Net.
        """
        return PropagationHead(channels, stride, self._network())

    def __call__(
        self,
        embedding: Tensor,
        flow: Tensor,
        generator: torch.Generator,
        head: PropagationHead,
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss, and metrics to show with it.

        ``"points"`` is the mean number of guidance points a picture, ``"error_px"`` the
        mean end-point error of the likeliest bins.

        Parameters
        ----------
        embedding
            ``(B, D, h, w)``, the image encoder's.
        flow
            ``(B, 2, H, W)`` in px; a constant.
        generator
            See `watershed_points`.
        head
            Of `ConditionalPropagation.head`.
        """
        mask = guidance_mask(
            flow,
            nms_kernel=self.nms_kernel,
            grid_stride=self.grid_stride,
            edge=self.edge,
            generator=generator,
        )
        logits = head(embedding, sparse_motion(flow.detach(), mask))
        loss = propagation_loss(logits, flow, limit=self.limit)
        with torch.no_grad():
            found = decode_flow(logits, limit=self.limit, decoding="likeliest")
            error = torch.linalg.vector_norm(found - flow, dim=1).mean()
        points = float(mask.sum()) / len(mask)
        return loss, {"points": points, "error_px": float(error)}


class GuidedPropagation(nn.Module):
    """`ConditionalPropagation` with its own network.

    Parameters
    ----------
    objective
        Settings.
    embedding_dim
        D.
    """

    def __init__(self, objective: ConditionalPropagation, embedding_dim: int) -> None:
        super().__init__()
        self.objective = objective
        self.head = objective.head(embedding_dim)

    def forward(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return what the objective does."""
        return self.objective(embedding, flow, generator, self.head)


def propagation_loss(logits: Tensor, flow: Tensor, *, limit: float = 20.0) -> Tensor:
    """Return L_x + L_y (equation 1), both with the same weight.

    Parameters
    ----------
    logits
        ``(B, 2, C, H, W)``, of x and of y; P is their softmax over C.
    flow
        ``(B, 2, H, W)`` px, channel 0 = x, 1 = y; no gradient goes into it.
    limit
        See `quantize_flow`.

    Returns
    -------
    Tensor
        Scalar, float32 or better, never negative; the mean over the pixels of all
        pictures. 2 log C where the logits say nothing.

    Raises
    ------
    SettingsError
        If shapes do not belong together, flow is not finite, or there are no two bins.
    """
    _check_logits(logits)
    batch, axes, bins, height, width = logits.shape
    if tuple(flow.shape) != (batch, axes, height, width):
        raise SettingsError(
            f"flow must be {(batch, axes, height, width)} beside logits of "
            f"{tuple(logits.shape)}; got {tuple(flow.shape)}"
        )
    labels = quantize_flow(flow, limit=limit, bins=bins)
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    entropy = functional.cross_entropy(precise.flatten(0, 1), labels.flatten(0, 1))
    return 2 * entropy  # the mean over both axes, so the sum is twice it


def quantize_flow(flow: Tensor, *, limit: float = 20.0, bins: int = 41) -> Tensor:
    """Return the bin Q of each pixel's x and y, as int64 of the flow's shape.

    Parameters
    ----------
    flow
        ``(B, 2, H, W)`` px.
    limit
        Clips flow to +-`limit` px, which the bins part into equal stretches.
    bins
        C. With an odd number, standing still is the middle of a bin.

    Raises
    ------
    SettingsError
        If flow has other axes or is not finite, or a setting is none of the above.
    """
    _check_bins(limit, bins)
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise SettingsError(f"flow must be (B, 2, H, W); got {tuple(flow.shape)}")
    if not bool(torch.isfinite(flow).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
    # half precision cannot tell the edges of bins far from zero
    clipped = flow.detach().double().clamp(-limit, limit)
    place = (clipped + limit) / (2 * limit) * bins
    return place.long().clamp(max=bins - 1)  # the upper boundary belongs to the last


def bin_centres(limit: float = 20.0, bins: int = 41) -> Tensor:
    """Return the flow in px that each bin stands for, ``(C,)`` float64.

    Raises
    ------
    SettingsError
        See `quantize_flow`.
    """
    _check_bins(limit, bins)
    index = torch.arange(bins, dtype=torch.float64)
    return (2 * index + 1 - bins) * (limit / bins)


def decode_flow(
    logits: Tensor, *, limit: float = 20.0, decoding: Decoding = "expected"
) -> Tensor:
    """Return the flow ``(B, 2, H, W)`` in px that logits tell.

    Parameters
    ----------
    logits
        ``(B, 2, C, H, W)``.
    limit
        That of the loss.
    decoding
        ``"expected"``, the mean of the bins' centres by their probabilities, or
        ``"likeliest"``, the centre of the bin with the largest; the paper does not say
        which it draws.

    Raises
    ------
    SettingsError
        If logits have other axes, or a setting is none of the above.
    """
    if decoding not in get_args(Decoding):
        choices = dict.fromkeys(get_args(Decoding))
        raise SettingsError(unknown_name("decoding", decoding, choices))
    _check_logits(logits)
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    centres = bin_centres(limit, logits.shape[2]).to(precise)
    if decoding == "likeliest":
        return centres[precise.argmax(dim=2)]
    return torch.einsum("bachw,c->bahw", precise.softmax(dim=2), centres)


def _check_bins(limit: float, bins: int) -> None:
    if not (math.isfinite(limit) and limit > 0):
        raise SettingsError(f"limit must be positive; got {limit}")
    if not isinstance(bins, int) or bins < 2:
        raise SettingsError(f"bins must be an integer >= 2; got {bins!r}")


def _check_logits(logits: Tensor) -> None:
    if logits.ndim != 5 or logits.shape[1] != 2:
        raise SettingsError(
            f"logits must be (B, 2, C, H, W); got {tuple(logits.shape)}"
        )
