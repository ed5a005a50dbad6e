r"""Predict all flow from a picture and a few flow vectors (motion propagation).

Zhan, Pan, Liu, Lin, Loy (CVPR 2019): Self-Supervised Learning via Conditional Motion
Propagation, section 3.1. Flow is clipped to a wide bound and divided linearly into C
bins, in x and in y. The network classifies both, and the loss is the cross entropy:

.. math:: L = L_x + L_y, \quad
   L_x = -\frac{1}{N} \sum_{i=1}^N \sum_{c=1}^C 1(Q_i^x = c) \log P_{ic}^x

To propagate motion over a whole object, the image encoder must recognize objects.
Therefore its features are useful for other tasks.

Notes
-----
The embedding is that of the image encoder. Guidance, propagation and classification
have their own weights, which are trained together with it and discarded afterwards:
`learnable` makes a module of them, as for every objective with weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.propagation_network import (
    PropagationConfig,
    PropagationHead,
)
from napari_motionseg.objectives.explained import class_entropy, explained_metrics
from napari_motionseg.objectives.guidance import (
    check_guidance,
    guidance_mask,
    sparse_motion,
)
from napari_motionseg.registry import unknown_name

Decoding = Literal["expected", "likeliest"]


@dataclass(frozen=True)
class ConditionalPropagation:
    """Settings of conditional motion propagation, called as the loss.

    The defaults follow the paper's text, except `image_channels`; `detail`, `width`,
    `limit`, `bins` and `edge` are our choice, because the paper does not state them.

    Parameters
    ----------
    nms_kernel, grid_stride, edge
        Settings of `guidance_mask`. 81 and 200 are the paper's values for everyday
        videos, 15 and 80 those for people, who have more joints.
    limit
        Bound in px to which each component of the flow is clipped.
    bins, strides, cell, detail, image_channels, width
        Shape of the network; see `PropagationConfig`. The paper's 256 image channels
        are for the 2048 channels of ResNet-50; the U-Net of this package has 64.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    # nats; flow of real loops says 1 to 4
    least_information: ClassVar[float] = 0.05

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

        It is called in place of the objective, with one embedding of length
        `embedding_dim` for each pixel. Keep it with the network's weights if training
        shall be resumed.
        """
        return GuidedPropagation(self, embedding_dim)

    def head(self, channels: int, stride: int = 1) -> PropagationHead:
        """Return the network that is trained together with an embedding network.

        Parameters
        ----------
        channels
            Length D of an embedding.
        stride
            Pixels of the picture for each embedding; 1 for a U-Net.
        """
        return PropagationHead(channels, stride, self._network())

    def __call__(
        self,
        embedding: Tensor,
        flow: Tensor,
        generator: torch.Generator,
        head: PropagationHead,
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss, and metrics to display.

        ``"points"`` is the mean number of guidance points of a picture; ``"error_px"``
        is the mean end-point error of the likeliest bins. `explained_metrics` are
        relative to the frequencies of the bins. They include what the guidance alone
        tells; with the flow of other pictures, only that part remains.

        Parameters
        ----------
        embedding
            Embedding ``(B, D, h, w)`` of the image encoder.
        flow
            Flow ``(B, 2, H, W)`` in px, without gradient.
        generator
            Generator that draws guidance points; see `watershed_points`.
        head
            Network from `ConditionalPropagation.head`.
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
            truth = quantize_flow(flow, limit=self.limit, bins=self.bins)
            constant = sum(class_entropy(one, self.bins) for one in truth.unbind(1))
        points = float(mask.sum()) / len(mask)
        metrics = {"points": points, "error_px": float(error)}
        return loss, metrics | explained_metrics(loss, constant)


class GuidedPropagation(nn.Module):
    """`ConditionalPropagation` together with its trainable network.

    Parameters
    ----------
    objective
        Settings of the objective.
    embedding_dim
        Length D of an embedding.
    """

    def __init__(self, objective: ConditionalPropagation, embedding_dim: int) -> None:
        super().__init__()
        self.objective = objective
        self.head = objective.head(embedding_dim)

    def forward(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss and metrics of the objective."""
        return self.objective(embedding, flow, generator, self.head)


