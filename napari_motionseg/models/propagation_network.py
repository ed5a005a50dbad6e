"""Predict dense flow from a picture and a few flow vectors (motion propagation).

Zhan, Pan, Liu, Lin, Loy (CVPR 2019): Self-Supervised Learning via Conditional Motion
Propagation, section 3.1. Implemented from the paper.

====================  ==================================================================
image encoder         any network of this package that gives a vector for each pixel or
                      cell, and one more convolution to `image_channels`
sparse motion encoder two blocks of convolution, batch norm, ReLU and pooling, on x, y
                      and mask, to the encoder's resolution
propagation nets      each: max pooling with its stride, twice convolution, batch norm
                      and ReLU, back to the encoder's resolution
fusion net            one convolution: logits of the bins of x and of y
====================  ==================================================================

`PropagationHead` is everything except the backbone of the image encoder, so embedding
training can put it on top of another network. `ConditionalPropagationNet` is both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.flow_bins import expected_flow
from napari_motionseg.models.resnet_dilated import DilatedResNet, ResNetConfig
from napari_motionseg.models.unet import UNet, double_convolution
from napari_motionseg.models.unet_config import UNetConfig

GUIDANCE_CHANNELS = 3  # x, y, mask
# strides that two strided convolutions and two poolings can give
ENCODER_STRIDES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class PropagationConfig:
    """Shape of the network without the backbone of its image encoder.

    Parameters
    ----------
    bins
        Number C of bins of an axis of flow.
    strides
        Strides of the propagation nets, in cells of `cell` px; {1, 2, 4} is the paper's
        best.
    cell
        Pixels of the picture for a stride of 1: 8 in the paper, the stride of its image
        encoder. The features of a finer encoder are pooled to it, so that motion
        spreads as far.
    detail
        Whether an encoder finer than `cell` has one more propagation net at its own
        resolution. The paper has none. Without it, all pixels of a cell share a vector.
    image_channels, motion_channels
        Number of channels of image and motion features; 256 and 16 in the paper.
    width
        Number of channels of each propagation net; the paper does not state it.
    limit
        Bound in px to which each component of the flow is clipped.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    bins: int = 41
    strides: tuple[int, ...] = (1, 2, 4)
    cell: int = 8
    detail: bool = True
    image_channels: int = 256
    motion_channels: int = 16
    width: int = 128
    limit: float = 20.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "strides", tuple(self.strides))
        for name in ("cell", "image_channels", "motion_channels", "width"):
            _check_positive(name, getattr(self, name))
        for stride in self.strides:
            _check_positive("each of strides", stride)
        if not self.strides or len(set(self.strides)) < len(self.strides):
            raise SettingsError(
                f"strides must be one or more different integers; got {self.strides}"
            )
        if not isinstance(self.bins, int) or self.bins < 2:
            raise SettingsError(
                f"bins must be an integer of at least 2; got {self.bins!r}"
            )
        if not 0 < self.limit < math.inf:
            raise SettingsError(f"limit must be positive; got {self.limit}")


class SparseMotionEncoder(nn.Module):
    """Encode guidance at the resolution of the image encoder.

    Parameters
    ----------
    channels
        Number of channels of the features.
    stride
        Stride of the image encoder, one of `ENCODER_STRIDES`. The poolings halve first,
        then the convolutions.

    Raises
    ------
    SettingsError
        If the stride is not one of `ENCODER_STRIDES`.
    """

    def __init__(self, channels: int = 16, stride: int = 8) -> None:
        super().__init__()
        if stride not in ENCODER_STRIDES:
            raise SettingsError(
                f"the image encoder's stride must be one of {ENCODER_STRIDES}; "
                f"got {stride!r}"
            )
        halvings = ENCODER_STRIDES.index(stride)
        first, second, third, fourth = (2 if halvings > i else 1 for i in range(4))
        self.blocks = nn.Sequential(
            *_encoder_block(GUIDANCE_CHANNELS, channels, stride=third, pooling=first),
            *_encoder_block(channels, channels, stride=fourth, pooling=second),
        )

    def forward(self, sparse_motion: Tensor) -> Tensor:
        """Return features ``(B, channels, h, w)`` of guidance ``(B, 3, H, W)``."""
        features: Tensor = self.blocks(sparse_motion)
        return features


