"""PWC-Net behind the estimators' interface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.models import PWCNet, load_pwcnet, resolve_device
from napari_motionseg.models.precision import autocast, place, resolve_precision
from napari_motionseg.models.pwcnet import padded_size, resized
from napari_motionseg.motion.sequence import FlowSettings


@dataclass(frozen=True)
class PreparedFrame:
    """A frame's features, made once, for all pairs and both directions.

    Parameters
    ----------
    features
        Of levels 1 to 6.
    size
        Rows and columns of the frame.
    """

    features: list[Tensor]
    size: tuple[int, int]


class NetworkEstimator:
    """Flow by a PWC-Net.

    Parameters
    ----------
    model
        The network.
    device, dtype
        Where and in what it computes.
    """

    def __init__(self, model: PWCNet, device: torch.device, dtype: torch.dtype) -> None:
        self._model = model.eval()
        self._device = device
        self._dtype = dtype
        place(model, device)

    @torch.inference_mode()
    def prepare(self, frame: NDArray[np.float32]) -> PreparedFrame:
        """Return the features of a frame ``(H, W)`` in [0, 1]."""
        size = (frame.shape[0], frame.shape[1])
        picture = torch.from_numpy(frame)[None, None].to(self._device)
        with autocast(self._device, self._dtype):
            features = self._model.pyramid(resized(picture, padded_size(*size)))
        return PreparedFrame(features, size)

    @torch.inference_mode()
    def flow(self, first: PreparedFrame, second: PreparedFrame) -> NDArray[np.float32]:
        """Return the flow ``(2, H, W)`` float32 in px from `first` to `second`."""
        with autocast(self._device, self._dtype):
            coarse = self._model.decode(first.features, second.features)
        flow = self._model.finish(coarse.float(), first.size)  # type: ignore[union-attr]
        return flow[0].cpu().numpy()


def pwcnet(settings: FlowSettings) -> NetworkEstimator:
    """Return PWC-Net (Sun et al. 2018) with shipped or own weights."""
    device = resolve_device(settings.device)
    dtype = resolve_precision(settings.precision, device)
    return NetworkEstimator(load_pwcnet(settings.weights), device, dtype)
