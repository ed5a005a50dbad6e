"""Find the picture that activates a unit of a network most.

Activation maximization with regularization that keeps pictures legible: small shifts
between steps, and a penalty on total variation (Mahendran et al., ACCV 2018, figure 5,
show such pictures of their units).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import STOP, Job, Progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from napari_motionseg.models import SegmentationNet, UNet, UNetConfig

LEAST_SPREAD = 1e-6  # avoids division by 0 on a constant layer
EMBEDDING = "embedding"  # name of the last layer; the others are encoder levels


@dataclass(frozen=True)
class PreferredSettings:
    """Settings of the search for pictures.

    Parameters
    ----------
    size
        Number of rows and columns of a picture.
    steps, learning_rate
        Number of steps and learning rate of Adam, which optimizes the picture's logit.
    variation
        Weight of the mean difference of neighbouring pixels, relative to the activation
        in standard deviations of its layer.
    jitter
        Largest shift in px in both directions, drawn at each step.
    seed
        Seed of the first picture and of the shifts.

    Raises
    ------
    SettingsError
        If a number is out of range.
    """

    size: int = 96
    steps: int = 120
    learning_rate: float = 0.1
    variation: float = 2.0
    jitter: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("size", "steps", "learning_rate"):
            if not getattr(self, name) > 0:
                raise SettingsError(
                    f"{name} must be positive; got {getattr(self, name)}"
                )
        for name in ("variation", "jitter"):
            if not getattr(self, name) >= 0:
                raise SettingsError(
                    f"{name} must not be negative; got {getattr(self, name)}"
                )


def layers_of(config: UNetConfig) -> dict[str, int]:
    """Return the available layers by name, with their number of units."""
    levels = {f"level {i}": config.width * 2**i for i in range(config.depth + 1)}
    return {EMBEDDING: config.embedding_dim, **levels}


def preferred_job(
    model: UNet | SegmentationNet,
    layer: str,
    units: Sequence[int],
    settings: PreferredSettings | None = None,
    device: str = "auto",
) -> Job[NDArray[np.float32]]:
    """Find the pictures that activate units of a layer most.

    Parameters
    ----------
    model
        Network to examine; its weights and mode are not changed.
    layer
        Name of a layer, from `layers_of`.
    units
        Channels of the layer; each gets a picture.
    settings
        Settings of the search; None uses the defaults.
    device
        Name of the device; see `resolve_device`.

    Yields
    ------
    Progress
        After each step, with the mean ``"activation"`` and the pictures as preview.

    Returns
    -------
    NDArray
        Pictures ``(N, H, W)`` float32 in [0, 1]; after `STOP`, their present state.

    Raises
    ------
    SettingsError
        If the layer or a unit does not exist.
    """
    import torch

    from napari_motionseg.models import SegmentationNet, resolve_device
    from napari_motionseg.models.eval_mode import eval_mode

    settings = settings or PreferredSettings()
    network = model.embedding if isinstance(model, SegmentationNet) else model
    _check(network.config, layer, units)
    place = resolve_device(device)
    network = network.to(place)
    generator = torch.Generator().manual_seed(settings.seed)
    start = torch.randn(
        len(units), 1, settings.size, settings.size, generator=generator
    )
    logit = (0.1 * start).to(place).requires_grad_()
    optimizer = torch.optim.Adam([logit], settings.learning_rate)
    with eval_mode(network):
        for step in range(1, settings.steps + 1):
            activation = _step(network, layer, units, logit, settings, generator)
            optimizer.step()
            pictures = logit.detach().sigmoid()[:, 0].cpu().numpy()
            metrics = {"activation": activation}
            message = f"{layer}, {len(units)} units"
            told = Progress(step, settings.steps, message, metrics, pictures)
            if (yield told) == STOP:
                break
    result: NDArray[np.float32] = logit.detach().sigmoid()[:, 0].float().cpu().numpy()
    return result


def gallery(pictures: NDArray[np.floating], columns: int = 4) -> NDArray[np.uint8]:
    """Arrange pictures ``(N, H, W)`` in rows of one picture, each with full contrast.

    Parameters
    ----------
    pictures
        Pictures ``(N, H, W)``, at least one.
    columns
        Number of pictures in a row; empty places are black.
    """
    low = pictures.min(axis=(1, 2), keepdims=True)
    span = pictures.max(axis=(1, 2), keepdims=True) - low
    grays = 255 * (pictures - low) / np.where(span > 0, span, 1)
    count, height, width = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    room = np.zeros((rows * columns, height + 2, width + 2), np.uint8)
    room[:count, 1:-1, 1:-1] = grays
    grid = room.reshape(rows, columns, *room.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(rows * (height + 2), -1))


def _step(
    network: UNet,
    layer: str,
    units: Sequence[int],
    logit: Tensor,
    settings: PreferredSettings,
    generator: torch.Generator,
) -> float:
    """Leave the gradient of a step in `logit`; return the mean activation."""
    import torch

    picture = logit.sigmoid()
    most = settings.jitter
    by = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
    shifted = picture.roll(by, dims=(2, 3))
    features = _features(network, layer, shifted)
    chosen = features[torch.arange(len(units)), list(units)]
    activation = chosen.mean(dim=(1, 2)).sum()
    # layers differ in scale, but the weight of smoothness should mean the same for each
    spread = features.detach().std().clamp(min=LEAST_SPREAD)
    rough = sum(picture.diff(dim=dim).abs().mean(dim=(1, 2, 3)).sum() for dim in (2, 3))
    # the gradient goes only to the picture, so that the network's weights stay
    # unchanged
    (logit.grad,) = torch.autograd.grad(
        settings.variation * rough - activation / spread, logit
    )
    return float(activation.detach()) / len(units)


def _features(network: UNet, layer: str, picture: Tensor) -> Tensor:
    if layer == EMBEDDING:
        embedding: Tensor = network(picture)
        return embedding
    return network.encoder_features(picture)[int(layer.removeprefix("level "))]


def _check(config: UNetConfig, layer: str, units: Sequence[int]) -> None:
    layers = layers_of(config)
    if layer not in layers:
        raise SettingsError(f"layer must be one of {', '.join(layers)}; got {layer!r}")
    wrong = [unit for unit in units if not 0 <= unit < layers[layer]]
    if wrong or not units:
        raise SettingsError(
            f"units of {layer} must be 0 to {layers[layer] - 1}; got {wrong or 'none'}"
        )
