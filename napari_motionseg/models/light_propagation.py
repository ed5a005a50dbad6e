"""Predict dense flow from a picture and a few flow vectors, quickly enough for a click.

The parts are those of Zhan et al. (CVPR 2019, section 3.1); see `propagation_network`
for the paper's own layout. Five changes make an answer quick and let motion run along a
vessel:

- The image encoder is a light U-Net, whose features are computed once for each frame.
- The sparse motion encoder works on the guided pixels alone, and also sees the features
  of the picture there. Its results are added up in cells of `cell` px.
- Each guided point claims the cells that it reaches most easily (`seeded_reach`), so
  that it is heard along a whole vessel and not only within the propagation nets.
- Clicks and arrows have weights of their own. A click says that something moves, and
  the rest is likely to stay; arrows describe a motion, and the rest moves between them.
- The network weighs a few candidates for the flow of each pixel: no motion, the vector
  of the point that has claimed it, in two ways, and the motion of the background.
  Classes of flow follow from the weights. To choose is learnt in hundreds of steps; to
  compute logits of classes from numbers takes tens of thousands.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.models.encoded_frames import (
    GUIDANCE_FACTS,
    EncodedFrames,
    check_guidance_of,
    guided_cells,
    larger,
    pixels_at,
    repeated,
    values_at,
)
from napari_motionseg.models.guided_points import guided_points
from napari_motionseg.models.light_propagation_config import LightPropagationConfig
from napari_motionseg.models.propagation_candidates import (
    CANDIDATES,
    FIRST_CONDUCTANCE,
    LEAN,
    MIDDLE,
    REACH_FACTS,
    WAYS,
    candidate_vectors,
    likelier_vessel,
    likeliest_near,
    shared_classes,
)
from napari_motionseg.models.propagation_network import PropagationNet
from napari_motionseg.models.unet import UNet, double_convolution

PIXELS_AT_ONCE = 4096  # pixels whose features stay in the processor's cache
# logits of the candidates before training: the way along vessels, the way beside them,
# the background, and no motion
FIRST_GATES = (LEAN, -6.0, 0.0, -6.0)
# factors on the vessel's logit in conductance and gate, and on the reach's logarithm
FIRST_TRUST = (1.0, 1.0, 4.0)
HEADS = 2  # weights of the candidates for arrows, and for clicks on objects


class LightPropagationNet(nn.Module):
    """Network of an image encoder, a sparse motion encoder and propagation nets.

    Parameters
    ----------
    config
        Shape of the network; stored as ``model.config``. None uses the defaults.
    """

    def __init__(self, config: LightPropagationConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LightPropagationConfig()
        self._frozen = False
        width, fine = config.width, config.fine
        self.encoder = UNet(config.encoder)
        base = config.encoder.width
        self.to_cells = nn.Conv2d(8 * base, width, 1)
        self.to_middle = nn.Conv2d(4 * base, fine, 1)
        self.to_pixels = nn.Conv2d(base, fine, 1)
        self.to_keys = nn.Conv2d(base, fine, 1)
        self.guidance = nn.Sequential(
            nn.Linear(GUIDANCE_FACTS + fine + width, 2 * width),
            nn.ReLU(),
            nn.Linear(2 * width, width),
        )
        self.rounds = nn.ModuleList(
            _Round(width, config.strides) for _ in range(config.rounds)
        )
        self.conductance = nn.Sequential(
            nn.Conv2d(4 * base, fine, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(fine, WAYS, 1),
        )
        self.to_vessel = nn.Conv2d(base, 1, 1)
        self.trust = nn.Parameter(torch.tensor(FIRST_TRUST))
        self.reached = nn.Conv2d(REACH_FACTS, fine, 1)
        self.down = nn.Conv2d(width, fine, 1)
        self.refine = double_convolution(fine, fine)
        self.across = nn.Conv2d(fine, fine, 1)
        self.mix = nn.Conv1d(fine, fine, 1)
        self.fusion = nn.Conv1d(fine, HEADS * CANDIDATES, 1)
        self._begin_with_vessels()

    def _begin_with_vessels(self) -> None:
        """Let an untrained network follow vessels from its points, and nothing else."""
        with torch.no_grad():
            for layer, biases in (
                (cast("nn.Conv2d", self.conductance[2]), FIRST_CONDUCTANCE),
                (self.fusion, HEADS * FIRST_GATES),
            ):
                layer.weight.zero_()
                cast("Tensor", layer.bias).copy_(torch.tensor(biases))

    def freeze_encoder(self) -> None:
        """Keep the image encoder as it is while the rest is trained."""
        self._frozen = True
        self.encoder.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> LightPropagationNet:
        """Switch to training or evaluation mode; a frozen encoder stays in the latter.

        Its batch norms would otherwise follow the training pictures.
        """
        super().train(mode)
        if self._frozen:
            self.encoder.eval()
        return self

    @property
    def limit(self) -> float:
        """Bound in px of each component of flow."""
        return self.config.limit

    @property
    def bins(self) -> int:
        """Number of bins of an axis of flow."""
        return self.config.bins

    def configuration(self) -> dict[str, Any]:
        """Return the arguments from which a checkpoint builds the network again."""
        return asdict(self.config)

    def encode(self, frames: Tensor) -> EncodedFrames:
        """Return the features of frames ``(B, 1, H, W)`` in [0, 1].

        Raises
        ------
        SettingsError
            If the frames have a wrong number of channels.
        """
        height, width = frames.shape[-2:]
        quiet = self.encoder.octaves(frames)[0]
        features, *skips = self.encoder.before_decoding(quiet)
        levels = []
        for block, skip in zip(self.encoder.up, skips, strict=True):
            features = block(features, skip)
            levels.append(features)
        pixels, middle, cells = levels[-1], levels[-3], levels[-4]
        vessel = self.to_vessel(pixels).float()
        along, beside = self.conductance(middle).float().chunk(2, dim=1)
        # a cell conducts as well as the most likely vessel in it
        along = along + self.trust[0] * functional.max_pool2d(vessel, MIDDLE)
        return EncodedFrames(
            self.to_cells(cells),
            self.to_middle(middle),
            torch.cat((self.to_pixels(pixels), self.trust[1] * vessel), dim=1),
            self.to_keys(pixels),
            torch.cat((along, beside), dim=1),
            vessel,
            (height, width),
        )

    def propagate(
        self,
        frames: EncodedFrames,
        sparse_motion: Tensor,
        at: Tensor | None = None,
        clicked: Tensor | None = None,
    ) -> Tensor:
        """Return logits of the bins of x and y for guidance on encoded frames.

        Parameters
        ----------
        frames
            Features of F frames.
        sparse_motion
            Guidance ``(B, 3, H, W)``: flow x and y in px, and the mask of guided
            pixels; see `objectives.guidance.sparse_motion`. B is a multiple of F, and
            the first B / F guidances belong to the first frame.
        at
            Indices ``(B, N)`` of pixels, counted row by row; None for all.
        clicked
            Whether each guidance is that of clicks, ``(B,)`` bool; None means that all
            are arrows.

        Returns
        -------
        Tensor
            Logits ``(B, 2, C, H, W)``, or ``(B, 2, C, N)`` for the pixels `at`.

        Raises
        ------
        SettingsError
            If the shapes do not fit together.
        """
        coarse, vectors = self._coarse(frames, sparse_motion)
        count, (height, width) = len(sparse_motion), frames.size
        if at is None:
            at = torch.arange(height * width, device=coarse.device).expand(count, -1)
            answer = self.propagate(frames, sparse_motion, at, clicked)
            return answer.view(*answer.shape[:3], height, width)
        hidden = values_at(coarse, at, width) + pixels_at(frames, at, count)
        mixed = functional.relu(self.mix(functional.relu(hidden[:, :-1])))
        gates = self.fusion(mixed)
        arrows, clicks = gates.chunk(HEADS, dim=1)
        gates = arrows
        if clicked is not None:
            gates = torch.where(clicked[:, None, None], clicks, arrows)
        gates = torch.cat((gates[:, :1] + hidden[:, -1:], gates[:, 1:]), dim=1)
        row, column = at // width // MIDDLE, at % width // MIDDLE
        place = (row * vectors.shape[-1] + column)[:, None, None]
        found = vectors.flatten(3).gather(3, place.expand(-1, *vectors.shape[1:3], -1))
        weights = gates.float().softmax(dim=1)
        return shared_classes(weights, found, self.config.bins, self.config.limit)

    def flow(
        self,
        frames: EncodedFrames,
        sparse_motion: Tensor,
        clicked: Tensor | None = None,
    ) -> Tensor:
        """Return the expected flow ``(B, 2, H, W)`` in px, without its classes.

        Parameters
        ----------
        frames, sparse_motion, clicked
            As for `propagate`.
        """
        coarse, vectors = self._coarse(frames, sparse_motion)
        large = larger(coarse, MIDDLE)
        candidates = vectors.repeat_interleave(MIDDLE, -1)
        count, (height, width) = len(sparse_motion), frames.size
        share = count // len(frames.pixels)
        flow = coarse.new_empty((count, 2, height, width), dtype=torch.float32)
        rows = max(1, PIXELS_AT_ONCE // width // MIDDLE) * MIDDLE
        for index in range(count):
            pixels = frames.pixels[index // share]
            head = int(clicked is not None and bool(clicked[index]))
            for row in range(0, height, rows):
                cut = (slice(None), slice(row, min(row + rows, height)), slice(width))
                hidden = (large[index][cut] + pixels[cut]).flatten(1)
                weights = self._weights(hidden, head).view(CANDIDATES, -1, 1, width)
                cells = slice(row // MIDDLE, -(-cut[1].stop // MIDDLE))
                own = candidates[index, :, :, cells, :width].repeat_interleave(
                    MIDDLE, 2
                )
                own = own[:, :, : cut[1].stop - row]
                flow[index, :, cut[1]] = (weights[:-1].movedim(1, 2) * own).sum(dim=0)
        return flow

    def _weights(self, hidden: Tensor, head: int) -> Tensor:
        """Return the candidates' weights ``(K, N)`` of features ``(fine + 1, N)``."""
        hidden, prior = hidden[:-1], hidden[-1:]
        own = slice(head * CANDIDATES, (head + 1) * CANDIDATES)
        for layer, rows in ((self.mix, slice(None)), (self.fusion, own)):
            weight, bias = layer.weight[rows, :, 0], cast("Tensor", layer.bias)[rows]
            hidden = weight @ hidden.relu_() + bias[:, None]
        hidden[:1] += prior
        return hidden.float().softmax(dim=0)

    def _coarse(
        self, frames: EncodedFrames, sparse_motion: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return features to add to the pixels', and candidates for their flow.

        They are ``(B, fine + 1, h, w)`` and ``(B, K - 1, 2, h, w)`` in px, and have the
        resolution of `EncodedFrames.middle`.
        """
        check_guidance_of(frames, sparse_motion)
        count = len(sparse_motion)
        points = guided_points(sparse_motion)
        level = likeliest_near(frames.vessel, points)
        shift = likelier_vessel(level, points)
        likelier = torch.cat((self.trust[0] * shift, torch.zeros_like(shift)), dim=1)
        conductance = repeated(frames.conductance, count) + likelier
        meant = (level + shift.flatten()[points.which] + LEAN).sigmoid()
        vectors, facts = candidate_vectors(conductance.sigmoid(), points, meant)
        guided = guided_cells(
            self.guidance, frames, points, self.config.cell, self.config.limit
        )
        state = repeated(frames.cells, count) + guided
        for one in self.rounds:
            state = one(state)
        middle = larger(self.down(state), 2) + repeated(frames.middle, count)
        middle = functional.relu(middle + self.reached(facts))
        middle = middle + self.refine(middle)
        # where no vessel leads from a point, a vessel does not follow it
        prior = self.trust[2] * facts[:, WAYS : WAYS + 1] + self.trust[1] * shift
        return torch.cat((self.across(middle), prior), dim=1), vectors

    def forward(self, picture: Tensor, sparse_motion: Tensor) -> Tensor:
        """Return logits ``(B, 2, C, H, W)``; see `encode` and `propagate`."""
        return self.propagate(self.encode(picture), sparse_motion)


class _Round(nn.Module):
    """All propagation nets side by side, fused and added to the state."""

    def __init__(self, width: int, strides: tuple[int, ...]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(
            PropagationNet(width, width, stride) for stride in strides
        )
        self.fusion = nn.Conv2d(len(strides) * width, width, 1)

    def forward(self, state: Tensor) -> Tensor:
        """Return the state ``(B, width, h, w)`` after one more propagation."""
        spread = torch.cat([net(state) for net in self.nets], dim=1)
        fused: Tensor = state + self.fusion(spread)
        return fused
