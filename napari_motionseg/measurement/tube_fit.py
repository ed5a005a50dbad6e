"""Fit blurred tubes to the cross-sections of a straightened vessel.

Each cross-section is modelled as a linear background minus the absorbance of a tube of
circular section:

    y(d) = b0 + b1 d - mu p(d - c; r, s)

with the profile p of `tube_profile`. Radius r, offset c, contrast mu and the background
change along the vessel; the blur s is the same for the whole vessel. All are estimated
together by least squares. Prior knowledge is that radius and offset bend gently, and
that contrast, which flows, changes slowly. A lumen that is narrower than the blur looks
like the blur; its area then follows from the contrast of the wider parts beside it, as
in densitometry.

The equations couple a section with its two neighbours on each side, so they are banded
and are solved in a time that grows with the length of the vessel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import solveh_banded

from napari_motionseg.measurement.banded_inverse import diagonal_of_inverse
from napari_motionseg.measurement.straightening import StraightVessel
from napari_motionseg.measurement.tube_profile import (
    Samples,
    tube_profile,
    tube_values,
)

Array = NDArray[np.float64]

LOG_RADIUS, OFFSET, LOG_CONTRAST, LEVEL, SLOPE = range(5)
PARAMETERS = 5
BAND = 2 * PARAMETERS  # second differences reach two sections away
ROUNDS = 25
CONVERGED = 2e-3  # change of a logarithm in a round, in all but a hundredth of sections
ROUGHLY = 2e-2  # the same, of a fit that only prepares another one
LARGEST_STEP = 0.3  # of log radius, log contrast and log blur in one round
PATIENT_AT_FIRST = 16.0  # times the tolerance in the first round, halved in each
DAMPING = 1e-3  # of a step: where no vessel is seen, only bends have a prior
CAUCHY = 2.4  # residuals beyond so many deviations lose weight: branches, crossings
BESIDE_PX = 3.0  # deviation of the weight of background beside the lumen
MAD_TO_SD = 1.4826
SPREAD_OVER_PX = 10.0  # of the vessel, to which one known radius applies


@dataclass(frozen=True)
class TubePrior:
    """Prior knowledge of the shape of vessels; lengths are in widths of a pixel.

    Parameters
    ----------
    radius_bend
        Standard deviation of the second derivative of log r, as white noise along the
        vessel, per px^1.5. Larger values follow shorter lesions and more noise.
    offset_bend
        Standard deviation of the second derivative of the distance between tube and
        centreline, as white noise along the vessel, per px^0.5.
    contrast_drift
        Standard deviation of the change of log contrast over 1 px, as a random walk.
    background_bend
        Standard deviation of the second derivative of the background's level, as share
        of the tube's depth, per px^1.5.
    blur
        Expected standard deviation of the blur.
    blur_spread
        Standard deviation of log s about that.
    radius_spread
        Standard deviation of log r about the radius to start from, over 10 px of the
        vessel, where that radius is known from another frame; None if it is a guess.
        Without it, a section without contrast may grow without limit.
    """

    radius_bend: float = 0.05
    offset_bend: float = 0.05
    contrast_drift: float = 0.03
    background_bend: float = 0.05
    blur: float = 0.9
    blur_spread: float = 0.35
    radius_spread: float | None = None


@dataclass(frozen=True, eq=False)
class TubeFit:
    """A fitted vessel; every array has an entry for each cross-section.

    Parameters
    ----------
    radius, offset
        ``(N,)`` widths of a pixel; the offset points along the normals.
    contrast
        ``(N,)`` gray values that one pixel's width of contrast takes away.
    background
        ``(N, 2)`` level and slope of the gray values beside the tube, at and about the
        line, in gray values and gray values per width of a pixel.
    blur
        Standard deviation of the blur in widths of a pixel.
    noise
        Standard deviation of a pixel's residual in gray values.
    equations
        Lower bands ``(11, 5 N)`` of the last round's equations, for `radius_sd`.
    """

    radius: Array
    offset: Array
    contrast: Array
    background: Array
    blur: float
    noise: float
    equations: Array

    @cached_property
    def radius_sd(self) -> Array:
        """Return the standard deviation ``(N,)`` of `radius`, from noise and prior."""
        variance = diagonal_of_inverse(self.equations)[LOG_RADIUS::PARAMETERS]
        return self.radius * np.sqrt(variance)


def fit_tubes(
    vessel: StraightVessel,
    start: Array,
    prior: TubePrior | None = None,
    *,
    near: bool = False,
    converged: float = CONVERGED,
    blur: float | None = None,
) -> TubeFit:
    """Return the tubes that explain the cross-sections of a vessel best.

    Parameters
    ----------
    vessel
        The straightened vessel, in gray values in which absorbances add up.
    start
        ``(N, 2)`` radius and offset of each section to start from, in widths of a
        pixel; or ``(N, 3)`` with the contrast, in gray values.
    prior
        Prior knowledge of the shape; None for the defaults.
    near
        Whether the start is close to the solution, so that samples with residuals far
        beyond the noise lose weight from the first round on.
    converged
        Change of a logarithm in a round, in all but a hundredth of the sections, below
        which the fit ends.
    blur
        Blur to start from in widths of a pixel; None for that of the prior.
    """
    prior = prior or TubePrior()
    patience = 1.0 if near else PATIENT_AT_FIRST
    state = _State.begin(vessel, start, prior, blur or prior.blur)
    for number in range(ROUNDS):
        # far from the solution, the largest residuals must keep their weight
        tolerance = CAUCHY * max(1.0, patience / 2**number)
        change = state.improve(tolerance)
        if change < converged and tolerance == CAUCHY:
            break
    return state.result()


def fit_linearly(
    vessel: StraightVessel, tubes: Array, blur: float, weight: Array | None = None
) -> Array:
    """Return contrast, level and slope ``(N, 3)`` of sections whose tubes are known.

    Parameters
    ----------
    vessel
        The straightened vessel.
    tubes
        ``(N, 2)`` radius and offset of each section in widths of a pixel; more columns
        are ignored.
    blur
        Standard deviation of the blur in widths of a pixel.
    weight
        ``(N, M)`` weight of each sample; None for those within the picture.
    """
    weight = vessel.inside.astype(float) if weight is None else weight
    # single precision: a sample's noise is thousands of times its rounding
    distance = (vessel.offsets - tubes[:, 1:2]).astype(np.float32)
    shape = tube_values(distance, tubes[:, 0], blur).astype(np.float64)
    straight = np.broadcast_to(vessel.offsets, shape.shape)
    design = np.stack([-shape, np.ones_like(shape), straight], axis=2)
    weighted = (design * weight[..., None]).transpose(0, 2, 1)
    normal = weighted @ design + 1e-9 * np.eye(3)
    right = weighted @ vessel.values[..., None]
    return np.asarray(np.linalg.solve(normal, right)[..., 0], np.float64)


class _State:
    """Parameters of all sections ``(N, 5)`` and the one blur, while they are fitted."""

    def __init__(
        self, vessel: StraightVessel, sections: Array, prior: TubePrior
    ) -> None:
        self.vessel, self.prior = vessel, prior
        self.sections = sections
        self.begun = sections[:, LOG_RADIUS].copy()
        self.log_blur = float(np.log(prior.blur))
        step_across = float(vessel.offsets[1] - vessel.offsets[0])
        # samples closer than a pixel share its noise: each counts by its area
        self.area = min(1.0, step_across) * min(1.0, vessel.line.step)
        self.values = vessel.values.astype(np.float32)
        self.offsets = vessel.offsets.astype(np.float32)
        self.depth = 0.0
        self.noise = 0.0
        self.weight = vessel.inside.astype(float)

    @classmethod
    def begin(
        cls, vessel: StraightVessel, start: Array, prior: TubePrior, blur: float
    ) -> _State:
        """Start from radii and offsets; contrast and background follow linearly."""
        sections = np.zeros((len(start), PARAMETERS))
        sections[:, LOG_RADIUS] = np.log(start[:, 0])
        sections[:, OFFSET] = start[:, 1]
        state = cls(vessel, sections, prior)
        state.log_blur = float(np.log(blur))
        found = fit_linearly(vessel, start, blur, state.weight)
        usual = max(float(np.median(found[:, 0])), 1e-6)
        contrast = np.clip(found[:, 0], usual / 3, usual * 3)
        if start.shape[1] > 2:
            contrast = start[:, 2]
        sections[:, LOG_CONTRAST] = np.log(contrast)
        sections[:, LEVEL], sections[:, SLOPE] = found[:, 1], found[:, 2]
        return state

    def improve(self, tolerance: float) -> float:
        """Take one Gauss-Newton step; return how far logarithms changed.

        Parameters
        ----------
        tolerance
            Deviations of the noise from which a residual loses half of its weight.
        """
        residual, derivatives, by_blur = self._linearised()
        self._weigh(residual, tolerance)
        weight = (self.weight * self.area / self.noise**2).astype(np.float32)
        turned = derivatives.transpose(0, 2, 1)
        blocks = ((turned * weight[:, None]) @ derivatives).astype(np.float64)
        # a section's tube is seen, blurred along the vessel, in its neighbours too
        pulled = self._blurred_along(weight * residual)
        right = (turned @ pulled[..., None])[..., 0].astype(np.float64)
        border = (turned @ (weight * by_blur)[..., None])[..., 0].astype(np.float64)
        corner = float((weight * by_blur**2).sum()) + 1 / self.prior.blur_spread**2
        pull = float((by_blur * pulled).sum())
        pull -= (self.log_blur - np.log(self.prior.blur)) / self.prior.blur_spread**2
        bands, smooth = self._prior_bands()
        right -= smooth
        self._bands = _add_blocks(bands, blocks)
        self._bands[0] += DAMPING
        # the blur borders the banded system: eliminate the sections first
        both = np.stack([right.ravel(), border.ravel()], axis=1)
        solved = solveh_banded(self._bands, both, lower=True)
        schur = corner - border.ravel() @ solved[:, 1]
        blur = (pull - border.ravel() @ solved[:, 0]) / schur
        change = (solved[:, 0] - solved[:, 1] * blur).reshape(-1, PARAMETERS)
        return self._move(change, float(blur))

    def _linearised(self) -> tuple[Samples, Samples, Samples]:
        """Return residuals ``(N, M)``, derivatives ``(N, M, 5)`` and by log blur."""
        # single precision: a sample's noise is thousands of times its rounding
        s, offsets = self.sections, self.offsets
        distance = (offsets - s[:, OFFSET, None]).astype(np.float32)
        contrast = np.exp(s[:, LOG_CONTRAST, None]).astype(np.float32)
        tube = tube_profile(distance, np.exp(s[:, LOG_RADIUS]), np.exp(self.log_blur))
        # the detector blurs along the vessel as it does across
        tubes = self._blurred_along(contrast * tube.value)
        background = s[:, [LEVEL, SLOPE]].astype(np.float32)
        model = background[:, :1] + background[:, 1:] * offsets - tubes
        derivatives = np.empty((*distance.shape, PARAMETERS), np.float32)
        derivatives[..., LOG_RADIUS] = -contrast * tube.by_log_radius
        derivatives[..., OFFSET] = contrast * tube.by_distance
        derivatives[..., LOG_CONTRAST] = -contrast * tube.value
        derivatives[..., LEVEL] = 1
        derivatives[..., SLOPE] = offsets
        self.depth = float(np.median((contrast * tube.value).max(axis=1)))
        return self.values - model, derivatives, -contrast * tube.by_log_blur

    def _blurred_along(self, values: Samples) -> Samples:
        """Blur ``(N, M)`` along the vessel, as the detector does."""
        spread = np.exp(self.log_blur) / self.vessel.line.step
        blurred: Samples = ndimage.gaussian_filter1d(values, spread, axis=0)
        return blurred

    def _weigh(self, residual: Samples, tolerance: float) -> None:
        """Estimate the noise, and take weight from samples far beyond it."""
        known = residual[self.vessel.inside]
        spread = MAD_TO_SD * float(np.median(np.abs(known)))
        self.noise = max(spread, 1e-4 * abs(self.depth), 1e-9)
        share = 1 / (1 + (residual / (tolerance * self.noise)) ** 2)
        # tissue is a straight line over a few pixels alone: what lies farther beside
        # the lumen says nothing about the background behind it
        away = np.abs(self.vessel.offsets - self.sections[:, OFFSET, None])
        lumen = np.exp(self.sections[:, LOG_RADIUS, None]) + 2 * np.exp(self.log_blur)
        beyond = np.maximum(away - lumen, 0) / BESIDE_PX
        self.weight = self.vessel.inside * share * np.exp(-0.5 * beyond**2)

    def _prior_bands(self) -> tuple[Array, Array]:
        """Return the prior's equations as lower bands, and its pull ``(N, 5)``."""
        count, step = len(self.sections), self.vessel.line.step
        # a tube that absorbs less than the noise gives the background no scale
        depth = max(self.depth, self.noise)
        bends = {
            LOG_RADIUS: self.prior.radius_bend,
            OFFSET: self.prior.offset_bend,
            LEVEL: self.prior.background_bend * depth,
            SLOPE: self.prior.background_bend * depth / 4,
        }
        bands = np.zeros((BAND + 1, count * PARAMETERS))
        pull = np.zeros_like(self.sections)
        for which, bend in bends.items():
            precision = 1 / (bend**2 * step**3)
            _add_differences(bands, pull, self.sections, which, (1, -2, 1), precision)
        if self.prior.radius_spread is not None:
            known = step / (self.prior.radius_spread**2 * SPREAD_OVER_PX)
            bands[0, LOG_RADIUS::PARAMETERS] += known
            away = self.sections[:, LOG_RADIUS] - self.begun
            pull[:, LOG_RADIUS] += known * away
        drift = 1 / (self.prior.contrast_drift**2 * step)
        _add_differences(bands, pull, self.sections, LOG_CONTRAST, (-1, 1), drift)
        return bands, pull

    def _move(self, change: Array, blur: float) -> float:
        limits = np.array(
            [LARGEST_STEP, 1.0, LARGEST_STEP, np.inf, np.inf], dtype=np.float64
        )
        self.sections = self.sections + np.clip(change, -limits, limits)
        self.log_blur += float(np.clip(blur, -LARGEST_STEP, LARGEST_STEP))
        logs = np.abs(change[:, [LOG_RADIUS, LOG_CONTRAST]])
        return max(float(np.percentile(logs, 99)), abs(blur))

    def result(self) -> TubeFit:
        """Return the fitted tubes."""
        return TubeFit(
            radius=np.exp(self.sections[:, LOG_RADIUS]),
            offset=self.sections[:, OFFSET].copy(),
            contrast=np.exp(self.sections[:, LOG_CONTRAST]),
            background=self.sections[:, [LEVEL, SLOPE]].copy(),
            blur=float(np.exp(self.log_blur)),
            noise=self.noise,
            equations=self._bands,
        )


def _add_differences(
    bands: Array,
    pull: Array,
    sections: Array,
    which: int,
    kernel: tuple[int, ...],
    precision: float,
) -> None:
    """Add a penalty on differences along the vessel to the equations."""
    count, reach = len(sections), len(kernel)
    if count < reach:
        return
    rows = count - reach + 1
    values = sections[:, which]
    difference = sum(k * values[i : i + rows] for i, k in enumerate(kernel))
    for i, first in enumerate(kernel):
        pull[i : i + rows, which] += precision * first * difference
        for j, second in enumerate(kernel[: i + 1]):
            column = (np.arange(rows) + j) * PARAMETERS + which
            bands[(i - j) * PARAMETERS, column] += precision * first * second


def _add_blocks(bands: Array, blocks: Array) -> Array:
    """Return lower bands with symmetric blocks ``(N, 5, 5)`` on the diagonal added."""
    bands = bands.copy()
    start = np.arange(len(blocks)) * PARAMETERS
    for i in range(PARAMETERS):
        for j in range(i + 1):
            bands[i - j, start + j] += blocks[:, i, j]
    return bands
