"""PWC-Net with dense connections and the context network.

Written from D. Sun, X. Yang, M.-Y. Liu, J. Kautz, "PWC-Net: CNNs for Optical Flow Using
Pyramid, Warping, and Cost Volume", CVPR 2018, and the layout of its published weights.
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
from napari_motionseg.models.sampling import sample_along

PYRAMID_CHANNELS = {1: 16, 2: 32, 3: 64, 4: 96, 5: 128, 6: 196}
COARSEST, FINEST = 6, 2
DENSE_CHANNELS = (128, 128, 96, 64, 32)
CONTEXT_CHANNELS = (128, 128, 128, 96, 64, 32)
CONTEXT_DILATIONS = (1, 2, 4, 8, 16, 1)
REACH = 4  # pixels of displacement that a level's cost volume covers
FLOW_UNIT_PX = 20.0  # the network's flows are in units of 20 px of the full picture
SLOPE = 0.1
LEAST_SQUARE = 1e-6  # of normalised features: a picture without structure stays finite
MULTIPLE: int = 2**COARSEST


def convolution(
    channels_in: int, channels_out: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Return a 3 x 3 convolution that keeps the size, then LeakyReLU 0.1."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, dilation, dilation),
        nn.LeakyReLU(SLOPE),
    )


class FeaturePyramid(nn.Module):
    """Six levels of features; level l has a 2^l-th of the picture's sides."""

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
    """Estimates the flow of one level; each layer sees all before it.

    Parameters
    ----------
    channels_in
        Correlation, and below the coarsest level features, flow and hints from above.
    passes_on
        Whether a finer level follows, which gets flow and features upsampled.
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
        """Return the flow ``(B, 2, h, w)``, in units of 20 px, and all features."""
        for layer in self.dense:
            features = torch.cat((layer(features), features), dim=1)
        return self.predict(features), features


class ContextNetwork(nn.Sequential):
    """Dilated convolutions that refine the finest level's flow from its features."""

    def __init__(self, channels_in: int) -> None:
        layers: list[nn.Module] = []
        for channels, dilation in zip(CONTEXT_CHANNELS, CONTEXT_DILATIONS, strict=True):
            layers.append(convolution(channels_in, channels, dilation=dilation))
            channels_in = channels
        layers.append(nn.Conv2d(channels_in, 2, 3, padding=1))
        super().__init__(*layers)


class FlowNet(nn.Module):
    """Base class of flow networks: a feature pyramid a picture, and the flow of two.

    Parameters
    ----------
    in_channels
        Channels of a picture: 3 in the published weights, in the order blue, green,
        red; gray pictures are replicated. 1 for a network of gray pictures.
    normalized
        Whether features lose their mean over the picture and get unit mean square over
        the channels before anything sees them, so that a cost is the cosine of two
        features. The published weights know nothing of it; learning needs far fewer
        steps with it (Jonschkowski et al. 2020, What Matters in Unsupervised Optical
        Flow, section 3, normalise cost volumes for the same reason).

    Raises
    ------
    SettingsError
        If `in_channels` is neither 1 nor 3.
    """

    output_level: ClassVar[int]  # `decode` returns a 2^l-th of the picture's sides
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
            From `pyramid`.

        Returns
        -------
        Tensor
            ``(B, 2, H/2^l, W/2^l)`` in pixels of the full picture; l is `output_level`.
        """
        raise NotImplementedError

    def decode_both(
        self, first: Sequence[Tensor], second: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return what `decode` does, there and back, for less where work is shared."""
        return self.decode(first, second), self.decode(second, first)

    def forward(
        self, first: Tensor, second: Tensor, *, upsample: bool = True
    ) -> Tensor:
        """Return the flow from `first` to `second`.

        Parameters
        ----------
        first, second
            ``(B, 3 or 1, H, W)`` in [0, 1], channels in the checkpoint's order.
        upsample
            Enlarge to ``(H, W)``; else a quarter of the sides rounded up to multiples
            of 64, for pictures whose sides are such multiples the very pixels / 4.

        Returns
        -------
        Tensor
            ``(B, 2, H, W)``: x (right) and y (down) in pixels of the input, also
            without `upsample`.

        Raises
        ------
        SettingsError
            If the pictures differ in shape or have another number of channels.
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
        """Bring `decode`'s flow to pixels of a picture of `size`, and to its sides."""
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
                f"pictures have {first.shape[1]} channels; this network takes "
                f"{' or '.join(map(str, sorted({1, self.in_channels})))}"
            )


class PWCNet(FlowNet):
    """Optical flow between two pictures.

    Parameters
    ----------
    in_channels, normalized
        See `FlowNet`.

    Notes
    -----
    Conventions, as in the published weights: values in [0, 1], no mean taken off;
    correlation over -4..4, dy outer, mean over channels, zero padding, LeakyReLU after
    it; the second picture's features are warped by the upsampled flow of the level
    above, bilinear with aligned corners, zero where any of the four neighbours is
    outside; a level's flow is absolute, in units of 20 px; new features come first in
    each concatenation. The output has a quarter of the resolution and is enlarged
    bilinearly (half-pixel centres). Pictures whose sides are no multiples of 64 are
    resized to the next ones and the flow is scaled back, as the published script does.
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
        """Return the flow ``(B, 2, H/4, W/4)`` of the finest level, px."""
        return self.decode_levels(first, second)[-1]

    def decode_levels(
        self, first: Sequence[Tensor], second: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the flow of each level, for a multi-scale loss.

        Parameters
        ----------
        first, second
            From `pyramid`.

        Returns
        -------
        list of Tensor
            ``(B, 2, H/2^l, W/2^l)`` for the levels l from 6 to 2, in pixels of the full
            picture.
        """
        flows, flow, hidden = self._descend(first, second, FINEST)
        flows[-1] = (flow + self.context(hidden)) * FLOW_UNIT_PX
        return flows

    def _descend(
        self, first: Sequence[Tensor], second: Sequence[Tensor], finest: int
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return flows in px of levels 6 to `finest`; the last one raw, and hidden."""
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
        """Return what a level's decoder sees: costs, features, flow, hints."""
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
    """Return how many channels a level's decoder sees."""
    hints = 0 if level == COARSEST else PYRAMID_CHANNELS[level] + 4
    return (2 * REACH + 1) ** 2 + hints


def normalize(features: Tensor) -> Tensor:
    """Take the mean over pixels off each channel, then scale each pixel's vector.

    Parameters
    ----------
    features
        ``(B, C, H, W)``.

    Returns
    -------
    Tensor
        The same shape, float32 at least, of mean square 1 over the channels of a pixel.
    """
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    features = features - features.mean(dim=(2, 3), keepdim=True)
    square = features.square().mean(dim=1, keepdim=True)
    return features * square.clamp(min=LEAST_SQUARE).rsqrt()


def resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `picture` at another size, bilinearly; itself if it has it already."""
    if tuple(picture.shape[-2:]) == tuple(size):
        return picture
    return functional.interpolate(
        picture, size=size, mode="bilinear", align_corners=False
    )


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Return the size that the network works at for a picture of this size."""
    return _next_multiple(height), _next_multiple(width)


def _next_multiple(side: int) -> int:
    return math.ceil(side / MULTIPLE) * MULTIPLE