class PropagationNet(nn.Module):
    """Pool, apply two convolutions with batch norm and ReLU, and enlarge again.

    Parameters
    ----------
    channels_in, channels_out
        Number of input and output channels.
    stride
        Stride of the pooling; a larger one spreads motion farther.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.convolutions = double_convolution(channels_in, channels_out)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(B, channels_out, h, w)`` from ``(B, channels_in, h, w)``."""
        size = features.shape[-2:]
        # small pictures keep two values per side, so that batch norm has a variance
        windows = [min(self.stride, max(1, side // 2)) for side in size]
        if max(windows) > 1:
            features = functional.max_pool2d(features, windows, ceil_mode=True)
        return enlarge(self.convolutions(features), windows, size)


class PropagationHead(nn.Module):
    """Head that predicts flow from the features of a picture and guidance on it.

    Parameters
    ----------
    channels
        Number D of channels of the picture's features.
    stride
        Pixels of the picture for each feature vector.
    config
        Shape of the head; stored as ``head.config``. None uses the defaults.

    Raises
    ------
    SettingsError
        If the stride is not one of `ENCODER_STRIDES`, or `cell` is not a multiple of
        it.
    """

    def __init__(
        self, channels: int, stride: int = 1, config: PropagationConfig | None = None
    ) -> None:
        super().__init__()
        self.config = config = config or PropagationConfig()
        self.channels, self.stride = channels, stride
        self.motion = SparseMotionEncoder(config.motion_channels, stride)
        if config.cell % stride:
            raise SettingsError(
                f"cell must be a multiple of the image encoder's stride {stride}; "
                f"got {config.cell}"
            )
        windows = [n * config.cell // stride for n in config.strides]
        if config.detail and 1 not in windows:
            windows.insert(0, 1)
        # this layer is dropped again when the backbone is used for another task
        self.image = nn.Conv2d(channels, config.image_channels, 1)
        mixed = config.image_channels + config.motion_channels
        self.nets = nn.ModuleList(
            PropagationNet(mixed, config.width, window) for window in windows
        )
        self.fusion = nn.Conv2d(len(windows) * config.width, 2 * config.bins, 1)

    def forward(self, embedding: Tensor, sparse_motion: Tensor) -> Tensor:
        """Return logits ``(B, 2, C, H, W)`` of the bins of x and y.

        Parameters
        ----------
        embedding
            Features ``(B, D, h, w)`` of the picture; h and w are H and W divided by the
            stride and rounded up.
        sparse_motion
            Guidance ``(B, 3, H, W)``: flow x and y in px, 0 without guidance, and the
            mask of guided pixels.

        Returns
        -------
        Tensor
            Logits at the size of the picture, enlarged bilinearly.

        Raises
        ------
        SettingsError
            If the shapes do not fit together.
        """
        size = sparse_motion.shape[-2:]
        self._check(embedding, sparse_motion)
        motion = self.motion(sparse_motion.to(embedding.dtype))
        features = torch.cat((self.image(embedding), motion), dim=1)
        propagated = torch.cat([net(features) for net in self.nets], dim=1)
        logits = enlarge(self.fusion(propagated), (self.stride, self.stride), size)
        return logits.reshape(len(logits), 2, self.config.bins, *size)

    def _check(self, embedding: Tensor, sparse_motion: Tensor) -> None:
        guided = tuple(sparse_motion.shape)
        if sparse_motion.ndim != 4 or guided[1] != GUIDANCE_CHANNELS:
            raise SettingsError(f"sparse_motion must be (B, 3, H, W); got {guided}")
        cells = [math.ceil(side / self.stride) for side in guided[2:]]
        expected = (guided[0], self.channels, *cells)
        if tuple(embedding.shape) != expected:
            raise SettingsError(
                f"embedding must be {expected} for a sparse_motion of "
                f"{guided} at stride {self.stride}; got {tuple(embedding.shape)}"
            )
        if self.training and guided[0] * math.prod(cells) < 2:
            raise SettingsError(
                "batch norm cannot train on a single vector; give more than one "
                f"picture, or pictures larger than {guided[2]} x {guided[3]}"
            )


class ConditionalPropagationNet(nn.Module):
    """The whole network: an image encoder with the head on it.

    Parameters
    ----------
    encoder
        `UNetConfig` (light, full resolution) or `ResNetConfig` (the paper's); None is
        the former.
    config
        Shape of the head; None uses the defaults.
    """

    def __init__(
        self,
        encoder: UNetConfig | ResNetConfig | None = None,
        config: PropagationConfig | None = None,
    ) -> None:
        super().__init__()
        encoder = encoder or ResNetConfig()
        self.encoder: UNet | DilatedResNet
        if isinstance(encoder, UNetConfig):
            self.encoder = UNet(encoder)
            channels, stride = encoder.embedding_dim, 1
        else:
            self.encoder = DilatedResNet(encoder)
            channels, stride = encoder.channels, encoder.output_stride
        self.head = PropagationHead(channels, stride, config)

    @property
    def limit(self) -> float:
        """Bound in px of each component of flow."""
        return self.head.config.limit

    @property
    def bins(self) -> int:
        """Number of bins of an axis of flow."""
        return self.head.config.bins

    def configuration(self) -> dict[str, Any]:
        """Return the arguments from which a checkpoint builds the network again."""
        encoder, head = asdict(self.encoder.config), asdict(self.head.config)
        return {"encoder": encoder, "head": head}

    def encode(self, pictures: Tensor) -> Tensor:
        """Return features ``(B, D, h, w)`` of pictures ``(B, C, H, W)`` in [0, 1]."""
        return self.encoder(pictures)  # type: ignore[no-any-return]

    def propagate(
        self,
        pictures: Tensor,
        sparse_motion: Tensor,
        at: Tensor | None = None,
        clicked: Tensor | None = None,
    ) -> Tensor:
        """Return logits for guidance on encoded pictures.

        Parameters
        ----------
        pictures
            Features of F pictures.
        sparse_motion
            Guidance ``(B, 3, H, W)``; see `PropagationHead.forward`. B is a multiple of
            F, and the first B / F guidances belong to the first picture.
        at
            Indices ``(B, N)`` of pixels, counted row by row; None for all.
        clicked
            Without effect: the paper's network does not distinguish clicks from arrows.

        Returns
        -------
        Tensor
            Logits ``(B, 2, C, H, W)``, or ``(B, 2, C, N)`` for the pixels `at`.
        """
        repeats = len(sparse_motion) // len(pictures)
        embedding = pictures.repeat_interleave(repeats, dim=0)
        logits: Tensor = self.head(embedding, sparse_motion)
        if at is None:
            return logits
        index = at[:, None, None].expand(-1, *logits.shape[1:3], -1)
        return logits.flatten(3).gather(3, index)

    def flow(
        self, pictures: Tensor, sparse_motion: Tensor, clicked: Tensor | None = None
    ) -> Tensor:
        """Return the expected flow ``(B, 2, H, W)`` in px; see `propagate`."""
        return expected_flow(self.propagate(pictures, sparse_motion), self.limit)

    def forward(self, picture: Tensor, sparse_motion: Tensor) -> Tensor:
        """Return logits ``(B, 2, C, H, W)`` of the bins of x and y.

        Parameters
        ----------
        picture
            Pictures ``(B, C, H, W)`` in [0, 1], of any size.
        sparse_motion
            Guidance ``(B, 3, H, W)``; see `PropagationHead.forward`.

        Raises
        ------
        SettingsError
            If the shapes do not fit together.
        """
        return self.propagate(self.encode(picture), sparse_motion)


def enlarge(
    features: Tensor, factors: Sequence[int], size: Sequence[int] | torch.Size
) -> Tensor:
    """Enlarge features by whole factors and crop them to `size`.

    A cell thus keeps its position even if the size is not a multiple of it.

    Parameters
    ----------
    features
        Features ``(B, C, h, w)``.
    factors
        Factors along rows and columns.
    size
        H and W of the result, at most the enlarged size.
    """
    height, width = size
    if max(factors) > 1:
        grown = [n * f for n, f in zip(features.shape[-2:], factors, strict=True)]
        features = functional.interpolate(
            features, size=grown, mode="bilinear", align_corners=False
        )
    return features[..., :height, :width]


def _encoder_block(
    channels_in: int, channels_out: int, *, stride: int, pooling: int
) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(pooling, ceil_mode=True),
    ]


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or value < 1:
        raise SettingsError(f"{name} must be a positive integer; got {value!r}")
