"""Estimate the flow of two layers: the vessels, and the background behind them.

X-ray pictures are transparent. Where a vessel crosses the background, both move
smoothly, but the combined flow jumps at the edge of the vessel. A network with a single
output must represent that jump at every level of its pyramid, where a vessel of 3 px is
narrower than a pixel. This network estimates both flows from coarse to fine like
PWC-Net (Sun et al. 2018), each of them smooth and therefore fit for a coarse grid, and
the shape of the vessels at full resolution. The flow is the mixture (the layers of Wang
& Adelson, 1994, Representing Moving Images with Layers, equation 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.models.correlation import correlation
from napari_motionseg.models.layer_refinement import register, settle
from napari_motionseg.models.pwcnet import (
    COARSEST,
    FLOW_UNIT_PX,
    PYRAMID_CHANNELS,
    SLOPE,
    FlowNet,
    convolution,
)
from napari_motionseg.models.sampling import sample_along

FINEST_LEVEL = 2  # as in PWC-Net: a quarter of the picture's resolution
LAYERS = 2  # vessels and background
# largest displacement in a cost volume, px of level
REACH = {6: 4, 5: 4, 4: 4, 3: 4, 2: 2}
DECODER = {
    6: (96, 96, 64), 5: (128, 96, 64), 4: (128, 96, 64), 3: (128, 128, 96, 64),
    2: (96, 64, 48),
}  # fmt: skip
DILATIONS = {6: (1, 1, 1), 5: (1, 1, 1), 4: (1, 2, 1), 3: (1, 2, 4, 1), 2: (1, 2, 1)}
HIDDEN = 32  # channels that a level passes to the next
# of the edge between the layers: a pixel moves with one of them, rarely in between
SHARPNESS = 1.5
# of the shapes that are registered: softer ones left smaller errors, on synthetic pairs
# that served for nothing else and on real loops
REGISTERED_SHARPNESS = 0.5
SHAPE_CHANNELS = (48, 32, 16)  # channels of the vessel shape at 1/4, 1/2 and full size


@dataclass(frozen=True)
class LayeredFlow:
    """Flow of two layers, and the shape of the vessels, for a pair of pictures.

    Parameters
    ----------
    levels
        ``(B, 4, H/2^l, W/2^l)`` for levels l from 6 to 2: x and y of the vessel layer,
        then of the background, in px of the full picture.
    logits
        Logits ``(B, 1, H, W)`` of the vessel layer in the first picture.
    """

    levels: list[Tensor]
    logits: Tensor

    def layers(self) -> tuple[Tensor, Tensor]:
        """Return both layers' flows ``(B, 2, H, W)`` at full resolution, in px."""
        size = self.logits.shape[-2:]
        fine = functional.interpolate(
            self.levels[-1].float(), size=size, mode="bilinear", align_corners=False
        )
        return fine[:, :2], fine[:, 2:]

    def flow(self) -> Tensor:
        """Return the mixture ``(B, 2, H, W)`` of both flows, in px."""
        vessel, background = self.layers()
        return background + self.alpha() * (vessel - background)

    def alpha(self, sharpness: float = 1.0) -> Tensor:
        """Return the share ``(B, 1, H, W)`` of the vessel layer at each pixel.

        Parameters
        ----------
        sharpness
            Factor of the logits: how abruptly the share changes from 0 to 1.
        """
        return (sharpness * self.logits.float()).sigmoid()


