"""A PWC-Net that sees two layers: what moves like a vessel, and what lies behind.

X-rays see through. Where a vessel crosses the background both move, each smoothly, and
the flow that one is asked for jumps at the vessel's edge. A network that ends in one
field must draw that jump at every level of its pyramid; a vessel of 3 px has less than
a pixel there. This one estimates both fields, coarse to fine as PWC-Net (Sun et al.
2018) does, each smooth and so at home on a coarse grid, and where the vessel lies at
the full resolution; the flow is the mixture (the layers of Wang & Adelson, 1994,
Representing Moving Images with Layers, equation 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.models.correlation import correlation
from napari_motionseg.models.layer_refinement import refine, settle
from napari_motionseg.models.pwcnet import (
    COARSEST,
    FLOW_UNIT_PX,
    PYRAMID_CHANNELS,
    SLOPE,
    FlowNet,
    convolution,
)
from napari_motionseg.models.sampling import sample_along

FINEST_LEVEL = 2
LAYERS = 2  # the vessel's, the background's
REACH = {6: 4, 5: 4, 4: 4, 3: 4, 2: 2}  # px of a level that its cost volume covers
DECODER = {
    6: (96, 96, 64), 5: (128, 96, 64), 4: (128, 96, 64), 3: (128, 128, 96, 64),
    2: (96, 64, 48),
}  # fmt: skip
DILATIONS = {6: (1, 1, 1), 5: (1, 1, 1), 4: (1, 2, 1), 3: (1, 2, 4, 1), 2: (1, 2, 1)}
HIDDEN = 32  # channels that a level hands on
SHAPE_CHANNELS = (48, 32, 16)  # of the vessel's shape at 1/4, 1/2 and the whole


@dataclass(frozen=True)
class LayeredFlow:
    """Flow of two layers, and the shape of the vessel, of a pair of pictures.

    Parameters
    ----------
    levels
        ``(B, 4, H/2^l, W/2^l)`` for the levels l from 6 to 2: x and y of the vessel's
        layer, then of the background's, in px of the full picture.
    logits
        ``(B, 1, H, W)`` of where the vessel's layer lies in the first picture.
    """

    levels: list[Tensor]
    logits: Tensor

    def layers(self) -> tuple[Tensor, Tensor]:
        """Return both layers' flows ``(B, 2, H, W)`` at the full resolution, px."""
        size = self.logits.shape[-2:]
        fine = functional.interpolate(
            self.levels[-1].float(), size=size, mode="bilinear", align_corners=False
        )
        return fine[:, :2], fine[:, 2:]

    def flow(self) -> Tensor:
        """Return the mixture of both ``(B, 2, H, W)``, px."""
        vessel, background = self.layers()
        return background + self.alpha() * (vessel - background)

    def alpha(self) -> Tensor:
        """Return how much each pixel belongs to the vessel, ``(B, 1, H, W)``."""
        return self.logits.float().sigmoid()


class LayerDecoder(nn.Module):
    """One level: corrects both flows from above.

    Parameters
    ----------
    level
        Of the pyramid.
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
        """Return corrections ``(B, 4, h, w)``, in units of 20 px, and what it knows."""
        hidden = self.layers(inputs)
        return self.predict(hidden), hidden


class VesselShape(nn.Module):
    """Predict the shape of the vessel's layer at every pixel of the first picture."""

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
            What the finest level knows, ``(B, 32, H/4, W/4)``.
        features
            The first picture's pyramid, the picture last.
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
    """Flow of two layers and their mixture.

    Parameters
    ----------
    in_channels, normalized
        See `PWCNet`.

    Notes
    -----
    The pyramid is PWC-Net's. A level warps the second picture's features by the flow of
    each layer, sees both cost volumes, and corrects both flows; no dense connections,
    no context network. `decode` returns ``(B, 2, H, W)``.
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
        """Return the flow ``(B, 2, H, W)`` in px from two pictures' pyramids.

        The vessel's layer is registered to its shapes in both pictures, and the
        background's is smoothed, the mean of what it is there and back: both take a
        look back from the second picture. See `layer_refinement`.
        """
        there, back = self.see(first, second), self.see(second, first)
        return _mixture(there, back, _background(there, back))

    def decode_both(
        self, first: Sequence[Tensor], second: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the flow there and back; each way's look back is the other's own."""
        there, back = self.see(first, second), self.see(second, first)
        background = _background(there, back)
        return _mixture(there, back, background), _mixture(back, there, -background)

    def see(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> LayeredFlow:
        """Return both layers from two pictures' pyramids."""
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
    """Return the background's flow ``(B, 2, H, W)``, px, that both ways agree on.

    So smooth a field hardly changes over its own length: what it is back, at the same
    pixel, is what it is there with the other sign.
    """
    ways = []
    for seen in (there, back):
        alpha = seen.alpha()
        with torch.autocast(alpha.device.type, enabled=False):
            ways.append(settle(seen.layers()[1], alpha))
    return (ways[0] - ways[1]) / 2


def _mixture(seen: LayeredFlow, later: LayeredFlow, background: Tensor) -> Tensor:
    """Return the flow ``(B, 2, H, W)``, px, with the vessel's layer registered."""
    alpha = seen.alpha()
    with torch.autocast(alpha.device.type, enabled=False):
        vessel = refine(alpha, later.alpha(), seen.layers()[0])
    return background + alpha * (vessel - background)


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
