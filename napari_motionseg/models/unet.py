"""Implement the U-Net as changed by Ma et al. (2019, 4.1 and 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.adaptive_blur import quieted
from napari_motionseg.models.hypercolumn import SparseHypercolumn
from napari_motionseg.models.unet_config import Enlarging, UNetConfig

if TYPE_CHECKING:
    from napari_motionseg.models.familiarity import Familiarity


FLAT_FIELD_SIGMA = 1 / 16  # of the shorter side, which is wider than any vessel
FLAT_FIELD_FLOOR = 0.02  # least gray, so that the logarithm of black is finite
FLAT_FIELD_GAIN = 4.0  # factor that brings the contrast of a vessel to about 1


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
        features: Tensor = self.convolutions(torch.cat((skip, self.up(deep)), dim=1))
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
        embedding: Tensor = self.last(self.before_last(frame))
        return embedding

    def before_last(self, frame: Tensor) -> Tensor:
        """Return the last layer's input ``(B, width, H, W)``; not for hypercolumns.

        It is the mean of the decoded octaves.
        """
        frame = self._quiet(frame)
        seen = self._decoded(frame)
        for octave in range(1, self.config.octaves):
            frame = functional.avg_pool2d(
                frame, 2, ceil_mode=True, count_include_pad=False
            )
            seen = seen + _enlarged(self._decoded(frame), 2**octave, seen)
        return seen / self.config.octaves

    def at_one_size(self, frame: Tensor) -> Tensor:
        """Return embeddings ``(B, D, H, W)`` of frames at their own size only.

        Training with it lets the errors differ between sizes, so that their mean is
        smaller.
        """
        if self.config.head == "decoder":
            embedding: Tensor = self.last(self._decoded(self._quiet(frame)))
            return embedding
        skips = self.encoder_features(frame)
        rows, columns = skips[0].shape[-2:]
        whole = self.hypercolumn.dense(skips, (rows, columns))
        return whole[..., : frame.shape[-2], : frame.shape[-1]]

    def _decoded(self, frame: Tensor) -> Tensor:
        """Return the features ``(B, width, H, W)`` before the last layer.

        The frames must have passed `_quiet`.
        """
        skips = self._levels(frame)
        features = skips[-1]
        for block, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            features = block(features, skip)
        return features[..., : frame.shape[-2], : frame.shape[-1]]

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
    """

    familiarity: Familiarity | None = None

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
        logits: Tensor = self.head(self.embedding(frame))
        return logits

    def probabilities(self, frame: Tensor) -> Tensor:
        """Return probabilities ``(B, classes, H, W)`` float32, which sum to 1."""
        logits: Tensor = self(frame).float()
        if self.classes > 2:
            return logits.softmax(dim=1)
        foreground = logits.sigmoid()
        return torch.cat((1 - foreground, foreground), dim=1)


def _enlarged(features: Tensor, factor: int, like: Tensor) -> Tensor:
    """Enlarge features of a smaller frame, and crop them to the size of `like`.

    If sides were odd, the smaller frame reaches a little further.
    """
    larger = functional.interpolate(features, scale_factor=factor, mode="bilinear")
    return larger[..., : like.shape[-2], : like.shape[-1]]


def flat_field(frame: Tensor) -> Tensor:
    """Return the logarithm of frames over their slow background, vessels about -1.

    Parameters
    ----------
    frame
        Frames ``(B, C, H, W)`` in [0, 1].

    Notes
    -----
    Two successive box means approximate a Gaussian; at edges, only inside pixels are
    averaged. A change of exposure is a factor, and cancels.
    """
    brightness = frame.float().clamp(min=0) + FLAT_FIELD_FLOOR
    logarithm = brightness.log()
    background = logarithm
    radius = max(1, round(min(frame.shape[-2:]) * FLAT_FIELD_SIGMA))
    radius = min(radius, *(max(1, (side - 1) // 2) for side in frame.shape[-2:]))
    for _ in range(2):
        for window in ((1, 2 * radius + 1), (2 * radius + 1, 1)):
            background = functional.avg_pool2d(
                background,
                window,
                stride=1,
                padding=(window[0] // 2, window[1] // 2),
                count_include_pad=False,
            )
    return (logarithm - background) * FLAT_FIELD_GAIN
