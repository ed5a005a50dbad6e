"""Implement the U-Net as changed by Ma et al. (2019, 4.1 and 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.adaptive_blur import quieted
from napari_motionseg.models.class_scores import (
    class_probabilities,
    doubled,
    pointwise,
)
from napari_motionseg.models.flat_field import flat_field
from napari_motionseg.models.hypercolumn import SparseHypercolumn
from napari_motionseg.models.octaves import halved, mean_of_octaves
from napari_motionseg.models.unet_config import Enlarging, UNetConfig

if TYPE_CHECKING:
    from napari_motionseg.models.familiarity import Familiarity


def double_convolution(channels_in: int, channels_out: int) -> nn.Sequential:
    """Return two 3 x 3 convolutions with batch norm and ReLU that keep the size."""
    layers: list[nn.Module] = []
    for channels in (channels_in, channels_out):
        layers += [
            nn.Conv2d(channels, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class BilinearStep(nn.Conv2d):
    """Double the resolution bilinearly and mix channels, in place of `ConvTranspose2d`.

    Channels are mixed first: both operations are linear, and there are four times fewer
    pixels before.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 1)

    def forward(self, deep: Tensor) -> Tensor:
        """Return ``(B, N, 2h, 2w)`` of features ``(B, C, h, w)``."""
        mixed = super().forward(deep)
        return functional.interpolate(mixed, scale_factor=2, mode="bilinear")


class UpBlock(nn.Module):
    """Double the resolution and join the encoder features (Ronneberger et al. 2015)."""

    def __init__(
        self, channels_in: int, channels_out: int, enlarging: Enlarging = "learnt"
    ) -> None:
        super().__init__()
        self.up = (
            nn.ConvTranspose2d(channels_in, channels_out, 2, 2)
            if enlarging == "learnt"
            else BilinearStep(channels_in, channels_out)
        )
        self.convolutions = double_convolution(2 * channels_out, channels_out)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Return the features at the resolution of `skip`."""
        up = self.up
        larger = doubled(up, deep) if isinstance(up, nn.ConvTranspose2d) else up(deep)
        features: Tensor = self.convolutions(torch.cat((skip, larger), dim=1))
        return features


class UNet(nn.Module):
    """Network that gives an embedding vector for each pixel of a frame.

    Parameters
    ----------
    config
        Shape of the network; stored as ``model.config``. None uses the defaults.
    """

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        self.down = nn.ModuleList()
        before = config.in_channels
        for width in widths:
            self.down.append(double_convolution(before, width))
            before = width
        if config.head == "hypercolumn":
            dim = config.embedding_dim
            self.hypercolumn = SparseHypercolumn(widths, embedding_dim=dim)
            return
        self.up = nn.ModuleList(
            UpBlock(widths[i + 1], widths[i], config.enlarging)
            for i in reversed(range(config.depth))
        )
        self.last = nn.Conv2d(widths[0], config.embedding_dim, 1)

    def forward(self, frame: Tensor) -> Tensor:
        """Return embeddings ``(B, D, H, W)`` of frames ``(B, C, H, W)`` in [0, 1].

        Frames may have any size: they are padded at their lower and right edge to the
        next multiple of 2^depth, and the result is cropped.

        Raises
        ------
        SettingsError
            If the frames have a wrong number of channels.
        """
        if self.config.head == "hypercolumn":
            return self.at_one_size(frame)
        # the last layer is linear, so it turns mean features into the mean embedding
        return pointwise(self.last, self.before_last(frame))

    def before_last(self, frame: Tensor) -> Tensor:
        """Return the last layer's input ``(B, width, H, W)``; not for hypercolumns.

        It is the mean of the decoded octaves.
        """
        return self.mean_over_octaves(frame, self._decoded)

    def mean_over_octaves(
        self, frame: Tensor, answer: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Return the mean ``(B, N, H, W)`` of the answers for all sizes of frames.

        Parameters
        ----------
        frame
            Frames ``(B, C, H, W)`` in [0, 1].
        answer
            Function that gets the frames of one size, and returns ``(B, N, h, w)``.
        """
        return mean_of_octaves(map(answer, self.octaves(frame)))

    def octaves(self, frame: Tensor) -> list[Tensor]:
        """Return frames ``(B, C, H, W)`` without unfamiliar noise at all sizes."""
        sizes = [self._quiet(frame)]
        while len(sizes) < self.config.octaves:
            sizes.append(halved(sizes[-1]))
        return sizes

    def at_one_size(self, frame: Tensor) -> Tensor:
        """Return embeddings ``(B, D, H, W)`` of frames at their own size only.

        Training with it lets the errors differ between sizes, so that their mean is
        smaller.
        """
        if self.config.head == "decoder":
            return pointwise(self.last, self._decoded(self._quiet(frame)))
        skips = self.encoder_features(frame)
        rows, columns = skips[0].shape[-2:]
        whole = self.hypercolumn.dense(skips, (rows, columns))
        return whole[..., : frame.shape[-2], : frame.shape[-1]]

    def _decoded(self, frame: Tensor) -> Tensor:
        """Return the features ``(B, width, H, W)`` before the last layer.

        The frames must have passed `_quiet`.
        """
        features = self.decoded(self.before_decoding(frame))
        return features[..., : frame.shape[-2], : frame.shape[-1]]

    def before_decoding(self, frame: Tensor, levels: int | None = None) -> list[Tensor]:
        """Return the input of the last levels of the decoder, for `decoded`.

        Parameters
        ----------
        frame
            Frames ``(B, C, H, W)`` of one size, from `octaves`.
        levels
            Number of levels that are left to `decoded`; None for all.

        Returns
        -------
        list of Tensor
            Features of the deepest level that is decoded, and the encoder features that
            each further level joins.
        """
        *skips, features = self._levels(frame)
        skips = skips[::-1]
        done = 0 if levels is None else len(skips) - levels
        for block, skip in zip(self.up[:done], skips[:done], strict=True):
            features = block(features, skip)
        return [features, *skips[done:]]

    def decoded(self, parts: Sequence[Tensor]) -> Tensor:
        """Return the last layer's input, with the padding of `before_decoding`."""
        features, *skips = parts
        blocks = self.up[len(self.up) - len(skips) :]
        for block, skip in zip(blocks, skips, strict=True):
            features = block(features, skip)
        return features

    def at_points(self, frame: Tensor, points: Tensor) -> Tensor:
        """Return the embeddings of a few pixels, by the hypercolumn.

        Parameters
        ----------
        frame
            Frames ``(B, C, H, W)`` in [0, 1].
        points
            Row and column ``(B, N, 2)`` of the pixels.

        Returns
        -------
        Tensor
            Embeddings ``(B, N, D)``.

        Raises
        ------
        SettingsError
            If the network does not have a hypercolumn.
        """
        if self.config.head != "hypercolumn":
            raise SettingsError(
                f"head must be 'hypercolumn' to embed a few pixels; got "
                f"{self.config.head!r}"
            )
        skips = self.encoder_features(frame)
        rows, columns = skips[0].shape[-2:]
        embedding: Tensor = self.hypercolumn(skips, points, (rows, columns))
        return embedding

    def encoder_features(self, frame: Tensor) -> list[Tensor]:
        """Return encoder features of each level, ``(B, width 2^i, h / 2^i, w / 2^i)``.

        The first level has full resolution; h and w are the frame's, padded to the next
        multiple of 2^depth.

        Raises
        ------
        SettingsError
            If the frames have a wrong number of channels.
        """
        return self._levels(self._quiet(frame))

    def _quiet(self, frame: Tensor) -> Tensor:
        """Blur frames with unfamiliar noise, before any halving of the size.

        At half the size, fine structure would be mistaken for noise.

        Raises
        ------
        SettingsError
            If the frames have a wrong number of channels.
        """
        if frame.ndim != 4 or frame.shape[1] != self.config.in_channels:
            raise SettingsError(
                f"frames must have shape (B, {self.config.in_channels}, H, W); got "
                f"{tuple(frame.shape)}"
            )
        most = self.config.familiar_noise
        return frame if most is None else quieted(frame, most)

    def _levels(self, frame: Tensor) -> list[Tensor]:
        """Return `encoder_features` of frames that have passed `_quiet`."""
        height, width = frame.shape[-2:]
        if self.config.flat_field:
            frame = flat_field(frame)
        multiple = 2**self.config.depth
        padding = (0, -width % multiple, 0, -height % multiple)
        features = functional.pad(frame, padding, mode="replicate")
        levels = []
        for level, block in enumerate(self.down):
            if level:
                features = functional.max_pool2d(features, 2)
            features = block(features)
            levels.append(features)
        return levels


