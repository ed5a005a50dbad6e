"""Measure how similarly two pixels move, by the flow kernels of two papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.cross_pixel_values import FLOW_BOUND_PX, LEARNED_SIGMA

FloatArray = NDArray[np.float32]
Field = NDArray[np.floating]


class FlowKernel(Protocol):
    """Interface of functions that compare two flows."""

    def __call__(self, first: Field, second: Field) -> FloatArray:
        """Return the similarity in [0, 1] of two flows ``(2, ...)`` in px."""


@dataclass(frozen=True)
class RelativeKernel:
    """Kernel of equation 6 of Ma et al. (2019), relative to the flow at the anchor.

    Parameters
    ----------
    sigma, epsilon
        Width of the kernel, and term in px^2 that is added to the squared flow.

    Raises
    ------
    SettingsError
        If a value is not positive.
    """

    sigma: float = 0.5
    epsilon: float = 1.0

    def __post_init__(self) -> None:
        _check_positive(sigma=self.sigma, epsilon=self.epsilon)

    def __call__(self, first: Field, second: Field) -> FloatArray:
        """Return the similarity; `first` is f_p, whose length sets the scale."""
        first = first.astype(np.float32, copy=False)
        distance = np.square(second - first).sum(axis=0)
        scale = np.square(first).sum(axis=0) + np.float32(self.epsilon)
        return _gaussian(distance / scale, self.sigma)


@dataclass(frozen=True)
class AbsoluteKernel:
    """Kernel of equations 2 and 6 of Mahendran et al. (ACCV 2018), on the log of flow.

    Parameters
    ----------
    sigma
        Width of the kernel; the default is the final value of the paper's training.
    bound
        Flow in px from which on all flows count as equal.

    Raises
    ------
    SettingsError
        If a value is not positive.
    """

    sigma: float = LEARNED_SIGMA
    bound: float = FLOW_BOUND_PX

    def __post_init__(self) -> None:
        _check_positive(sigma=self.sigma, bound=self.bound)

    def __call__(self, first: Field, second: Field) -> FloatArray:
        """Return the similarity, which does not depend on the order of the flows."""
        distance = np.square(self._scaled(second) - self._scaled(first)).sum(axis=0)
        return _gaussian(distance, self.sigma)

    def _scaled(self, flow: Field) -> FloatArray:
        import torch

        from napari_motionseg.objectives.cross_pixel import log_normalized_flow

        values = torch.from_numpy(np.ascontiguousarray(flow, np.float32))
        scaled: FloatArray = log_normalized_flow(values, bound=self.bound).numpy()
        return scaled


def _gaussian(squares: Field, sigma: float) -> FloatArray:
    return np.asarray(np.exp(squares / np.float32(-2 * sigma**2)), np.float32)


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise SettingsError(f"{name} must be positive; got {value}")


RELATIVE = RelativeKernel()
FLOW_KERNELS: Mapping[str, FlowKernel] = {
    "relative": RELATIVE,
    "absolute": AbsoluteKernel(),
}
