"""Implement PWC-Net with dense connections and the context network.

Implemented from D. Sun, X. Yang, M.-Y. Liu, J. Kautz, "PWC-Net: CNNs for Optical Flow
Using Pyramid, Warping, and Cost Volume", CVPR 2018, and the layout of its published
weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.correlation import correlation
from napari_motionseg.models.resizing import resized
from napari_motionseg.models.sampling import sample_along

# Levels, channels and dilations are those published by Sun et al. (2018), so that
# published weights can be loaded.
PYRAMID_CHANNELS = {1: 16, 2: 32, 3: 64, 4: 96, 5: 128, 6: 196}
COARSEST, FINEST = 6, 2
DENSE_CHANNELS = (128, 128, 96, 64, 32)
CONTEXT_CHANNELS = (128, 128, 128, 96, 64, 32)
CONTEXT_DILATIONS = (1, 2, 4, 8, 16, 1)
REACH = 4  # px of the level: largest displacement in a cost volume
FLOW_UNIT_PX = 20.0  # the network computes flow in units of 20 px of the full picture
SLOPE = 0.1  # slope of LeakyReLU for negative values
# least mean square in normalization, for pictures without structure
LEAST_SQUARE = 1e-6
MULTIPLE: int = 2**COARSEST


def convolution(
    channels_in: int, channels_out: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Return a 3 x 3 convolution that keeps the size, followed by LeakyReLU 0.1."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, dilation, dilation),
        nn.LeakyReLU(SLOPE),
    )


class FeaturePyramid(nn.Module):
    """Six levels of features; the sides of level l are the picture's divided by 2^l."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.levels = nn.ModuleDict()
        before = in_channels
        for level, channels in PYRAMID_CHANNELS.items():
            self.levels[str(level)] = nn.Sequential(
                convolution(before, channels, stride=2),
                convolution(channels, channels),
                convolution(channels, channels),
            )
            before = channels

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Return the features of levels 1 to 6."""
        features = []
        for level in self.levels.values():
            picture = level(picture)
            features.append(picture)
        return features


class FlowDecoder(nn.Module):
    """Decoder of the flow of one level; each layer gets the outputs of all before it.

    Parameters
    ----------
    channels_in
        Number of input channels: correlation, and below the coarsest level also
        features, flow and hidden features of the level above.
    passes_on
        Whether a finer level follows, which gets upsampled flow and features.
    """

    def __init__(self, channels_in: int, passes_on: bool) -> None:
        super().__init__()
        self.dense = nn.ModuleList()
        for channels in DENSE_CHANNELS:
            self.dense.append(convolution(channels_in, channels))
            channels_in += channels
        self.channels = channels_in
        self.predict = nn.Conv2d(channels_in, 2, 3, padding=1)
        if passes_on:
            self.upflow = nn.ConvTranspose2d(2, 2, 4, 2, 1)
            self.upfeat = nn.ConvTranspose2d(channels_in, 2, 4, 2, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flow ``(B, 2, h, w)`` in units of 20 px, and all features."""
        for layer in self.dense:
            features = torch.cat((layer(features), features), dim=1)
        return self.predict(features), features


class ContextNetwork(nn.Sequential):
    """Dilated convolutions that refine the flow of the finest level."""

    def __init__(self, channels_in: int) -> None:
        layers: list[nn.Module] = []
        for channels, dilation in zip(CONTEXT_CHANNELS, CONTEXT_DILATIONS, strict=True):
            layers.append(convolution(channels_in, channels, dilation=dilation))
            channels_in = channels
        layers.append(nn.Conv2d(channels_in, 2, 3, padding=1))
        super().__init__(*layers)