class NetworkBeside(Protocol):
    """Interface of a network that is asked beside another one, as `CatheterNet`."""

    @property
    def network(self) -> SegmentationNet:
        """The network."""

    @property
    def name(self) -> str:
        """Name or path of its checkpoint."""

    @property
    def is_background(self) -> bool:
        """Whether its class is background, in place of a class of its own."""

    def probability(self, images: Tensor) -> Tensor:
        """Return the probability ``(B, H, W)`` of its class in pictures."""


class SegmentationNet(nn.Module):
    """Network for segmentation: an embedding and a last layer that classifies it.

    Parameters
    ----------
    config
        Shape of the embedding network; None uses the defaults.
    classes
        Number of classes with the background: 2 uses one sigmoid channel, more use
        softmax.

    Attributes
    ----------
    familiarity
        Statistics of the training pictures, if the checkpoint has them; see
        `Familiarity`.
    catheters
        Network that tells catheters beside this one, if the checkpoint names one; see
        `CatheterNet`. Its own answers are without it; `Predictor` joins them.
    """

    familiarity: Familiarity | None = None
    catheters: NetworkBeside | None = None

    def __init__(self, config: UNetConfig | None = None, classes: int = 2) -> None:
        super().__init__()
        if classes < 2:
            raise SettingsError(
                f"classes must be at least 2, with the background; got {classes}"
            )
        self.classes = classes
        self.embedding = UNet(config)
        channels = 1 if classes == 2 else classes
        self.head = nn.Conv2d(self.embedding.config.embedding_dim, channels, 1)

    def forward(self, frame: Tensor) -> Tensor:
        """Return logits: one channel for two classes, else one for each class."""
        return pointwise(self.head, self.embedding(frame))

    def probabilities(self, frame: Tensor) -> Tensor:
        """Return probabilities ``(B, classes, H, W)`` float32, which sum to 1."""
        return class_probabilities(self(frame))
