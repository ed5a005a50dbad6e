"""Conditional motion propagation: a picture and a few flow vectors give all the flow.

Zhan, Pan, Liu, Lin, Loy (CVPR 2019): Self-Supervised Learning via Conditional Motion
Propagation, section 3.1. Written from the paper.

====================  ==================================================================
image encoder         any network of the house that gives a vector a pixel or a cell,
                      and one more convolution to `image_channels`
sparse motion encoder two blocks of convolution, batch norm, ReLU and pooling, on x, y
                      and mask, to the encoder's resolution
propagation nets      each: max pooling with its stride, twice convolution, batch norm
                      and ReLU, back to the encoder's resolution
fusion net            one convolution: logits of the bins of x and of y
====================  ==================================================================

`PropagationHead` is all of it but the image encoder's backbone, so that a training of
embeddings can put it on top of its own network; `ConditionalPropagationNet` is both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.resnet_dilated import DilatedResNet, ResNetConfig
from napari_motionseg.models.unet import UNet, UNetConfig, double_convolution

GUIDANCE_CHANNELS = 3  # x, y, mask
ENCODER_STRIDES = (
    1,
    2,
    4,
    8,
    16,
)  # that two strided convolutions and two poolings make


@dataclass(frozen=True)
class PropagationConfig:
    """Shape of everything but the image encoder's backbone.

    Parameters
    ----------
    bins
        C, bins of an axis of flow.
    strides
        Of the propagation nets, in cells of `cell` px: {1, 2, 4} is the paper's best.
    cell
        Pixels of the picture that a stride of 1 stands for: 8 in the paper, whose
        image encoder has this stride. An encoder that is finer has its features pooled
        to it, so that motion travels as far.
    detail
        Whether an encoder finer than `cell` has one more propagation net at its own
        resolution; not of the paper, whose encoder is not. Without it no pixel's vector
        is told from its cell's.
    image_channels, motion_channels
        Channels of image and motion features; 256 and 16 in the paper.
    width
        Channels of each propagation net; not in the paper's text.

    Raises
    ------
    SettingsError
        If a value is none of the above.
    """

    bins: int = 41
    strides: tuple[int, ...] = (1, 2, 4)
    cell: int = 8
    detail: bool = True
    image_channels: int = 256
    motion_channels: int = 16
    width: int = 128

    def __post_init__(self) -> None:
        object.__setattr__(self, "strides", tuple(self.strides))
        for name in ("cell", "image_channels", "motion_channels", "width"):
            _check_positive(name, getattr(self, name))
        for stride in self.strides:
            _check_positive("each of strides", stride)
        if not self.strides or len(set(self.strides)) < len(self.strides):
            raise SettingsError(
                f"strides must be one or more different numbers; got {self.strides}"
            )
        if not isinstance(self.bins, int) or self.bins < 2:
            raise SettingsError(f"bins must be an integer >= 2; got {self.bins!r}")


class SparseMotionEncoder(nn.Module):
    """Guidance at the image encoder's resolution.

    Parameters
    ----------
    channels
        Of the features.
    stride
        Of the image encoder, one of `ENCODER_STRIDES`. The poolings halve first, then
        the convolutions.

    Raises
    ------
    SettingsError
        If the stride is another.
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
        """Return ``(B, channels, h, w)`` of guidance ``(B, 3, H, W)``."""
        features: Tensor = self.blocks(sparse_motion)
        return features


class PropagationNet(nn.Module):
    """Max pooling, twice convolution, batch norm and ReLU, and back to the size.

    Parameters
    ----------
    channels_in, channels_out
        Channels.
    stride
        Of the pooling; the larger, the farther motion travels.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.convolutions = double_convolution(channels_in, channels_out)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(B, channels_out, h, w)`` of ``(B, channels_in, h, w)``."""
        size = features.shape[-2:]
        # a small picture keeps two values a side, for batch norm to have a variance
        windows = [min(self.stride, max(1, side // 2)) for side in size]
        pooled = functional.max_pool2d(features, windows, ceil_mode=True)
        return enlarge(self.convolutions(pooled), windows, size)


class PropagationHead(nn.Module):
    """Features of a picture and guidance on it give logits of its flow.

    Parameters
    ----------
    channels
        D, of the picture's features.
    stride
        Pixels of the picture that one feature vector stands for.
    config
        See `PropagationConfig`; stored as ``head.config``.

    Raises
    ------
    SettingsError
        If the stride is none of `ENCODER_STRIDES`, or `cell` is no multiple of it.
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
        # the layer that is left out again when the backbone goes to another task
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
            ``(B, D, h, w)``, features of the picture; h and w are H and W over the
            stride, rounded up.
        sparse_motion
            ``(B, 3, H, W)``: flow x and y in px, 0 where there is no guidance, and the
            mask of guidance.

        Returns
        -------
        Tensor
            At the picture's size; bilinear from the image encoder's resolution.

        Raises
        ------
        SettingsError
            If the shapes do not belong together.
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
                f"embedding must be {expected} beside a sparse_motion of {guided}, at "
                f"a stride of {self.stride}; got {tuple(embedding.shape)}"
            )
        if self.training and guided[0] * math.prod(cells) < 2:
            raise SettingsError(
                "batch norm cannot train on a single vector: give more than one "
                f"picture, or larger ones than {guided[2]} x {guided[3]}"
            )


class ConditionalPropagationNet(nn.Module):
    """The whole network: an image encoder and the head on it.

    Parameters
    ----------
    encoder
        `UNetConfig`, light and at full resolution, or `ResNetConfig`, the paper's.
    config
        Of the head.
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

    def forward(self, picture: Tensor, sparse_motion: Tensor) -> Tensor:
        """Return logits ``(B, 2, C, H, W)`` of the bins of x and y.

        Parameters
        ----------
        picture
            ``(B, C, H, W)`` in [0, 1], of any size.
        sparse_motion
            ``(B, 3, H, W)``; see `PropagationHead.forward`.

        Raises
        ------
        SettingsError
            If the shapes do not belong together.
        """
        logits: Tensor = self.head(self.encoder(picture), sparse_motion)
        return logits


def enlarge(
    features: Tensor, factors: Sequence[int], size: Sequence[int] | torch.Size
) -> Tensor:
    """Return features enlarged by whole factors, then cropped to `size`.

    So a cell stays where it was, whether or not the size is a multiple of it.

    Parameters
    ----------
    features
        ``(B, C, h, w)``.
    factors
        Of rows and columns.
    size
        H and W, at most the enlarged ones.
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
