"""A head in closed form: strokes correct at once what a network makes of a frame.

The scores of a pixel are those that the network gives it plus a linear function of its
features, by ridge regression on what is lacking:

    W = argmin  sum_c mean_{x of class c} |r(x) - W' f(x)|^2  +  a tr(W' E W)

f are the pixel's features and r what its scores lack until its class leads every other
one by the margin: 0 where the network is right already, and such pixels hold the
correction back. E is the mean of f f' over whole frames, so that the penalty is how
much the correction changes the picture: strokes change it where what they say cannot
be said elsewhere. Without strokes it is the network's own answer.

Everything that the fit needs of painted pixels are sums; a stroke adds to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError, SettingsError

# pixels at once: their features in double precision stay in the cache
BLOCK = 16_384
JITTER = 1e-6
SUREST = 4.0  # of a score: odds of 3000 between two classes


@dataclass(frozen=True)
class HeadSettings:
    """Settings of how far strokes may change the prediction of the network.

    Parameters
    ----------
    margin
        Lead of a painted pixel's class over the others; scores are logarithms of odds.
    restraint
        Weight of the penalty on changing the rest of the picture: *a* above.

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
        """Return settings for an embedding without a head, which has no answer yet."""
        return cls(margin=8.0, restraint=0.05)


class StrokeSums:
    """Sums over painted pixels that the fit needs, class by class.

    Parameters
    ----------
    features
        Length of a pixel's features, the first of which is 1.
    classes
        With the background.
    margin
        See `HeadSettings`.

    Attributes
    ----------
    gram
        ``(C, F, F)`` float64: sums of f f'.
    cross
        ``(C, F, C)`` float64: sums of f r'.
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
        """Summed weights ``(C,)`` of the painted pixels of each class."""
        counts: NDArray[np.float64] = self.gram[:, 0, 0]
        return counts

    @property
    def painted(self) -> NDArray[np.intp]:
        """Numbers of the classes of which something is painted."""
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
            ``(N, F)``, the first of each 1.
        classes
            ``(N,)``, 0 = background.
        prior
            ``(N, C)``: the network's scores.
        weights
            ``(N,)``; negative ones take pixels away again. 1 if None.

        Raises
        ------
        LabelError
            If a class is outside what there is, or lengths differ.
        """
        known = len(self.gram)
        if not len(features) == len(classes) == len(prior):
            raise LabelError(
                "features, classes and prior are of one pixel each; got "
                f"{len(features)}, {len(classes)} and {len(prior)}"
            )
        if len(classes) and not 0 <= classes.min() <= classes.max() < known:
            raise LabelError(
                f"classes are 0 to {known - 1}; got {classes.min()} to {classes.max()}"
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
        """Take pixels away that were added before; see `add`."""
        self.add(features, classes, prior, np.full(len(classes), -1.0))


def fit_head(
    sums: StrokeSums, everywhere: NDArray[np.float64], restraint: float
) -> NDArray[np.float64]:
    """Return the correction ``(F, C)``: what the features add to the scores.

    Every painted class weighs the same, however much of it is painted. A class of which
    nothing is painted is not changed by features of its own.

    Parameters
    ----------
    sums
        Of painted pixels.
    everywhere
        ``(F, F)``: mean of f f' over all pixels of the frames.
    restraint
        See `HeadSettings`.

    Raises
    ------
    LabelError
        If less than two classes are painted.
    """
    painted = sums.painted
    if len(painted) < 2:
        raise LabelError(
            "a correction needs strokes of two classes; painted are "
            f"{len(painted)}: paint some background and some vessel"
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
        ``(N, C)`` scores.
    classes
        ``(N,)``: whose lead is wanted.
    margin
        How far it shall lead.

    Returns
    -------
    NDArray
        ``(N, C)``: half of the lack is added to the class, half taken off the others;
        0 where it leads by enough.
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
    """Return a network's scores for as many classes as are painted.

    Parameters
    ----------
    probabilities
        ``(K, H, W)``, K classes with the background.
    classes
        C >= K; what the network does not know has the lowest score.

    Returns
    -------
    NDArray
        ``(C, H, W)``, within `SUREST`, so that no answer is beyond correction; two of
        them differ by the logarithm of their odds.
    """
    known = len(probabilities)
    scores = np.full((classes, *probabilities.shape[1:]), -SUREST, np.float32)
    logs = np.log(np.clip(probabilities, 1e-6, 1.0)).astype(np.float32)
    best = np.sort(logs, axis=0)[-2:]  # halfway between the two likeliest is 0
    scores[:known] = np.clip(logs - best.mean(axis=0), -SUREST, SUREST)
    return scores


def prototype_similarity(
    sums: StrokeSums, features: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return how alike pixels are to the mean of all that is painted.

    For strokes of one class alone, of which no boundary can be learnt.

    Parameters
    ----------
    sums
        Of painted pixels.
    features
        ``(F, N)``, the first of each 1.

    Returns
    -------
    NDArray
        ``(N,)`` in [0, 1]: the cosine between features without the constant, negative
        ones as 0.

    Raises
    ------
    LabelError
        If nothing is painted.
    """
    total = sums.gram[:, 0, :].sum(axis=0)
    if total[0] < 0.5:
        raise LabelError("nothing is painted: draw a stroke")
    prototype = (total[1:] / total[0]).astype(np.float32)
    rest = np.asarray(features[1:], np.float32)
    lengths = np.linalg.norm(rest, axis=0) * np.linalg.norm(prototype)
    alike = (prototype @ rest) / np.maximum(lengths, 1e-12)
    similarity: NDArray[np.float32] = np.clip(alike, 0, 1).astype(np.float32)
    return similarity
