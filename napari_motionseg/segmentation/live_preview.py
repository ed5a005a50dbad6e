"""Predict a frame from a few strokes at once: the live preview, without a window.

This module records which pixels of which frames are painted, and passes only changes to
the closed-form head, so that a stroke costs the time of its own pixels alone. A linear
head cannot fit every stroke. Near a stroke, scores are therefore raised for the painted
class: fully on the stroke, and less with the distance, for pixels with similar
features.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import LabelError
from napari_motionseg.models import SegmentationNet
from napari_motionseg.segmentation.closed_form_head import (
    HeadSettings,
    StrokeSums,
    fit_head,
    lacking,
    prior_scores,
    prototype_similarity,
)

BLOCK = 32_768  # pixels at a time whose features, in single precision, fit in the cache
EVERY = 5  # every 5th row and column represents the frame; neighbours are much alike
UNPAINTED = -1
REACH = 5.0  # px: standard deviation of the Gaussian weight around a stroke
CHOOSY = 4  # power of the similarity: larger values keep strokes from spreading


@dataclass(frozen=True, eq=False)
class FrameView:
    """Embedding and probabilities of a frame.

    Parameters
    ----------
    embedding
        ``(D, H, W)`` float16 or float32 embedding of the frame.
    probabilities
        ``(K, H, W)`` float32 probabilities of the network's own classes, which are
        equal for an embedding network without a head.
    """

    embedding: NDArray[np.floating]
    probabilities: NDArray[np.float32]
    _priors: dict[int, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return self.embedding.shape[1], self.embedding.shape[2]

    def features(self, pixels: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Return features ``(F, N)`` of pixels, 1 first; of all pixels if None."""
        flat = self.embedding.reshape(len(self.embedding), -1)
        chosen = flat if pixels is None else flat.take(pixels, axis=1)
        wide = torch.from_numpy(np.ascontiguousarray(chosen)).float().numpy()
        return np.concatenate([np.ones((1, wide.shape[1]), np.float32), wide])

    def linear(self, weights: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return ``weights' f`` ``(C, N)`` for all pixels, with weights ``(F, C)``."""
        flat = torch.from_numpy(np.ascontiguousarray(self.embedding)).flatten(1)
        factors = torch.from_numpy(np.ascontiguousarray(weights.T)).float()
        scores = factors[:, :1].repeat(1, flat.shape[1])
        for first in range(0, flat.shape[1], BLOCK):
            part = slice(first, first + BLOCK)
            # torch converts half to single precision ten times as fast as NumPy
            scores[:, part] += factors[:, 1:] @ flat[:, part].float()
        answer: NDArray[np.float32] = scores.numpy()
        return answer

    def prior(self, classes: int) -> NDArray[np.float32]:
        """Return the network's scores ``(C, N)``; see `prior_scores`."""
        if classes not in self._priors:
            scores = prior_scores(self.probabilities, classes)
            self._priors[classes] = scores.reshape(classes, -1)
        return self._priors[classes]

    def everywhere(self) -> NDArray[np.float64]:
        """Return the mean ``(F, F)`` of f f' over the frame."""
        height, width = self.size
        rows, columns = np.arange(0, height, EVERY), np.arange(0, width, EVERY)
        pixels = (rows[:, None] * width + columns).ravel()
        features = self.features(pixels).astype(np.float64)
        mean: NDArray[np.float64] = features @ features.T / features.shape[1]
        return mean


@dataclass(frozen=True, eq=False)
class LivePrediction:
    """Probabilities of a frame, predicted from the strokes.

    Parameters
    ----------
    probabilities
        ``(C, H, W)`` float32, whose sum over classes is 1. If only one class is
        painted, its probability is the similarity of each pixel to the painted ones.
    painted
        Numbers of the classes with at least one painted pixel.
    """

    probabilities: NDArray[np.float32]
    painted: tuple[int, ...]


def view_of(network: object, embedding: NDArray[np.floating]) -> FrameView:
    """Return the embedding of a frame with the probabilities that its network gives.

    Parameters
    ----------
    network
        Network that computed the embedding. The head of a `SegmentationNet` gives the
        probabilities before any stroke; other networks have no head.
    embedding
        ``(D, H, W)`` embedding of the frame, as `embed_frame` returns it.
    """
    if not isinstance(network, SegmentationNet):
        flat = np.full((2, *embedding.shape[1:]), 0.5, np.float32)
        return FrameView(embedding, flat)
    weight = network.head.weight.detach().float().cpu()[:, :, 0, 0]
    bias = network.head.bias
    wide = torch.from_numpy(np.ascontiguousarray(embedding)).float()
    logits = torch.tensordot(weight, wide, dims=1)
    if bias is not None:
        logits = logits + bias.detach().float().cpu()[:, None, None]
    if len(logits) == 1:
        logits = torch.cat([torch.zeros_like(logits), logits])
    return FrameView(embedding, logits.softmax(0).numpy())


class LiveHead:
    """A closed-form head that is fitted to the strokes of any number of frames.

    Parameters
    ----------
    classes
        Number of classes, including the background.
    settings
        Settings of the head; None for the defaults of `HeadSettings`.
    """

    def __init__(self, classes: int, settings: HeadSettings | None = None) -> None:
        self.classes = classes
        self.settings = settings or HeadSettings()
        self._sums: StrokeSums | None = None
        self._targets: dict[Hashable, NDArray[np.int16]] = {}
        self._everywhere: dict[Hashable, NDArray[np.float64]] = {}

    @property
    def frames(self) -> tuple[Hashable, ...]:
        """Keys of the frames with strokes."""
        return tuple(self._targets)

    @property
    def painted(self) -> tuple[int, ...]:
        """Numbers of the classes with at least one painted pixel."""
        if self._sums is None:
            return ()
        return tuple(int(number) for number in self._sums.painted)

    def is_new(self, key: Hashable, target: NDArray[np.int16]) -> bool:
        """Return whether `target` differs from the strokes recorded for a frame."""
        known = self._targets.get(key)
        if known is None:
            return bool((target != UNPAINTED).any())
        return not np.array_equal(known, target)

    def paint(self, key: Hashable, view: FrameView, target: NDArray[np.int16]) -> None:
        """Record the strokes of a frame, and adapt the head to what has changed.

        Parameters
        ----------
        key
            Key that identifies the frame.
        view
            Embedding and probabilities of the frame.
        target
            ``(H, W)`` class numbers of all strokes on the frame, old ones included; -1
            where nothing is painted.

        Raises
        ------
        LabelError
            If the labels have another shape than the frame, or too large class numbers.
        """
        if target.shape != view.size:
            raise LabelError(
                f"labels must have the frame's shape {tuple(view.size)}; "
                f"got {target.shape}"
            )
        if int(target.max(initial=UNPAINTED)) >= self.classes:
            raise LabelError(
                f"class {int(target.max())} is painted; there are {self.classes} "
                "classes with the background: add a class first"
            )
        before = self._targets.get(key, np.full_like(target, UNPAINTED))
        changed = np.flatnonzero(before != target)
        self._change(view, changed, before.ravel()[changed], sign=-1)
        self._change(view, changed, target.ravel()[changed], sign=1)
        if (target == UNPAINTED).all():
            self.forget(key)
            return
        self._targets[key] = target.copy()
        if key not in self._everywhere:
            self._everywhere[key] = view.everywhere()

    def forget(self, key: Hashable) -> None:
        """Remove a frame whose strokes were erased."""
        self._targets.pop(key, None)
        self._everywhere.pop(key, None)

    def predict(self, view: FrameView, key: Hashable = None) -> LivePrediction:
        """Predict a frame from the strokes, whether it is painted or not.

        Without strokes, the probabilities are those of the network.

        Parameters
        ----------
        view
            Embedding and probabilities of the frame.
        key
            Key that identifies the frame, so that its own strokes hold where they were
            painted; None for a frame without strokes.
        """
        scores = view.prior(self.classes)
        painted = self.painted
        if self._sums is not None and len(painted) == 1:
            return LivePrediction(self._alike(view, painted[0]), painted)
        if self._sums is not None and len(painted) > 1:
            everywhere = np.mean(list(self._everywhere.values()), axis=0)
            head = fit_head(self._sums, everywhere, self.settings.restraint)
            scores = scores + view.linear(head)
        if key in self._targets:
            scores = around_strokes(
                scores, view, self._targets[key], self.settings.margin
            )
        shares = torch.from_numpy(scores).softmax(0).numpy()
        return LivePrediction(shares.reshape(-1, *view.size), painted)

    def _alike(self, view: FrameView, number: int) -> NDArray[np.float32]:
        """Return the similarity to the only painted class, as its probability."""
        if self._sums is None:
            raise LabelError("nothing is painted: draw a stroke")
        similarity = prototype_similarity(self._sums, view.features())
        shares = np.zeros((self.classes, *view.size), np.float32)
        shares[number] = similarity.reshape(view.size)
        shares[0 if number else 1] = 1 - shares[number]
        return shares

    def _change(
        self,
        view: FrameView,
        pixels: NDArray[np.intp],
        classes: NDArray[np.int16],
        *,
        sign: int,
    ) -> None:
        known = classes != UNPAINTED
        pixels, classes = pixels[known], classes[known]
        if not len(pixels):
            return
        features = view.features(pixels).T
        prior = view.prior(self.classes)[:, pixels].T
        if self._sums is None:
            margin = self.settings.margin
            self._sums = StrokeSums(features.shape[1], self.classes, margin)
        weights = np.full(len(pixels), float(sign))
        self._sums.add(features, classes, prior, weights)


def around_strokes(
    scores: NDArray[np.float32],
    view: FrameView,
    target: NDArray[np.int16],
    margin: float,
) -> NDArray[np.float32]:
    """Raise the scores of strokes on their pixels and on similar pixels nearby.

    Parameters
    ----------
    scores
        ``(C, H W)`` scores of the classes.
    view
        Embedding and probabilities of the frame.
    target
        ``(H, W)`` class numbers of the strokes; -1 where nothing is painted.
    margin
        Distance by which the score of the painted class exceeds the others on a stroke.

    Returns
    -------
    NDArray
        The raised scores ``(C, H W)``.
    """
    painted = target != UNPAINTED
    if painted.all() or not painted.any():
        near, nearest = np.flatnonzero(painted), np.flatnonzero(painted)
        weight = np.ones(len(near))
    else:
        distance, places = ndimage.distance_transform_edt(~painted, return_indices=True)
        near = np.flatnonzero(distance < 3 * REACH)
        rows, columns = places.reshape(2, -1)[:, near]
        nearest = rows * target.shape[1] + columns
        weight = np.exp(-(distance.ravel()[near] ** 2) / (2 * REACH**2))
        weight *= _alike(view.features(near), view.features(nearest))
    lack = lacking(scores[:, nearest].T, target.ravel()[nearest], margin)
    changed = scores.copy()
    changed[:, near] += (lack * weight[:, None]).T.astype(np.float32)
    return changed


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the similarity ``(N,)`` in [0, 1] of features ``(F, N)`` of each pixel."""
    lengths = np.linalg.norm(one[1:], axis=0) * np.linalg.norm(other[1:], axis=0)
    cosine = (one[1:] * other[1:]).sum(axis=0) / np.maximum(lengths, 1e-12)
    alike: NDArray[np.float32] = np.clip(cosine, 0, 1) ** CHOOSY
    return alike
