"""Halve frames, and combine what a network says of them at several sizes."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError


def halved(frame: Tensor) -> Tensor:
    """Return frames ``(B, C, H, W)`` at half their size, rounded up."""
    return functional.avg_pool2d(frame, 2, ceil_mode=True, count_include_pad=False)


def mean_of_octaves(answers: Iterable[Tensor]) -> Tensor:
    """Return the mean ``(B, N, H, W)`` of the answers for all sizes of frames.

    Parameters
    ----------
    answers
        Answers ``(B, N, h, w)``, the largest first; each is half as large as the
        previous one, rounded up.
    """
    whole, count = None, 0
    for answer in answers:
        smaller = None if whole is None else _enlarged(answer, 2**count, whole)
        whole = answer if whole is None or smaller is None else whole + smaller
        count += 1
    if whole is None:
        raise SettingsError("answers must hold at least one size; got none")
    return whole if count == 1 else whole / count


def _enlarged(features: Tensor, factor: int, like: Tensor) -> Tensor:
    """Enlarge features of a smaller frame, and crop them to the size of `like`.

    If sides were odd, the smaller frame reaches a little further.
    """
    larger = functional.interpolate(features, scale_factor=factor, mode="bilinear")
    return larger[..., : like.shape[-2], : like.shape[-1]]
