"""The embedding of one frame."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import SegmentationNet, UNet, resolve_device


def embed_frame(
    model: UNet | SegmentationNet,
    frame: NDArray[np.floating],
    *,
    device: str = "auto",
) -> NDArray[np.float32]:
    """Compute the embedding of each pixel of a frame.

    Parameters
    ----------
    model
        An embedding network, or a segmentation network whose embedding is taken. It is
        moved to the device and left there, its mode as it was.
    frame
        ``(H, W)`` gray values in [0, 1], as `Cine.normalized` gives them.
    device
        See `resolve_device`.

    Returns
    -------
    NDArray
        ``(D, H, W)`` float32, of no particular length.

    Raises
    ------
    SettingsError
        If the frame has other axes.
    """
    if frame.ndim != 2 or 0 in frame.shape:
        raise SettingsError(f"a frame is (H, W); got shape {frame.shape}")
    network = model.embedding if isinstance(model, SegmentationNet) else model
    place = resolve_device(device)
    network = network.to(place)
    image = torch.from_numpy(np.ascontiguousarray(frame, np.float32)).to(place)
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            embedding = network(image[None, None])[0]
    finally:
        network.train(training)
    result: NDArray[np.float32] = embedding.float().cpu().numpy()
    return result
