"""The flow methods that benchmarks compare, each as a function of two pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from cv2 import DISOPTICAL_FLOW_PRESET_MEDIUM, DISOpticalFlow_create
from cv2 import calcOpticalFlowFarneback as farneback
from scipy.ndimage import gaussian_filter
from skimage.registration import optical_flow_tvl1

from napari_motionseg.models.flat_field import flat_field
from napari_motionseg.motion import ESTIMATORS, FlowSettings

PairFlow = Callable[[np.ndarray, np.ndarray], np.ndarray]
FLAT_RANGE = 1.5  # of the flat-fielded logarithm; a vessel's contrast is about 1
NETWORK = "pwcnet"
STILL = "still"


@dataclass(frozen=True)
class Method:
    """A flow method.

    Parameters
    ----------
    title
        What tables call it.
    make
        Gives the function from two pictures ``(H, W)`` float32 in [0, 1] to flow
        ``(2, H, W)`` float32, px; its argument is the network's checkpoint or None.
    """

    title: str
    make: Callable[[Path | None], PairFlow]


def still(weights: Path | None) -> PairFlow:
    """Say that nothing moves: what every method must beat."""
    return lambda first, second: np.zeros((2, *first.shape), np.float32)


def of_package(name: str, weights: Path | None) -> PairFlow:
    """Return an estimator of the package as it is shipped."""
    own = str(weights) if weights and name == NETWORK else None
    estimator = ESTIMATORS.load(name)(FlowSettings(method=name, weights=own))

    def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return estimator.flow(estimator.prepare(first), estimator.prepare(second))

    return flow


def strongest_dis(weights: Path | None) -> PairFlow:
    """Return DIS as it follows vessels best: full resolution, flat-fielded frames."""
    search = DISOpticalFlow_create(DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    search.setVariationalRefinementAlpha(5.0)
    search.setVariationalRefinementIterations(10)

    def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        pictures = in_bytes(flattened(first)), in_bytes(flattened(second))
        return channels_first(search.calc(*pictures, None))

    return flow


def attached_tvl1(weights: Path | None) -> PairFlow:
    """Return TV-L1 held closer to the pictures: attachment 50 after a blur of 1 px."""

    def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        blurred = gaussian_filter(first, 1), gaussian_filter(second, 1)
        rows, columns = optical_flow_tvl1(*blurred, attachment=50)
        return np.stack((columns, rows)).astype(np.float32)

    return flow


def farneback_of(window: int, weights: Path | None) -> PairFlow:
    """Return polynomial expansion with a window of so many px, 5 levels."""

    def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        pictures = in_bytes(first), in_bytes(second)
        found = farneback(*pictures, None, 0.5, 5, window, 10, 7, 1.5, 0)
        return channels_first(found)

    return flow


def flattened(picture: np.ndarray) -> np.ndarray:
    """Return ``(H, W)`` in [0, 1] without its slow background, 0.5 where there's none.

    The package's flat field: the logarithm of frame over blurred frame.
    """
    flat = flat_field(torch.from_numpy(np.ascontiguousarray(picture))[None, None])
    return np.clip(0.5 + flat[0, 0].numpy() / (2 * FLAT_RANGE), 0, 1)


def in_bytes(picture: np.ndarray) -> np.ndarray:
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def channels_first(flow: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(flow, -1, 0), dtype=np.float32)


METHODS = {
    STILL: Method("nothing moves", still),
    NETWORK: Method("PWC-Net", partial(of_package, NETWORK)),
    "dis": Method("DIS, medium", partial(of_package, "dis")),
    "dis-strong": Method("DIS, strongest", strongest_dis),
    "tvl1": Method("TV-L1", partial(of_package, "tvl1")),
    "tvl1-50": Method("TV-L1, attachment 50", attached_tvl1),
    "ilk": Method("ILK", partial(of_package, "ilk")),
    **{
        f"farneback-{window}": Method(
            f"Farneback, window {window}", partial(farneback_of, window)
        )
        for window in (15, 21, 31)
    },
}
CLASSICAL = tuple(name for name in METHODS if name not in (STILL, NETWORK))
