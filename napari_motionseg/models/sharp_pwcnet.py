"""A PWC-Net that ends at the full resolution, for structures a few pixels wide.

The published network ends at a quarter of the resolution, where a vessel of 3 px has
less than a pixel of its own and is enlarged bilinearly: its edges are lost, and what
lies beside it moves along. Here the finest level is lighter, and each pixel chooses
among the nine flows around it (convex upsampling: Teed & Deng, RAFT, ECCV 2020, section
3.3), guided by the first picture's features at half the resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.models.pwcnet import (
    FINEST,
    FLOW_UNIT_PX,
    PYRAMID_CHANNELS,
    PWCNet,
    _inputs,
    convolution,
)

# Channels and dilations of the finest level: decoder and context network in one
LIGHT_CHANNELS = (96, 96, 64, 64, 64, 48, 32)
LIGHT_DILATIONS = (1, 1, 1, 2, 4, 8, 1)
FACTOR = 2**FINEST  # sides of the full picture in those of the finest level
NEIGHBOURS = 9
GUIDE_CHANNELS = 64


class LightDecoder(nn.Module):
    """The finest level: corrects the flow from above, with no dense connections."""

    def __init__(self, channels_in: int) -> None:
        super().__init__()
        layers = []
        for channels, dilation in zip(LIGHT_CHANNELS, LIGHT_DILATIONS, strict=True):
            layers.append(convolution(channels_in, channels, dilation=dilation))
            channels_in = channels
        self.layers = nn.Sequential(*layers)
        self.channels = channels_in
        self.predict = nn.Conv2d(channels_in, 2, 3, padding=1)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the correction ``(B, 2, h, w)``, in units of 20 px, and features."""
        features = self.layers(inputs)
        return self.predict(features), features


class ConvexUpsampling(nn.Module):
    """Enlarges a flow fourfold; each pixel is a mean of the nine vectors around it.

    Parameters
    ----------
    channels_in
        Of the finest level's features.
    """

    def __init__(self, channels_in: int) -> None:
        super().__init__()
        guide = PYRAMID_CHANNELS[1] * (FACTOR // 2) ** 2
        self.guide = convolution(channels_in + guide, GUIDE_CHANNELS)
        self.weights = nn.Conv2d(GUIDE_CHANNELS, NEIGHBOURS * FACTOR**2, 1)

    def forward(self, flow: Tensor, hidden: Tensor, half: Tensor) -> Tensor:
        """Return the flow at four times the sides.

        Parameters
        ----------
        flow
            ``(B, 2, h, w)``.
        hidden
            The finest level's features ``(B, C, h, w)``.
        half
            The first picture's features at half the resolution ``(B, 16, 2h, 2w)``.
        """
        guide = functional.pixel_unshuffle(half, FACTOR // 2)
        seen = self.guide(torch.cat((hidden, guide.to(hidden.dtype)), dim=1))
        return upsample_convex(flow, self.weights(seen))


def upsample_convex(flow: Tensor, logits: Tensor) -> Tensor:
    """Return a flow enlarged by convex combinations of neighbours.

    Parameters
    ----------
    flow
        ``(B, 2, h, w)``; edges are continued.
    logits
        ``(B, 9 * f * f, h, w)``: for each neighbour (rows, then columns) and each of
        the f x f pixels of a cell, before the softmax over neighbours.

    Returns
    -------
    Tensor
        ``(B, 2, f * h, f * w)``, of the flow's type.
    """
    batch, channels, height, width = logits.shape
    factor = round((channels / NEIGHBOURS) ** 0.5)
    shape = (batch, NEIGHBOURS, factor * factor, height, width)
    weights = logits.float().view(shape).softmax(dim=1)
    around = functional.unfold(functional.pad(flow, (1,) * 4, mode="replicate"), 3)
    around = around.view(batch, 2, NEIGHBOURS, 1, height, width)
    mixed = (weights[:, None] * around).sum(dim=2)
    return functional.pixel_shuffle(
        mixed.reshape(batch, 2 * factor * factor, height, width), factor
    )


class SharpPWCNet(PWCNet):
    """PWC-Net with a light finest level and learned upsampling to every pixel.

    Parameters
    ----------
    in_channels, normalized
        See `PWCNet`.

    Notes
    -----
    Pyramid and levels 6 to 3 are PWC-Net's. Level 2 has a quarter of its arithmetic:
    no dense connections, decoder and context network in one, and it corrects the flow
    from above. `decode` returns ``(B, 2, H, W)``; `decode_levels` levels 6 to 2 and 0.
    """

    output_level: ClassVar[int] = 0

    def _end(self) -> None:
        self.finest = LightDecoder(_inputs(FINEST))
        self.upsampling = ConvexUpsampling(self.finest.channels)

    def decode_levels(
        self, first: Sequence[Tensor], second: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the flow in px of levels 6 to 2 and of the full picture."""
        flows, flow, hidden = self._descend(first, second, FINEST + 1)
        inputs = self._inputs(FINEST, flow, hidden, first, second)
        correction, hidden = self.finest(inputs)
        above = self._decoder(FINEST + 1).upflow(flow)
        flow = (above + correction).float() * FLOW_UNIT_PX
        return [*flows, flow, self.upsampling(flow, hidden, first[0])]
