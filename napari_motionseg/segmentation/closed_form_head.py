"""Fit a head in closed form, so that strokes correct a prediction at once.

The scores of a pixel are those of the network plus a linear function of its features,
by ridge regression on the missing score:

    W = argmin  sum_c mean_{x of class c} |r(x) - W' f(x)|^2  +  a tr(W' E W)

f are the features of a pixel. r is what its scores lack until its class leads all
others by the margin; it is 0 where the network is already right, and such pixels keep
the correction small. E is the mean of f f' over whole frames, so the penalty measures
how much the correction changes the picture. Without strokes, the result is the
network's own prediction.

The fit needs only sums over painted pixels, and a stroke adds to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError, SettingsError

# pixels processed at once, so that their features in double precision fit the cache
BLOCK = 16_384
JITTER = 1e-6
SUREST = 4.0  # largest score: odds of 3000 between two classes


@dataclass(frozen=True)
class HeadSettings:
    """Settings of how strongly strokes change the prediction of the network.

    Parameters
    ----------
    margin
        Lead of a painted pixel's class over the others; scores are logarithms of odds.
    restraint
        Weight *a* of the penalty on changes in the rest of the picture.

    Raises
    ------
    SettingsError
        If a value is not positive.
    """

    margin: float = 1.0
    restraint: float = 3.0

    def __post_init__(self) -> None:
        for name in ("margin", "restraint"):
            if not getattr(self, name) > 0:
                raise SettingsError(
                    f"{name} must be positive; got {getattr(self, name)}"
                )

    @classmethod
    def alone(cls) -> HeadSettings:
        """Return settings for an embedding without a head, which has no prediction."""
        return cls(margin=8.0, restraint=0.05)


class StrokeSums:
    """Sums over painted pixels for the fit, separately for each class.

    Parameters
    ----------
    features
        Number of features of a pixel, the first of which is 1.
    classes
        Number of classes with the background.
    margin
        Lead of a painted pixel's class; see `HeadSettings`.

    Attributes
    ----------
    gram
        Sums of f f', ``(C, F, F)`` float64.
    cross
        Sums of f r', ``(C, F, C)`` float64.
    """

    def __init__(self, features: int, classes: int, margin: float) -> None:
        if features < 1 or classes < 2:
            raise SettingsError(
                "at least one feature and two classes are needed; got "
                f"{features} and {classes}"
            )
        self.gram = np.zeros((classes, features, features))
        self.cross = np.zeros((classes, features, classes))
        self._margin = margin

    @property
    def counts(self) -> NDArray[np.float64]:
        """Sum ``(C,)`` of the weights of the painted pixels of each class."""
        counts: NDArray[np.float64] = self.gram[:, 0, 0]
        return counts

    @property
    def painted(self) -> NDArray[np.intp]:
        """Numbers of the classes with painted pixels."""
        return np.flatnonzero(self.counts > 0.5)

    def add(
        self,
        features: NDArray[np.floating],
        classes: NDArray[np.integer],
        prior: NDArray[np.floating],
        weights: NDArray[np.floating] | None = None,
    ) -> None:
        """Add painted pixels.

        Parameters
        ----------
        features
            Features ``(N, F)``, of which the first is 1.
        classes
            Classes ``(N,)``, 0 for background.
        prior
            Scores ``(N, C)`` of the network.
        weights
            Weights ``(N,)``; negative ones remove pixels again. None is 1 for all.

        Raises
        ------
        LabelError
            If a class does not exist, or lengths differ.
        """
        known = len(self.gram)
        if not len(features) == len(classes) == len(prior):
            raise LabelError(
                "features, classes and prior must have the same number of pixels; got "
                f"{len(features)}, {len(classes)} and {len(prior)}"
            )
        if len(classes) and not 0 <= classes.min() <= classes.max() < known:
            raise LabelError(
                f"classes must be 0 to {known - 1}; got {classes.min()} to "
                f"{classes.max()}"
            )
        for first in range(0, len(classes), BLOCK):
            part = slice(first, first + BLOCK)
            block = np.asarray(features[part], np.float64)
            weighted = block if weights is None else block * weights[part, None]
            lack = lacking(prior[part], classes[part], self._margin)
            for number in np.unique(classes[part]):
                of = classes[part] == number
                self.gram[number] += weighted[of].T @ block[of]
                self.cross[number] += weighted[of].T @ lack[of]

    def remove(
        self,
        features: NDArray[np.floating],
        classes: NDArray[np.integer],
        prior: NDArray[np.floating],
    ) -> None:
        """Remove pixels that were added before; see `add`."""
        self.add(features, classes, prior, np.full(len(classes), -1.0))


def fit_head(
    sums: StrokeSums, everywhere: NDArray[np.float64], restraint: float
) -> NDArray[np.float64]:
    """Return the correction ``(F, C)``, which maps features to additions to the scores.

    All painted classes have the same weight, however much of them is painted. A class
    without paint gets no correction of its own.

    Parameters
    ----------
    sums
        Sums over the painted pixels.
    everywhere
        Mean ``(F, F)`` of f f' over all pixels of the frames.
    restraint
        Weight of the penalty; see `HeadSettings`.

    Raises
    ------
    LabelError
        If fewer than two classes are painted.
    """
    painted = sums.painted
    if len(painted) < 2:
        raise LabelError(
            "a correction needs strokes of at least two classes, but only "
            f"{len(painted)} is painted; paint some background and some vessel"
        )
    normal = np.zeros_like(sums.gram[0])
    right = np.zeros_like(sums.cross[0])
    for number in painted:
        share = 1 / (sums.counts[number] * len(painted))
        normal += share * sums.gram[number]
        right += share * sums.cross[number]
    normal += restraint * everywhere
    normal[np.diag_indices_from(normal)] *= 1 + JITTER
    normal[np.diag_indices_from(normal)] += JITTER
    correction: NDArray[np.float64] = np.linalg.solve(normal, right)
    return correction


def lacking(
    prior: NDArray[np.floating], classes: NDArray[np.integer], margin: float
) -> NDArray[np.float64]:
    """Return what scores lack until each pixel's class leads by the margin.

    Parameters
    ----------
    prior
        Scores ``(N, C)`` of the network.
    classes
        Painted class ``(N,)`` of each pixel.
    margin
        Wanted lead over all other classes.

    Returns
    -------
    NDArray
        ``(N, C)``: half of the lacking score for the class, and minus half for the
        others;
        0 where the lead suffices.
    """
    scores = np.asarray(prior, np.float64)
    rows = np.arange(len(classes))
    lack = np.maximum(0, margin + scores - scores[rows, classes][:, None])
    lack[rows, classes] = 0
    change: NDArray[np.float64] = -lack / 2
    change[rows, classes] = lack.max(axis=1, initial=0) / 2
    return change


def prior_scores(
    probabilities: NDArray[np.floating], classes: int
) -> NDArray[np.float32]:
    """Return the scores of a network for as many classes as are painted.

    Parameters
    ----------
    probabilities
        Probabilities ``(K, H, W)`` of K classes with the background.
    classes
        Number C of classes. Classes unknown to the network get the lowest score; those
        that only the network knows count as background.

    Returns
    -------
    NDArray
        Scores ``(C, H, W)``, bounded by `SUREST` so that every prediction can be
        corrected.
        Two scores differ by the logarithm of their odds.
    """
    known = min(len(probabilities), classes)
    if known < len(probabilities):
        rest = probabilities[known:].sum(axis=0)
        probabilities = probabilities[:known].copy()
        probabilities[0] += rest
    scores = np.full((classes, *probabilities.shape[1:]), -SUREST, np.float32)
    logs = np.log(np.clip(probabilities, 1e-6, 1.0)).astype(np.float32)
    best = np.sort(logs, axis=0)[-2:]  # 0 is halfway between the two likeliest classes
    scores[:known] = np.clip(logs - best.mean(axis=0), -SUREST, SUREST)
    return scores


def prototype_similarity(
    sums: StrokeSums, features: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return the similarity of pixels to the mean of all painted pixels.

    Use it for strokes of a single class, from which no boundary can be learnt.

    Parameters
    ----------
    sums
        Sums over the painted pixels.
    features
        Features ``(F, N)``, of which the first is 1.

    Returns
    -------
    NDArray
        Similarity ``(N,)`` in [0, 1]: the cosine between features without the constant,
        with negative values set to 0.

    Raises
    ------
    LabelError
        If nothing is painted.
    """
    total = sums.gram[:, 0, :].sum(axis=0)
    if total[0] < 0.5:
        raise LabelError("nothing is painted; draw a stroke first")
    prototype = (total[1:] / total[0]).astype(np.float32)
    rest = np.asarray(features[1:], np.float32)
    lengths = np.linalg.norm(rest, axis=0) * np.linalg.norm(prototype)
    alike = (prototype @ rest) / np.maximum(lengths, 1e-12)
    similarity: NDArray[np.float32] = np.clip(alike, 0, 1).astype(np.float32)
    return similarity
