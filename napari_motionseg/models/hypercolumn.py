"""Hypercolumns: what all depths of an encoder say of a pixel, as one embedding.

Mahendran, Thewlis, Vedaldi (ACCV 2018), section 3, after Larsson et al. (2016):
features of several depths are interpolated at a few sampled pixels and concatenated,
and a perceptron with one hidden layer makes an embedding of them. Sampling spares the
memory of a whole picture's embedding while training.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError


class SparseHypercolumn(nn.Module):
    """A head on the features of any encoder.

    Parameters
    ----------
    channels
        Of each depth's features, in the order in which they are given.
    embedding_dim
        D; the paper's is 16.
    hidden
        Width of the hidden layer, which the paper does not tell.

    Raises
    ------
    SettingsError
        If there is no depth, or a number is below 1.

    Notes
    -----
    Batch norm without parameters, as throughout the paper's network (section 4.3).
    """

    def __init__(
        self, channels: Sequence[int], *, embedding_dim: int = 16, hidden: int = 256
    ) -> None:
        super().__init__()
        if not channels or min(*channels, embedding_dim, hidden) < 1:
            raise SettingsError(
                "channels must name one depth at least, and channels, embedding_dim, "
                f"hidden must be positive; got {list(channels)}, {embedding_dim}, "
                f"{hidden}"
            )
        self.channels = tuple(channels)
        self.first = nn.Conv1d(sum(channels), hidden, 1, bias=False)
        self.norm = nn.BatchNorm1d(hidden, affine=False)
        self.last = nn.Conv1d(hidden, embedding_dim, 1)

    def forward(
        self, features: Sequence[Tensor], points: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """Return the embeddings ``(B, N, D)`` of points.

        Parameters
        ----------
        features, points, size
            See `hypercolumns`.

        Raises
        ------
        SettingsError
            If shapes do not belong together, or there is a single point to train on.
        """
        self._check(features)
        columns = hypercolumns(features, points, size)
        if self.training and len(columns) * columns.shape[-1] < 2:
            raise SettingsError(
                "training needs 2 points at least, for batch norm; got 1"
            )
        return self._embed(self.first(columns.to(self.first.weight.dtype))).mT

    def dense(self, features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return the embedding ``(B, D, H, W)`` of every pixel.

        The same numbers as at points. The first layer goes before the interpolation,
        with which it commutes, so no column of all channels is ever held.

        Parameters
        ----------
        features, size
            See `hypercolumns`.
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
        """Return ``(B, D, N)`` of the first layer's ``(B, hidden, N)``."""
        embedding: Tensor = self.last(functional.relu(self.norm(hidden)))
        return embedding

    def _check(self, features: Sequence[Tensor]) -> None:
        _check_features(features)
        found = tuple(level.shape[1] for level in features)
        if found != self.channels:
            raise SettingsError(
                f"features must have {self.channels} channels, depth by depth; got "
                f"{found}"
            )


def hypercolumns(
    features: Sequence[Tensor], points: Tensor, size: tuple[int, int]
) -> Tensor:
    """Interpolate features of several depths at points, bilinearly.

    Parameters
    ----------
    features
        Of each depth, ``(B, C_i, h_i, w_i)``; each covers the whole picture.
    points
        ``(B, N, 2)`` row and column in pixels of the picture, between pixels too; 0 is
        the centre of the first. Beyond the outermost centres of a depth its edge goes
        on.
    size
        Height and width in pixels of the picture that the features cover: where an
        encoder continues frames at their edge, with that continuation.

    Returns
    -------
    Tensor
        ``(B, C, N)``, float32 or better, C the channels of all depths in turn.

    Raises
    ------
    SettingsError
        If shapes do not belong together.
    """
    _check_features(features)
    _check_size(size)
    batch = len(features[0])
    if points.ndim != 3 or points.shape[0] != batch or points.shape[2] != 2:
        raise SettingsError(
            f"points must be ({batch}, N, 2), row and column; got {tuple(points.shape)}"
        )
    # bf16 cannot tell neighbouring pixels of a wide picture apart
    dtype = torch.promote_types(features[0].dtype, torch.float32)
    extent = torch.tensor(size, dtype=dtype, device=points.device)
    # -1 and 1 are the picture's outer edges, the same for every depth
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
            f"features must be (B, C, h, w) of one depth at least; got {shapes}"
        )


def _check_size(size: tuple[int, int]) -> None:
    if min(size) < 1:
        raise SettingsError(f"size must be a positive height and width; got {size}")
