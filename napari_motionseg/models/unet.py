"""U-Net as Ma et al. (2019, 4.1 and 4.3) changed it, its last layer apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.adaptive_blur import quieted
from napari_motionseg.models.hypercolumn import SparseHypercolumn
from napari_motionseg.registry import unknown_name

Head = Literal["decoder", "hypercolumn"]
Enlarging = Literal["learnt", "bilinear"]


FLAT_FIELD_SIGMA = 1 / 16  # of the shorter side: wider than any vessel
FLAT_FIELD_FLOOR = 0.02  # keeps the logarithm of black finite
FLAT_FIELD_GAIN = 4.0  # brings the contrast of a vessel to about 1


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a U-Net.

    Parameters
    ----------
    in_channels
        Channels of a frame.
    embedding_dim
        Length of the vector that each pixel gets; the paper's is 64.
    width
        Channels of the first level, doubled at each deeper one; the paper's is 64, 16
        is what a laptop bears.
    depth
        Halvings of the resolution.
    flat_field
        Divide the slow background out before the first layer: a vessel darkens what
        lies behind it by a factor, so the logarithm of frame over background shows the
        same vessel alike in front of spine and lung.
    head
        What makes embeddings of the encoder's features: ``"decoder"``, the U-Net's own,
        or ``"hypercolumn"``, a `SparseHypercolumn` on all its depths, as Mahendran et
        al. (ACCV 2018) have it, with the fixed hidden width of that class.
    enlarging
        How the decoder doubles the resolution: ``"learnt"``, the U-Net's own 2 x 2
        step, or ``"bilinear"``. The learnt step gives each of its four pixels weights
        of its own, so an embedding shows a pattern of period 2 (Odena et al. 2016,
        Deconvolution and checkerboard artifacts); the bilinear one cannot.
    octaves
        Sizes in which the same layers look at a frame, each half of the one before; a
        pixel's embedding is the mean of what they say. With 2 a wide vessel is seen as
        a narrow one too, and its surroundings twice as far, for a quarter more work.

    familiar_noise
        Standard deviation of noise, as share of full scale, up to which frames are
        taken as they are; noisier ones are blurred before the first layer until it is
        no more, see `quieting`. None takes every frame as it is.

    Raises
    ------
    SettingsError
        If a value is below 1, or too deep, or there is no such head or enlarging, or a
        hypercolumn shall have octaves.
    """

    in_channels: int = 1
    embedding_dim: int = 64
    width: int = 16
    depth: int = 4
    flat_field: bool = False
    head: Head = "decoder"
    enlarging: Enlarging = "learnt"
    octaves: int = 1
    familiar_noise: float | None = None

    def __post_init__(self) -> None:
        for name in ("in_channels", "embedding_dim", "width", "depth", "octaves"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise SettingsError(f"{name} must be a positive integer; got {value!r}")
        for name in ("depth", "octaves"):
            if getattr(self, name) > 6:
                raise SettingsError(
                    f"{name} must be at most 6; got {getattr(self, name)}"
                )
        for name, known in (("head", Head), ("enlarging", Enlarging)):
            value, choices = getattr(self, name), dict.fromkeys(get_args(known))
            if value not in choices:
                raise SettingsError(unknown_name(name, value, choices))
        noise = self.familiar_noise
        if noise is not None and not 0 < noise <= 1:
            raise SettingsError(
                f"familiar_noise must be above 0 and at most 1, or None; got {noise!r}"
            )
        if self.head == "hypercolumn" and self.octaves > 1:
            raise SettingsError("a hypercolumn joins depths already: octaves must be 1")


def double_convolution(channels_in: int, channels_out: int) -> nn.Sequential:
    """Return two 3 x 3 convolutions with batch norm and ReLU, the size kept."""
    layers: list[nn.Module] = []
    for channels in (channels_in, channels_out):
        layers += [
            nn.Conv2d(channels, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class BilinearStep(nn.Conv2d):
    """Doubles the resolution bilinearly and mixes channels, `ConvTranspose2d`'s peer.

    Channels are mixed first: both are linear, and there are four times fewer pixels.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 1)

    def forward(self, deep: Tensor) -> Tensor:
        """Return ``(B, N, 2h, 2w)`` of features ``(B, C, h, w)``."""
        mixed = super().forward(deep)
        return functional.interpolate(mixed, scale_factor=2, mode="bilinear")


class UpBlock(nn.Module):
    """Doubles the resolution and meets the encoder's (Ronneberger et al. 2015)."""

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
    """A vector for each pixel of a frame.

    Parameters
    ----------
    config
        Its shape; stored as ``model.config``.
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
        """Return the embedding ``(B, D, H, W)`` of ``(B, C, H, W)`` in [0, 1].

        Any size: frames are continued at their lower and right edge to the next
        multiple of 2^depth inside, and cropped back.

        Raises
        ------
        SettingsError
            If the channels are not the network's.
        """
        if self.config.head == "hypercolumn":
            return self.at_one_size(frame)
        # the last layer is linear: of the mean it makes the mean embedding
        embedding: Tensor = self.last(self.before_last(frame))
        return embedding

    def before_last(self, frame: Tensor) -> Tensor:
        """Return what the last layer sees, ``(B, width, H, W)``; not for hypercolumns.

        The mean of what the octaves are decoded to.
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
        """Return the embedding ``(B, D, H, W)`` of frames as they are, of no octave.

        What learns so errs differently at each size, and the mean errs less.
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

        Of frames that are quiet.
        """
        skips = self._levels(frame)
        features = skips[-1]
        for block, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            features = block(features, skip)
        return features[..., : frame.shape[-2], : frame.shape[-1]]

    def at_points(self, frame: Tensor, points: Tensor) -> Tensor:
        """Return the embeddings of a few pixels alone, by the hypercolumn.

        Parameters
        ----------
        frame
            ``(B, C, H, W)`` in [0, 1].
        points
            ``(B, N, 2)`` row and column.

        Returns
        -------
        Tensor
            ``(B, N, D)``.

        Raises
        ------
        SettingsError
            If the network's head is another.
        """
        if self.config.head != "hypercolumn":
            raise SettingsError(
                f"head must be 'hypercolumn' to embed a few pixels; it is "
                f"{self.config.head!r}"
            )
        skips = self.encoder_features(frame)
        rows, columns = skips[0].shape[-2:]
        embedding: Tensor = self.hypercolumn(skips, points, (rows, columns))
        return embedding

    def encoder_features(self, frame: Tensor) -> list[Tensor]:
        """Return what each level sees, ``(B, width 2^i, h / 2^i, w / 2^i)``.

        From full resolution down; h and w are the frame's, continued to the next
        multiple of 2^depth.

        Raises
        ------
        SettingsError
            If the channels are not the network's.
        """
        return self._levels(self._quiet(frame))

    def _quiet(self, frame: Tensor) -> Tensor:
        """Return frames with no more noise than is known, before any halving.

        At half the size fine structure would be taken for noise.

        Raises
        ------
        SettingsError
            If the channels are not the network's.
        """
        if frame.ndim != 4 or frame.shape[1] != self.config.in_channels:
            raise SettingsError(
                f"frames must have shape (B, {self.config.in_channels}, H, W); got "
                f"{tuple(frame.shape)}"
            )
        most = self.config.familiar_noise
        return frame if most is None else quieted(frame, most)

    def _levels(self, frame: Tensor) -> list[Tensor]:
        """Return `encoder_features` of frames that are quiet."""
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
    """An embedding and the last layer that turns it into classes.

    Parameters
    ----------
    config
        Of the embedding.
    classes
        With the background: 2 is one sigmoid channel, more are softmax channels.
    """

    def __init__(self, config: UNetConfig | None = None, classes: int = 2) -> None:
        super().__init__()
        if classes < 2:
            raise SettingsError(
                f"classes counts the background too: >= 2, got {classes}"
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
        """Return ``(B, classes, H, W)`` float32, which sum to 1 over the classes."""
        logits: Tensor = self(frame).float()
        if self.classes > 2:
            return logits.softmax(dim=1)
        foreground = logits.sigmoid()
        return torch.cat((1 - foreground, foreground), dim=1)


def _enlarged(features: Tensor, factor: int, like: Tensor) -> Tensor:
    """Return features of a smaller frame, enlarged and cropped to the size of `like`.

    Where sides were odd, the smaller frame reaches a little further.
    """
    larger = functional.interpolate(features, scale_factor=factor, mode="bilinear")
    return larger[..., : like.shape[-2], : like.shape[-1]]


def flat_field(frame: Tensor) -> Tensor:
    """Return the logarithm of `frame` over its slow background, vessels about -1.

    Parameters
    ----------
    frame
        ``(B, C, H, W)`` in [0, 1].

    Notes
    -----
    Two box means in a row are close to a Gaussian; edges average what is inside alone.
    A change of exposure is a factor, and cancels.
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