class LayerDecoder(nn.Module):
    """Decoder of one level, which corrects both flows of the coarser level.

    Parameters
    ----------
    level
        Level of the pyramid.
    """

    def __init__(self, level: int) -> None:
        super().__init__()
        costs = (2 * REACH[level] + 1) ** 2
        channels = costs + PYRAMID_CHANNELS[level]
        if level < COARSEST:
            channels += costs + 2 * LAYERS + HIDDEN
        layers = []
        for width, dilation in zip(DECODER[level], DILATIONS[level], strict=True):
            layers.append(convolution(channels, width, dilation=dilation))
            channels = width
        layers.append(convolution(channels, HIDDEN))
        self.layers = nn.Sequential(*layers)
        self.predict = nn.Conv2d(HIDDEN, 2 * LAYERS, 3, padding=1)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return corrections ``(B, 4, h, w)`` in units of 20 px, and features."""
        hidden = self.layers(inputs)
        return self.predict(hidden), hidden


class VesselShape(nn.Module):
    """Predict the shape of the vessel layer at every pixel of the first picture."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        quarter, half, whole = SHAPE_CHANNELS
        two, one = PYRAMID_CHANNELS[2], PYRAMID_CHANNELS[1]
        self.at_quarter = convolution(HIDDEN + two, quarter)
        self.at_half = nn.Sequential(
            convolution(quarter + one, half), convolution(half, half)
        )
        self.at_whole = nn.Sequential(
            convolution(half // 4 + in_channels, whole),
            nn.Conv2d(whole, 1, 3, padding=1),
        )

    def forward(self, hidden: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Return logits ``(B, 1, H, W)``.

        Parameters
        ----------
        hidden
            Hidden features of the finest level, ``(B, 32, H/4, W/4)``.
        features
            Pyramid of the first picture, with the picture itself last.
        """
        quarter = self.at_quarter(_together(hidden, features[1]))
        wide = functional.interpolate(
            quarter, scale_factor=2, mode="bilinear", align_corners=False
        )
        half = self.at_half(_together(wide, features[0]))
        logits: Tensor = self.at_whole(
            _together(functional.pixel_shuffle(half, 2), features[-1])
        )
        return logits


class LayeredPWCNet(FlowNet):
    """Network for the flow of two layers and their mixture.

    Parameters
    ----------
    in_channels
        Number of channels of a picture; see `FlowNet`.
    normalized
        Whether features are normalized; see `FlowNet`.

    Notes
    -----
    The pyramid is that of PWC-Net. A level warps the features of the second picture by
    the flow of each layer, gets both cost volumes, and corrects both flows. There are
    no dense connections and no context network. `decode` returns ``(B, 2, H, W)``.
    """

    output_level: ClassVar[int] = 0

    def __init__(self, in_channels: int = 1, normalized: bool = True) -> None:
        super().__init__(in_channels, normalized)
        self.levels = nn.ModuleDict(
            {str(n): LayerDecoder(n) for n in range(COARSEST, FINEST_LEVEL - 1, -1)}
        )
        self.shape = VesselShape(in_channels)

    def pyramid(self, picture: Tensor) -> list[Tensor]:
        """Return the features of levels 1 to 6, and the picture itself."""
        return [*super().pyramid(picture), picture]

    def decode(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
        """Return the flow ``(B, 2, H, W)`` in px from the pyramids of two pictures.

        The vessel layer is registered to its shapes in both pictures, together with the
        flow from the second picture to the first. The background flow is smoothed and
        averaged over both directions; see `layer_refinement`.
        """
        return self.decode_both(first, second)[0]

    def decode_both(
        self, first: Sequence[Tensor], second: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return forward and backward flow; see `decode`."""
        there, back = self.see(first, second), self.see(second, first)
        with torch.autocast(there.logits.device.type, enabled=False):
            background = _background(there, back)
            vessels = register(
                *(seen.alpha(REGISTERED_SHARPNESS) for seen in (there, back)),
                *(seen.layers()[0] for seen in (there, back)),
            )
        ours, theirs = (seen.alpha(SHARPNESS) for seen in (there, back))
        return (
            background + ours * (vessels[0] - background),
            -background + theirs * (vessels[1] + background),
        )

    def see(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> LayeredFlow:
        """Return the flow of both layers from the pyramids of two pictures."""
        flows: list[Tensor] = []
        flow = hidden = None
        for name, decoder in self.levels.items():
            level = int(name)
            ours, theirs = first[level - 1], second[level - 1]
            if flow is None or hidden is None:
                inputs = _together(self._costs(level, ours, theirs), ours)
                flow, hidden = decoder(inputs)
            else:
                flow, hidden = _enlarged(flow), _enlarged(hidden)
                costs = [
                    self._costs(level, ours, _warped(theirs, layer, level))
                    for layer in flow.chunk(LAYERS, dim=1)
                ]
                correction, hidden = decoder(_together(*costs, ours, flow, hidden))
                flow = flow + correction
            flows.append(flow.float() * FLOW_UNIT_PX)
        return LayeredFlow(flows, self.shape(hidden, first))

    @staticmethod
    def _costs(level: int, ours: Tensor, theirs: Tensor) -> Tensor:
        return functional.leaky_relu(correlation(ours, theirs, REACH[level]), SLOPE)


def _background(there: LayeredFlow, back: LayeredFlow) -> Tensor:
    """Return the background flow ``(B, 2, H, W)`` in px on which both directions agree.

    So smooth a field hardly changes over its own length: the backward flow at a pixel
    is the forward flow there with opposite sign.
    """
    there_smooth, back_smooth = (
        settle(seen.layers()[1], seen.alpha()) for seen in (there, back)
    )
    return (there_smooth - back_smooth) / 2


def _together(*parts: Tensor) -> Tensor:
    kind = parts[0].dtype
    return torch.cat([part.to(kind) for part in parts], dim=1)


def _enlarged(field: Tensor) -> Tensor:
    return functional.interpolate(
        field, scale_factor=2, mode="bilinear", align_corners=False
    )


def _warped(features: Tensor, flow: Tensor, level: int) -> Tensor:
    warped, inside = sample_along(features, flow * FLOW_UNIT_PX / 2**level)
    return (warped * inside).to(features.dtype)
