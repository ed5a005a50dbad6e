"""Judge a start by a linear probe: its weights stay frozen.

Fine-tuning tells what a start is worth, and takes minutes for each draw. A linear
classifier on frozen features takes a second and tells whether the features separate
vessels from the rest at all. It is a first look: a start may probe badly and fine-tune
well.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.errors import LabelError
from napari_motionseg.evaluation.fitted import Fitted, Frame, Mask
from napari_motionseg.evaluation.starts import Start, embedding_of, write_start
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.models import UNet, UNetConfig, resolve_device
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.models.working_size import at_working_size
from napari_motionseg.segmentation.dataset import gather_frames
from napari_motionseg.segmentation.initialization import SCRATCH
from napari_motionseg.segmentation.labelled_classes import LabelledLoop
from napari_motionseg.training.engine.initial_networks import with_seed

RIDGE = 0.01  # penalty, relative to the variance 1 of each feature
THRESHOLDS = 60  # number of thresholds that are tried on the labelled frames
LEAST_DEVIATION = 1e-6  # a feature that varies less is constant


@dataclass(frozen=True)
class LinearProbe:
    """A balanced linear classifier on the frozen features of a start.

    Features are centred and scaled by their mean and deviation over the labelled
    frames. Batch norm uses the statistics of each frame, as fine-tuning does.

    Parameters
    ----------
    start
        Start whose embedding is probed.
    network
        Configuration of a network from scratch.
    device
        Name of the device; see `resolve_device`.
    """

    start: Start
    network: UNetConfig
    device: str = "auto"
    needs_labels: bool = True

    def fit_job(self, examples: Sequence[LabelledLoop], seed: int) -> Job[Fitted]:
        """Fit the classifier to the labelled pixels of some frames."""
        frames = gather_frames(examples)
        if not frames:
            raise LabelError(f"{self.start.name}: a probe needs a labelled frame")
        yield Progress(0, 1, "Fitting a linear probe")
        features = _Features(self._embedding(seed), resolve_device(self.device))
        parts, classes = [], []
        for frame in frames:
            labelled = frame.target[0] >= 0
            parts.append(features.of(frame.image)[:, labelled].T.double().numpy())
            classes.append((frame.target[0][labelled] > 0).numpy())
        seen, truth = np.concatenate(parts), np.concatenate(classes)
        probe = fit_probe(seen, truth)
        threshold = best_threshold(probe(seen), truth)

        last = _LastScores(features, probe)

        def predict(picture: Frame) -> Mask:
            """Segment one frame ``(H, W)`` in [0, 1]."""
            return np.asarray(last.scores(picture) >= threshold)

        return Fitted(predict, last.scores)

    def _embedding(self, seed: int) -> UNet:
        if self.start == Start(SCRATCH):
            return with_seed(lambda: UNet(self.network), seed)
        with tempfile.TemporaryDirectory() as room:
            return embedding_of(write_start(self.start, self.network, Path(room), seed))


class _Features:
    """Features of frames: the embedding of a network whose weights do not change."""

    def __init__(self, network: UNet, device: torch.device) -> None:
        self._network = network.train().to(device)
        self._device = device

    @torch.inference_mode()
    def of(self, image: Tensor) -> Tensor:
        """Return the features ``(D, H, W)`` of a picture ``(1, 1, H, W)``."""
        network, seen = self._network, image.to(self._device)
        return at_working_size(network, network.config, seen)[0].cpu()


class _LastScores:
    """Scores of a frame, kept until another one is asked for.

    Mask and scores of a frame then cost one pass through the network.
    """

    def __init__(self, features: _Features, probe: Probe) -> None:
        self._features = features
        self._probe = probe
        self._frame: Frame | None = None
        self._found: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def scores(self, frame: Frame) -> NDArray[np.float32]:
        """Return the score ``(H, W)`` of each pixel, larger on vessels."""
        if frame is not self._frame:
            found = self._features.of(torch.from_numpy(frame)[None, None])
            weights = torch.from_numpy(self._probe.weights).to(found.dtype)
            offset = float(self._probe.mean @ self._probe.weights)
            scores = torch.einsum("d,dhw->hw", weights, found) - offset
            self._found, self._frame = scores.numpy(), frame
        return self._found


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """A fitted probe: the score of a pixel with features f is (f - mean) w.

    Parameters
    ----------
    mean
        Mean ``(D,)`` of each feature.
    weights
        Weights ``(D,)`` of the features.
    """

    mean: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores ``(N,)`` of features ``(N, D)``."""
        found: NDArray[np.float64] = (features - self.mean) @ self.weights
        return found


def fit_probe(features: NDArray[np.float64], vessel: NDArray[np.bool_]) -> Probe:
    """Fit a ridge regression in which both classes have the same weight.

    Parameters
    ----------
    features
        Features ``(N, D)`` of pixels.
    vessel
        Class ``(N,)`` of each pixel.

    Raises
    ------
    LabelError
        If all pixels belong to one class.
    """
    if vessel.all() or not vessel.any():
        raise LabelError(
            "a linear probe needs labelled pixels of vessels and of background; got "
            f"{int(vessel.sum())} and {int((~vessel).sum())}"
        )
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    scale = np.where(deviation > LEAST_DEVIATION, 1 / np.maximum(deviation, 1e-300), 0)
    moments = np.zeros((features.shape[1],) * 2)
    middle, apart = np.zeros(len(mean)), np.zeros(len(mean))
    for of, sign in ((vessel, 1.0), (~vessel, -1.0)):
        own = (features[of] - mean) * scale
        moments += own.T @ own / (2 * len(own))
        middle += own.mean(axis=0) / 2
        apart += sign * own.mean(axis=0) / 2
    # covariance about the balanced mean; the target is 1 and -1, whose mean is 0
    moments -= np.outer(middle, middle)
    moments[np.diag_indices_from(moments)] += RIDGE
    return Probe(mean, scale * np.linalg.solve(moments, apart))


def best_threshold(scores: NDArray[np.float64], vessel: NDArray[np.bool_]) -> float:
    """Return the threshold with the best Dice.

    Parameters
    ----------
    scores, vessel
        Score and class ``(N,)`` of each pixel.
    """
    tried = np.quantile(scores, np.linspace(0.3, 0.999, THRESHOLDS))
    return float(max(tried, key=lambda t: dice(scores >= t, vessel)))