class FlowNet(nn.Module):
    """Base class of flow networks: feature pyramids of two pictures, then their flow.

    Parameters
    ----------
    in_channels
        Number of channels of a picture: 3 for the published weights, in the order blue,
        green, red (gray pictures are replicated), or 1 for a network of gray pictures.
    normalized
        Whether features are normalized before use: their mean over the picture is
        subtracted, and each pixel's vector is scaled to unit mean square, so that a
        cost is the cosine of two features. The published weights do without it.
        Training needs far fewer steps with it (Jonschkowski et al. 2020, What Matters
        in Unsupervised Optical Flow, section 3, normalise cost volumes for the same
        reason).

    Raises
    ------
    SettingsError
        If `in_channels` is neither 1 nor 3.
    """

    output_level: ClassVar[int]  # `decode` returns the picture's sides divided by 2^l
    plain_layout_on_cpu: ClassVar[bool] = True

    def __init__(self, in_channels: int, normalized: bool) -> None:
        super().__init__()
        if in_channels not in (1, 3):
            raise SettingsError(f"in_channels must be 1 or 3; got {in_channels}")
        self.in_channels = in_channels
        self.normalized = normalized
        self.features = FeaturePyramid(in_channels)

    def pyramid(self, picture: Tensor) -> list[Tensor]:
        """Return the features of levels 1 to 6 of ``(B, 1 or 3, H, W)`` in [0, 1].

        The sides must be multiples of 64.
        """
        if picture.shape[1] == 1 and self.in_channels == 3:
            picture = picture.expand(-1, 3, -1, -1)
        features: list[Tensor] = self.features(picture)
        return [normalize(level) for level in features] if self.normalized else features

    def decode(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
        """Return the flow between two pictures from their pyramids.

        Parameters
        ----------
        first, second
            Pyramids of the two pictures, from `pyramid`.

        Returns
        -------
        Tensor
            Flow ``(B, 2, H/2^l, W/2^l)`` in px of the full picture; l is
            `output_level`.
        """
        raise NotImplementedError

    def decode_both(
        self, first: Sequence[Tensor], second: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return forward and backward flow as `decode` does, sharing work."""
        return self.decode(first, second), self.decode(second, first)

    def forward(
        self, first: Tensor, second: Tensor, *, upsample: bool = True
    ) -> Tensor:
        """Return the flow from `first` to `second`.

        Parameters
        ----------
        first, second
            Pictures ``(B, 3 or 1, H, W)`` in [0, 1], channels in the checkpoint's
            order.
        upsample
            Whether to enlarge the flow to ``(H, W)``. If not, its sides are a quarter
            of the picture's, rounded up to multiples of 64.

        Returns
        -------
        Tensor
            Flow ``(B, 2, H, W)``: x (right) and y (down) in pixels of the input, with
            or without `upsample`.

        Raises
        ------
        SettingsError
            If the pictures differ in shape or have a wrong number of channels.
        """
        self._check(first, second)
        height, width = first.shape[-2:]
        padded = (_next_multiple(height), _next_multiple(width))
        first, second = (resized(picture, padded) for picture in (first, second))
        flow = self.decode(self.pyramid(first), self.pyramid(second))
        return self.finish(flow, (height, width), upsample)

    @classmethod
    def finish(
        cls, flow: Tensor, size: tuple[int, int], upsample: bool = True
    ) -> Tensor:
        """Convert the flow of `decode` to pixels and size of a picture."""
        padded = [side * 2**cls.output_level for side in flow.shape[-2:]]
        ratios = flow.new_tensor([size[1] / padded[1], size[0] / padded[0]])
        if upsample:
            flow = resized(flow, size)
        return flow * ratios[:, None, None]

    def _check(self, first: Tensor, second: Tensor) -> None:
        if first.shape != second.shape or first.ndim != 4:
            raise SettingsError(
                "the two pictures must have the same shape (B, C, H, W); got "
                f"{tuple(first.shape)} and {tuple(second.shape)}"
            )
        if first.shape[1] not in (1, self.in_channels):
            raise SettingsError(
                "pictures must have "
                f"{' or '.join(map(str, sorted({1, self.in_channels})))} channels for "
                f"this network; got {first.shape[1]}"
            )


class PWCNet(FlowNet):
    """Network for the optical flow between two pictures.

    Parameters
    ----------
    in_channels
        Number of channels of a picture; see `FlowNet`.
    normalized
        Whether features are normalized; see `FlowNet`.

    Notes
    -----
    Conventions of the published weights: values are in [0, 1] without subtraction of a
    mean. The correlation covers -4..4 with dy as outer index, is the mean over channels
    with zero padding, and is followed by LeakyReLU. Features of the second picture are
    warped by the upsampled flow of the level above, bilinearly with aligned corners,
    and are zero if any of the four neighbours is outside. The flow of a level is
    absolute, in units of 20 px. New features come first in each concatenation. The
    output has a quarter of the resolution and is enlarged bilinearly (half-pixel
    centres). Pictures whose sides are not multiples of 64 are resized to the next ones
    and the flow is scaled back, like in the published script.
    """

    output_level: ClassVar[int] = FINEST

    def __init__(self, in_channels: int = 3, normalized: bool = False) -> None:
        super().__init__(in_channels, normalized)
        self.decoders = nn.ModuleDict()
        for level in range(COARSEST, FINEST, -1):
            self.decoders[str(level)] = FlowDecoder(_inputs(level), passes_on=True)
        finest = FlowDecoder(_inputs(FINEST), passes_on=False)
        self.decoders[str(FINEST)] = finest
        self.context = ContextNetwork(finest.channels)

    def decode(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
        """Return the flow ``(B, 2, H/4, W/4)`` of the finest level in px."""
        return self.decode_levels(first, second)[-1]

    def decode_levels(
        self, first: Sequence[Tensor], second: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the flow of each level, for a multi-scale loss.

        Parameters
        ----------
        first, second
            Pyramids of the two pictures, from `pyramid`.

        Returns
        -------
        list of Tensor
            Flow ``(B, 2, H/2^l, W/2^l)`` for levels l from 6 to 2, in px of the full
            picture.
        """
        flows, flow, hidden = self._descend(first, second, FINEST)
        flows[-1] = (flow + self.context(hidden)) * FLOW_UNIT_PX
        return flows

    def _descend(
        self, first: Sequence[Tensor], second: Sequence[Tensor], finest: int
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return flows in px of levels 6 to `finest`, the last raw, and features."""
        costs = functional.leaky_relu(correlation(first[-1], second[-1], REACH), SLOPE)
        flow, hidden = self._decoder(COARSEST)(costs)
        flows = [flow * FLOW_UNIT_PX]
        for level in range(COARSEST - 1, finest - 1, -1):
            inputs = self._inputs(level, flow, hidden, first, second)
            flow, hidden = self._decoder(level)(inputs)
            flows.append(flow * FLOW_UNIT_PX)
        return flows, flow, hidden

    def _inputs(
        self,
        level: int,
        flow: Tensor,
        hidden: Tensor,
        first: Sequence[Tensor],
        second: Sequence[Tensor],
    ) -> Tensor:
        """Return the inputs of a level's decoder: costs, features, flow, hidden."""
        above = self._decoder(level + 1)
        ours, theirs = first[level - 1], second[level - 1]
        flow, hints = above.upflow(flow), above.upfeat(hidden)
        warped, inside = sample_along(theirs, flow * FLOW_UNIT_PX / 2**level)
        warped = (warped * inside).to(ours.dtype)
        costs = functional.leaky_relu(correlation(ours, warped, REACH), SLOPE)
        return torch.cat((costs, ours, flow, hints), dim=1)

    def _decoder(self, level: int) -> FlowDecoder:
        return cast("FlowDecoder", self.decoders[str(level)])


def _inputs(level: int) -> int:
    """Return the number of input channels of a level's decoder."""
    hints = 0 if level == COARSEST else PYRAMID_CHANNELS[level] + 4
    return (2 * REACH + 1) ** 2 + hints


def normalize(features: Tensor) -> Tensor:
    """Subtract the mean over pixels from each channel, then scale each pixel's vector.

    Parameters
    ----------
    features
        Features ``(B, C, H, W)``.

    Returns
    -------
    Tensor
        The same shape in at least float32, with mean square 1 over the channels of a
        pixel.
    """
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    features = features - features.mean(dim=(2, 3), keepdim=True)
    square = features.square().mean(dim=1, keepdim=True)
    return features * square.clamp(min=LEAST_SQUARE).rsqrt()


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Return the size at which the network works for a picture of the given size."""
    return _next_multiple(height), _next_multiple(width)


def _next_multiple(side: int) -> int:
    return math.ceil(side / MULTIPLE) * MULTIPLE