def propagation_loss(logits: Tensor, flow: Tensor, *, limit: float = 20.0) -> Tensor:
    """Return the loss L_x + L_y (equation 1), with equal weights.

    Parameters
    ----------
    logits
        Logits ``(B, 2, C, H, W)`` for x and y; P is their softmax over C.
    flow
        Flow ``(B, 2, H, W)`` in px, channel 0 = x, 1 = y; it gets no gradient.
    limit
        Bound in px of the bins; see `quantize_flow`.

    Returns
    -------
    Tensor
        Scalar in float32 or better, never negative: the mean over the pixels of all
        pictures. It is 2 log C for uninformative logits.

    Raises
    ------
    SettingsError
        If shapes do not fit together, flow is not finite, or there are fewer than two
        bins.
    """
    _check_logits(logits)
    batch, axes, bins, height, width = logits.shape
    if tuple(flow.shape) != (batch, axes, height, width):
        raise SettingsError(
            f"flow must be {(batch, axes, height, width)} for logits of "
            f"{tuple(logits.shape)}; got {tuple(flow.shape)}"
        )
    labels = quantize_flow(flow, limit=limit, bins=bins)
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    entropy = functional.cross_entropy(precise.flatten(0, 1), labels.flatten(0, 1))
    return 2 * entropy  # twice the mean over both axes is their sum


def quantize_flow(flow: Tensor, *, limit: float = 20.0, bins: int = 41) -> Tensor:
    """Return the bin Q of each pixel's x and y, as int64 in the shape of the flow.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px.
    limit
        Bound in px to which flow is clipped; the bins divide the range equally.
    bins
        Number C of bins. If it is odd, zero flow is in the middle of a bin.

    Raises
    ------
    SettingsError
        If flow has other axes or is not finite, or a setting is out of range.
    """
    _check_bins(limit, bins)
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise SettingsError(f"flow must be (B, 2, H, W); got {tuple(flow.shape)}")
    if not bool(torch.isfinite(flow).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
    # half precision cannot represent the edges of bins far from zero
    clipped = flow.detach().double().clamp(-limit, limit)
    place = (clipped + limit) / (2 * limit) * bins
    return place.long().clamp(max=bins - 1)  # the upper boundary belongs to the last


def bin_centres(limit: float = 20.0, bins: int = 41) -> Tensor:
    """Return the flow in px at the centre of each bin, ``(C,)`` float64.

    Raises
    ------
    SettingsError
        If a setting is out of range.
    """
    _check_bins(limit, bins)
    index = torch.arange(bins, dtype=torch.float64)
    return (2 * index + 1 - bins) * (limit / bins)


def decode_flow(
    logits: Tensor, *, limit: float = 20.0, decoding: Decoding = "expected"
) -> Tensor:
    """Return the flow ``(B, 2, H, W)`` in px that logits predict.

    Parameters
    ----------
    logits
        Logits ``(B, 2, C, H, W)`` for x and y.
    limit
        Bound in px that was used in the loss.
    decoding
        ``"expected"`` is the mean of the bins' centres weighted by their probabilities;
        ``"likeliest"`` is the centre of the most probable bin. The paper does not say
        which it uses.

    Raises
    ------
    SettingsError
        If logits have other axes, or a setting is out of range.
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
        raise SettingsError(f"bins must be an integer of at least 2; got {bins!r}")


def _check_logits(logits: Tensor) -> None:
    if logits.ndim != 5 or logits.shape[1] != 2:
        raise SettingsError(
            f"logits must be (B, 2, C, H, W); got {tuple(logits.shape)}"
        )
