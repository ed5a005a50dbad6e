"""Compute hypercolumns: the features of all encoder depths as one embedding.

Following Mahendran, Thewlis, Vedaldi (ACCV 2018), section 3, and Larsson et al. (2016),
features of several depths are interpolated at a few sampled pixels and concatenated. A
perceptron with one hidden layer turns them into an embedding. Sampling avoids the
memory of a dense embedding during training.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError


class SparseHypercolumn(nn.Module):
    """Embedding head on the features of any encoder.

    Parameters
    ----------
    channels
        Number of channels of each depth, in the order of the features.
    embedding_dim
        Length D of the embedding; the paper uses 16.
    hidden
        Width of the hidden layer; the paper does not state it.

    Raises
    ------
    SettingsError
        If there is no depth, or a number is below 1.

    Notes
    -----
    Batch norm has no parameters, as in the whole network of the paper (section 4.3).
    """

    def __init__(
        self, channels: Sequence[int], *, embedding_dim: int = 16, hidden: int = 256
    ) -> None:
        super().__init__()
        if not channels or min(*channels, embedding_dim, hidden) < 1:
            raise SettingsError(
                "channels must name at least one depth, and channels, embedding_dim "
                f"and hidden must be positive; got {list(channels)}, {embedding_dim}, "
                f"{hidden}"
            )
        self.channels = tuple(channels)
        self.first = nn.Conv1d(sum(channels), hidden, 1, bias=False)
        self.norm = nn.BatchNorm1d(hidden, affine=False)
        self.last = nn.Conv1d(hidden, embedding_dim, 1)

    def forward(
        self, features: Sequence[Tensor], points: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """Return the embeddings ``(B, N, D)`` at the given points.

        Parameters
        ----------
        features
            Features of each depth, ``(B, C_i, h_i, w_i)``.
        points
            Row and column ``(B, N, 2)`` in pixels; see `hypercolumns`.
        size
            Height and width of the picture in pixels; see `hypercolumns`.

        Raises
        ------
        SettingsError
            If shapes do not fit together, or there is only one point in training.
        """
        self._check(features)
        columns = hypercolumns(features, points, size)
        if self.training and len(columns) * columns.shape[-1] < 2:
            raise SettingsError(
                "training with batch norm needs at least 2 points; got 1"
            )
        return self._embed(self.first(columns.to(self.first.weight.dtype))).mT

    def dense(self, features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return the embedding ``(B, D, H, W)`` of every pixel.

        The values equal those at points. The first layer is applied before the
        interpolation, with which it commutes, so the concatenated channels are never
        held in memory.

        Parameters
        ----------
        features
            Features of each depth, ``(B, C_i, h_i, w_i)``.
        size
            Height and width of the picture in pixels; see `hypercolumns`.
        """
        self._check(features)
        _check_size(size)
        weights = torch.split(self.first.weight[..., None], [*self.channels], dim=1)
        hidden = torch.zeros((), device=features[0].device)
        for level, weight in zip(features, weights, strict=True):
            part = functional.conv2d(level.to(weight.dtype), weight)
            hidden = hidden + functional.interpolate(
                part, size, mode="bilinear", align_corners=False
            )
        embedding = self._embed(hidden.flatten(2))
        return embedding.reshape(*embedding.shape[:2], *size)

    def _embed(self, hidden: Tensor) -> Tensor:
        """Return ``(B, D, N)`` from the first layer's output ``(B, hidden, N)``."""
        embedding: Tensor = self.last(functional.relu(self.norm(hidden)))
        return embedding

    def _check(self, features: Sequence[Tensor]) -> None:
        _check_features(features)
        found = tuple(level.shape[1] for level in features)
        if found != self.channels:
            raise SettingsError(
                f"features must have {self.channels} channels from depth to depth; got "
                f"{found}"
            )


def hypercolumns(
    features: Sequence[Tensor], points: Tensor, size: tuple[int, int]
) -> Tensor:
    """Interpolate features of several depths at points, bilinearly.

    Parameters
    ----------
    features
        Features of each depth, ``(B, C_i, h_i, w_i)``; each covers the whole picture.
    points
        Row and column ``(B, N, 2)`` in pixels of the picture, fractions allowed; 0 is
        the centre of the first pixel. Beyond the outermost pixel centres of a depth,
        its edge value is continued.
    size
        Height and width in pixels of the picture that the features cover, including any
        padding that the encoder adds.

    Returns
    -------
    Tensor
        ``(B, C, N)`` in float32 or better; C counts the channels of all depths.

    Raises
    ------
    SettingsError
        If the shapes do not fit together.
    """
    _check_features(features)
    _check_size(size)
    batch = len(features[0])
    if points.ndim != 3 or points.shape[0] != batch or points.shape[2] != 2:
        raise SettingsError(
            f"points must be ({batch}, N, 2); got {tuple(points.shape)}"
        )
    # bf16 cannot distinguish neighbouring pixels of a wide picture
    dtype = torch.promote_types(features[0].dtype, torch.float32)
    extent = torch.tensor(size, dtype=dtype, device=points.device)
    # -1 and 1 are the outer edges of the picture, at every depth
    grid = ((2 * points.to(dtype) + 1) / extent - 1).flip(-1)[:, None]
    columns = [
        functional.grid_sample(
            level.to(dtype), grid, padding_mode="border", align_corners=False
        )
        for level in features
    ]
    return torch.cat(columns, dim=1)[:, :, 0]


def _check_features(features: Sequence[Tensor]) -> None:
    shapes = [tuple(level.shape) for level in features]
    if not shapes or any(len(s) != 4 or s[0] != shapes[0][0] for s in shapes):
        raise SettingsError(
            f"features must have at least one depth of shape (B, C, h, w); got {shapes}"
        )


def _check_size(size: tuple[int, int]) -> None:
    if min(size) < 1:
        raise SettingsError(f"size must be a positive height and width; got {size}")
