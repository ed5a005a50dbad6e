"""Implement ResNet with dilation in place of the last strides.

He, Zhang, Ren, Sun (CVPR 2016): Deep Residual Learning for Image Recognition, table 1;
dilation in place of stride as in Chen, Papandreou, Kokkinos, Murphy, Yuille: DeepLab
(PAMI 2018), section 3.1. With an output stride of 8, conv4_x and conv5_x have dilations
2 and 4, which is the image encoder of Zhan et al. (CVPR 2019, appendix A).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError

EXPANSION = 4  # output channels of a block divided by its inner channels
STEM_STRIDE = 4  # stride of the first convolution and pooling together
OUTPUT_STRIDES = (8, 16, 32)  # 32 is the plain ResNet; others dilate its last stages


@dataclass(frozen=True)
class ResNetConfig:
    """Shape of a ResNet of bottleneck blocks; the defaults are ResNet-50's.

    Parameters
    ----------
    in_channels
        Number of channels of a picture.
    width
        Inner channels of the first group; each later group has twice as many.
    blocks
        Number of blocks of conv2_x to conv5_x.
    output_stride
        Pixels of the picture for each feature vector: 8, 16, or 32 as in He et al.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    in_channels: int = 1
    width: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    output_stride: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        for name in ("in_channels", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise SettingsError(f"{name} must be a positive integer; got {value!r}")
        if len(self.blocks) != 4 or min(self.blocks) < 1:
            raise SettingsError(
                f"blocks must be four positive integers; got {self.blocks}"
            )
        if self.output_stride not in OUTPUT_STRIDES:
            raise SettingsError(
                f"output_stride must be one of {OUTPUT_STRIDES}; "
                f"got {self.output_stride!r}"
            )

    @property
    def channels(self) -> int:
        """Length of the feature vectors."""
        return self.width * 8 * EXPANSION


class Bottleneck(nn.Module):
    """Residual block: 1 x 1, 3 x 3, 1 x 1 convolution (He et al., figure 5, right).

    The stride is in the first 1 x 1 convolution, before the 3 x 3 one. A group that
    dilates instead therefore computes the same values at more positions.

    Parameters
    ----------
    channels_in, inner
        Number of input channels, and of channels in the middle; the output has four
        times the latter.
    stride, dilation
        Stride of the first convolution, and dilation of the 3 x 3 one.
    """

    def __init__(
        self, channels_in: int, inner: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        outer = inner * EXPANSION
        self.reduce = _normed(channels_in, inner, 1, stride=stride)
        self.spread = _normed(inner, inner, 3, dilation=dilation)
        self.expand = _normed(inner, outer, 1)
        changes = stride != 1 or channels_in != outer
        self.shortcut = (
            _normed(channels_in, outer, 1, stride=stride) if changes else nn.Identity()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the features plus the residual of the block."""
        inner = functional.relu(self.reduce(features), inplace=True)
        inner = functional.relu(self.spread(inner), inplace=True)
        return functional.relu(self.expand(inner) + self.shortcut(features))


class DilatedResNet(nn.Module):
    """Network that gives a feature vector for every few pixels of a picture.

    Parameters
    ----------
    config
        Shape of the network; stored as ``model.config``. None uses the defaults.
    """

    def __init__(self, config: ResNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ResNetConfig()
        self.stem = _normed(config.in_channels, config.width, 7, stride=2)
        self.groups = nn.ModuleList()
        channels, reached, dilation = config.width, STEM_STRIDE, 1
        for level, count in enumerate(config.blocks):
            inner, stride = config.width * 2**level, 1
            if level and reached < config.output_stride:
                stride = 2
                reached *= 2
            elif level:
                dilation *= 2
            group = nn.Sequential()
            for block in range(count):
                step = stride if block == 0 else 1
                group.append(Bottleneck(channels, inner, step, dilation))
                channels = inner * EXPANSION
            self.groups.append(group)

    def forward(self, picture: Tensor) -> Tensor:
        """Return features ``(B, D, h, w)`` of pictures ``(B, C, H, W)`` in [0, 1].

        D is ``config.channels``; h and w are H and W divided by the output stride and
        rounded up.

        Raises
        ------
        SettingsError
            If the number of channels is wrong, or batch norm would have to train on a
            single vector.
        """
        self._check(picture)
        features = functional.relu(self.stem(picture), inplace=True)
        features = functional.max_pool2d(features, 3, stride=2, padding=1)
        for group in self.groups:
            features = group(features)
        return features

    def _check(self, picture: Tensor) -> None:
        if picture.ndim != 4 or picture.shape[1] != self.config.in_channels:
            raise SettingsError(
                f"pictures must have shape (B, {self.config.in_channels}, H, W); got "
                f"{tuple(picture.shape)}"
            )
        height, width = picture.shape[-2:]
        cells = [math.ceil(n / self.config.output_stride) for n in (height, width)]
        if self.training and len(picture) * math.prod(cells) < 2:
            raise SettingsError(
                "batch norm cannot train on a single vector; give more than one "
                f"picture, or pictures larger than {height} x {width}"
            )


def _normed(
    channels_in: int, channels_out: int, size: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Return a convolution with batch norm, initialized as in He et al. (ICCV 2015)."""
    convolution = nn.Conv2d(
        channels_in,
        channels_out,
        size,
        stride=stride,
        padding=size // 2 * dilation,
        dilation=dilation,
        bias=False,
    )
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out))
