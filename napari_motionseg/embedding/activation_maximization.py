"""What a unit likes: the picture that drives a channel of a network highest.

Activation maximisation with the regularisation that keeps pictures legible: small
shifts between steps, and a penalty on total variation (Mahendran et al., ACCV 2018,
figure 5, show such pictures of their units).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.models import SegmentationNet, UNet, UNetConfig, resolve_device
from napari_motionseg.models.eval_mode import eval_mode

LEAST_SPREAD = 1e-6
EMBEDDING = "embedding"  # the last layer; others are levels of the encoder


@dataclass(frozen=True)
class PreferredSettings:
    """Settings of the search for pictures.

    Parameters
    ----------
    size
        Rows and columns of a picture.
    steps, learning_rate
        Of Adam, on the picture's logit.
    variation
        Weight of the mean difference of neighbours, against the activation in units
        of its layer's standard deviation.
    jitter
        Largest shift in px, both ways, drawn anew for each step.
    seed
        Of the first picture and the shifts.

    Raises
    ------
    SettingsError
        If a number is outside its range.
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
    """Return the layers that can be asked, by name, with their number of units."""
    levels = {f"level {i}": config.width * 2**i for i in range(config.depth + 1)}
    return {EMBEDDING: config.embedding_dim, **levels}


def preferred_job(
    model: UNet | SegmentationNet,
    layer: str,
    units: Sequence[int],
    settings: PreferredSettings | None = None,
    device: str = "auto",
) -> Job[NDArray[np.float32]]:
    """Seek the pictures that drive units of a layer highest.

    Parameters
    ----------
    model
        Its weights and mode are left as they are.
    layer
        Of `layers_of`.
    units
        Channels of the layer, each of which gets a picture.
    settings
        How they are sought.
    device
        See `resolve_device`.

    Yields
    ------
    Progress
        After each step, with the mean ``"activation"`` and the pictures as preview.

    Returns
    -------
    NDArray
        ``(N, H, W)`` float32 in [0, 1]; after `STOP`, as they are by then.

    Raises
    ------
    SettingsError
        If there is no such layer or unit.
    """
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
    """Return pictures ``(N, H, W)`` as one, in rows, each from its black to its white.

    Parameters
    ----------
    pictures
        At least one.
    columns
        How many stand side by side; places that are left are black.
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
    picture = logit.sigmoid()
    most = settings.jitter
    by = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
    shifted = picture.roll(by, dims=(2, 3))
    features = _features(network, layer, shifted)
    chosen = features[torch.arange(len(units)), list(units)]
    activation = chosen.mean(dim=(1, 2)).sum()
    # layers differ in scale; the weight of smoothness must mean the same for each
    spread = features.detach().std().clamp(min=LEAST_SPREAD)
    rough = sum(picture.diff(dim=dim).abs().mean(dim=(1, 2, 3)).sum() for dim in (2, 3))
    # the gradient is of the picture alone: weights that gather it would not be as found
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
        raise SettingsError(f"layer {layer!r} is none of {', '.join(layers)}")
    wrong = [unit for unit in units if not 0 <= unit < layers[layer]]
    if wrong or not units:
        raise SettingsError(
            f"{layer} has units 0 to {layers[layer] - 1}; got {wrong or 'none'}"
        )
