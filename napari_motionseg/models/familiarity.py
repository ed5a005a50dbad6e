"""Tell pictures that a network was trained for from others, such as photographs.

A network gives masks of any picture. How far the means of its features are from those
of its training pictures says whether the masks can be trusted (after Lee et al. 2018,
"A simple unified framework for detecting out-of-distribution samples", with a diagonal
covariance).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.precision import autocast

# Level of the encoder whose features are compared. Of levels 0 to 4, it separated
# angiograms of five sources best from photographs, textures, CT and ultrasound
LEVEL = 2
LEAST_DEVIATION = 1e-3  # of a channel; a smaller one is constant
MOST_DEVIATIONS = 10.0  # more says no more about a channel
LIMIT = 1.65  # strangeness above which masks are not to be trusted


class Encoder(Protocol):
    """Interface of a network whose features are compared, such as `UNet`."""

    def encoder_features(self, frame: Tensor) -> list[Tensor]:
        """Return the features of each level for frames ``(B, 1, H, W)``."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the weights."""


@dataclass(frozen=True)
class Familiarity:
    """Statistics of the features of the pictures that a network was trained on.

    Parameters
    ----------
    mean, deviation
        Mean and standard deviation over pictures of each channel's mean feature.
    limit
        Strangeness above which masks are not to be trusted.

    Raises
    ------
    CheckpointError
        If the numbers do not fit each other.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    limit: float = LIMIT

    def __post_init__(self) -> None:
        numbers = np.asarray([*self.mean, *self.deviation, self.limit], np.float64)
        if len(self.mean) != len(self.deviation) or not np.isfinite(numbers).all():
            raise CheckpointError(
                "the familiar features of a checkpoint must be finite numbers, as many "
                f"means as deviations; got {len(self.mean)} and {len(self.deviation)}"
            )

    @classmethod
    def of_card(cls, provenance: Mapping[str, Any]) -> Familiarity | None:
        """Read the statistics from a model card; None if it has none."""
        told = provenance.get("familiar")
        if told is None:
            return None
        try:
            return cls(tuple(told["mean"]), tuple(told["deviation"]), told["limit"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                "the familiar features of a checkpoint must have mean, deviation and "
                f"limit ({error})"
            ) from error

    def for_card(self) -> dict[str, Any]:
        """Return the statistics as a model card stores them."""
        return asdict(self)

    def strangeness(self, network: Encoder, picture: NDArray[np.floating]) -> float:
        """Return how unlike the training pictures a picture is.

        Parameters
        ----------
        network
            Embedding network to which the statistics belong.
        picture
            Gray values ``(H, W)`` in [0, 1].

        Returns
        -------
        float
            Root of the mean square over channels of the distance to the mean, in
            standard deviations. It is about 1 for training pictures.
        """
        found = mean_features(network, picture)
        away = (found - np.asarray(self.mean)) / np.asarray(self.deviation)
        return float(np.sqrt(np.minimum(away**2, MOST_DEVIATIONS**2).mean()))


def familiarity_of(
    network: Encoder, pictures: Iterable[NDArray[np.floating]]
) -> Familiarity:
    """Return the statistics of pictures that a network was trained on.

    Parameters
    ----------
    network
        Embedding network after its training.
    pictures
        Pictures ``(H, W)`` in [0, 1] like those of the training.
    """
    found = np.stack([mean_features(network, picture) for picture in pictures])
    deviation = np.maximum(found.std(axis=0), LEAST_DEVIATION)
    return Familiarity(tuple(found.mean(axis=0)), tuple(deviation))


def mean_features(
    network: Encoder, picture: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the mean over pixels of each feature of one level of the encoder.

    Parameters
    ----------
    network
        Embedding network.
    picture
        Gray values ``(H, W)`` in [0, 1].

    Returns
    -------
    NDArray
        ``(C,)`` of level `LEVEL`, or of the deepest level of a shallower network.
    """
    device = next(network.parameters()).device
    frame = torch.from_numpy(np.asarray(picture, np.float32))[None, None].to(device)
    with eval_mode(cast(nn.Module, network)), torch.inference_mode(), autocast(device):
        levels = network.encoder_features(frame)
    features = levels[min(LEVEL, len(levels) - 1)].float()
    means: NDArray[np.float64] = features.mean(dim=(0, 2, 3)).cpu().numpy()
    return means.astype(np.float64)
