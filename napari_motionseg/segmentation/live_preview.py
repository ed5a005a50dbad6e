"""Predict a frame from a few strokes at once: the live preview, without a window.

Holds which pixels of which frames are painted, and tells the closed-form head only what
has changed since: a stroke costs its own pixels, not those of earlier strokes. What a
linear head cannot say, the painted frame says near the stroke: a stroke always holds
where it is, and less and less around it, among pixels of like features.
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

BLOCK = 32_768  # pixels whose features, in single precision, stay in the cache
EVERY = 5  # rows and columns: pixels that stand for the whole frame
UNPAINTED = -1
REACH = 5.0  # px: how far around a stroke it holds for what looks like it
CHOOSY = 4  # power of the likeness


@dataclass(frozen=True, eq=False)
class FrameView:
    """Embedding and probabilities of a frame.

    Parameters
    ----------
    embedding
        ``(D, H, W)`` float16 or float32.
    probabilities
        ``(K, H, W)`` float32 of its own classes; those of an embedding without a head
        are equal.
    """

    embedding: NDArray[np.floating]
    probabilities: NDArray[np.float32]
    _priors: dict[int, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.embedding.shape[1], self.embedding.shape[2]

    def features(self, pixels: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Return ``(F, N)``: 1, then the embedding; of all pixels if None."""
        flat = self.embedding.reshape(len(self.embedding), -1)
        chosen = flat if pixels is None else flat.take(pixels, axis=1)
        wide = torch.from_numpy(np.ascontiguousarray(chosen)).float().numpy()
        return np.concatenate([np.ones((1, wide.shape[1]), np.float32), wide])

    def linear(self, weights: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return weights' f ``(C, N)`` of all pixels, for weights ``(F, C)``."""
        flat = torch.from_numpy(np.ascontiguousarray(self.embedding)).flatten(1)
        factors = torch.from_numpy(np.ascontiguousarray(weights.T)).float()
        scores = factors[:, :1].repeat(1, flat.shape[1])
        for first in range(0, flat.shape[1], BLOCK):
            part = slice(first, first + BLOCK)
            # torch widens half precision ten times as fast as NumPy
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
class Answer:
    """Probabilities of a frame that follow from the strokes.

    Parameters
    ----------
    probabilities
        ``(C, H, W)`` float32, which sum to 1; where one class alone is painted, how
        alike each pixel is to it.
    painted
        Numbers of the classes of which something is painted.
    """

    probabilities: NDArray[np.float32]
    painted: tuple[int, ...]


def view_of(network: object, embedding: NDArray[np.floating]) -> FrameView:
    """Return what a network sees, from its embedding of a frame.

    Parameters
    ----------
    network
        A `SegmentationNet`, whose head gives the first answer; any other network has
        none.
    embedding
        ``(D, H, W)``, as `embed_frame` returns it.
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
        With the background.
    settings
        See `HeadSettings`.
    """

    def __init__(self, classes: int, settings: HeadSettings | None = None) -> None:
        self.classes = classes
        self.settings = settings or HeadSettings()
        self._sums: StrokeSums | None = None
        self._targets: dict[Hashable, NDArray[np.int16]] = {}
        self._everywhere: dict[Hashable, NDArray[np.float64]] = {}

    @property
    def frames(self) -> tuple[Hashable, ...]:
        """Keys of the frames that hold paint."""
        return tuple(self._targets)

    @property
    def painted(self) -> tuple[int, ...]:
        """Numbers of the classes of which something is painted."""
        if self._sums is None:
            return ()
        return tuple(int(number) for number in self._sums.painted)

    def is_new(self, key: Hashable, target: NDArray[np.int16]) -> bool:
        """Return whether `target` differs from what is known of a frame."""
        known = self._targets.get(key)
        if known is None:
            return bool((target != UNPAINTED).any())
        return not np.array_equal(known, target)

    def paint(self, key: Hashable, view: FrameView, target: NDArray[np.int16]) -> None:
        """Take over what is painted on a frame.

        Parameters
        ----------
        key
            Which frame.
        view
            Of that frame.
        target
            ``(H, W)``, -1 = not painted; all that is painted on it, not the last stroke
            alone.

        Raises
        ------
        LabelError
            If the labels have another shape than the frame, or more classes.
        """
        if target.shape != view.size:
            raise LabelError(
                f"labels of {target.shape} do not fit a frame of {view.size}"
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
        """Drop a frame without paint."""
        self._targets.pop(key, None)
        self._everywhere.pop(key, None)

    def answer(self, view: FrameView, key: Hashable = None) -> Answer:
        """Return what the strokes make of a frame, painted or not.

        Without strokes, it is the network's own answer.

        Parameters
        ----------
        view
            Of the frame.
        key
            Which frame it is, so that its own strokes hold where they are.
        """
        scores = view.prior(self.classes)
        painted = self.painted
        if self._sums is not None and len(painted) == 1:
            return Answer(self._alike(view, painted[0]), painted)
        if self._sums is not None and len(painted) > 1:
            everywhere = np.mean(list(self._everywhere.values()), axis=0)
            head = fit_head(self._sums, everywhere, self.settings.restraint)
            scores = scores + view.linear(head)
        if key in self._targets:
            scores = around_strokes(
                scores, view, self._targets[key], self.settings.margin
            )
        shares = torch.from_numpy(scores).softmax(0).numpy()
        return Answer(shares.reshape(-1, *view.size), painted)

    def _alike(self, view: FrameView, number: int) -> NDArray[np.float32]:
        """Return similarity to the one class that is painted, as its probability."""
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
    """Make strokes hold where they are, and near them for pixels like theirs.

    Parameters
    ----------
    scores
        ``(C, H W)``.
    view
        Of the frame.
    target
        ``(H, W)``, -1 = not painted.
    margin
        Lead of the painted class.

    Returns
    -------
    NDArray
        The scores ``(C, H W)`` then.
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
    """Return the likeness ``(N,)`` in [0, 1] of features ``(F, N)``, pixel by pixel."""
    lengths = np.linalg.norm(one[1:], axis=0) * np.linalg.norm(other[1:], axis=0)
    cosine = (one[1:] * other[1:]).sum(axis=0) / np.maximum(lengths, 1e-12)
    alike: NDArray[np.float32] = np.clip(cosine, 0, 1) ** CHOOSY
    return alike
