"""Methods that are compared: networks from several starts, and classical methods.

A method's `fit_job` gets labelled frames and returns a function from a frame ``(H, W)``
float32 in [0, 1] to its mask ``(H, W)`` bool.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.feature import multiscale_basic_features
from skimage.filters import frangi

from napari_motionseg.errors import LabelError, MissingDependencyError
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.models import resolve_device
from napari_motionseg.models.unet import flat_field
from napari_motionseg.registry import Registry, RegistryEntry
from napari_motionseg.segmentation import FinetuneSettings, finetune_job
from napari_motionseg.segmentation.dataset import LabelledLoop, gather_frames
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.segmentation.predict import Predictor, load_segmentation

Frame = NDArray[np.float32]
Mask = NDArray[np.bool_]
Predict = Callable[[Frame], Mask]

TREES = 100
PIXELS_A_FRAME = 20_000  # of each class at most; more changes nothing but the time
LEAF = 5
FEATURE_SIGMAS = (1.0, 16.0)
VESSEL_SIGMAS = (3.0, 4.0, 5.0, 6.0)  # px; finer ones find edges of bones
THRESHOLDS = 60


class Method(Protocol):
    """Anything that learns masks from labelled frames."""

    @property
    def needs_labels(self) -> bool:
        """Whether it can do nothing without a label."""
        ...

    def fit_job(self, examples: Sequence[LabelledLoop], seed: int) -> Job[Predict]:
        """Learn; none of the examples is changed."""
        ...


@dataclasses.dataclass(frozen=True)
class NetworkMethod:
    """The U-Net, fine-tuned from a start.

    Parameters
    ----------
    start
        ``"scratch"``, ``"default"``, or a checkpoint.
    settings
        How it is fine-tuned; the same for every start.
    device
        See `resolve_device`.
    zero_shot
        Whether the start segments by itself: then without examples it is used as is.
    """

    start: str
    settings: FinetuneSettings
    device: str = "auto"
    zero_shot: bool = False

    @property
    def needs_labels(self) -> bool:
        """Whether it can do nothing without a label."""
        return not self.zero_shot

    def fit_job(self, examples: Sequence[LabelledLoop], seed: int) -> Job[Predict]:
        """Fine-tune, or take the start as it is if there is no example."""
        if not examples:
            if not self.zero_shot:
                raise LabelError(f"{self.start}: segments nothing without a label")
            return self._predictor(self.start)
        training = dataclasses.replace(
            self.settings.training, seed=seed, device=self.device
        )
        settings = dataclasses.replace(self.settings, training=training)
        with tempfile.TemporaryDirectory() as room:
            out = Path(room) / "model.safetensors"
            yield from finetune_job(examples, settings, start=self.start, out=out)
            return self._predictor(out)

    def _predictor(self, checkpoint: str | Path) -> Predict:
        network = load_segmentation(checkpoint)
        predictor = Predictor(network, resolve_device(self.device), batch=1)

        def predict(frame: Frame) -> Mask:
            """Segment one frame ``(H, W)`` in [0, 1]: what is not background."""
            found = predictor.probabilities(torch.from_numpy(frame)[None, None])
            mask: Mask = (found[0, 0] < 0.5).numpy()
            return mask

        return predict


@dataclasses.dataclass(frozen=True)
class RandomForest:
    """A random forest on multi-scale features, what ilastik does.

    Parameters
    ----------
    trees
        How many.

    Raises
    ------
    MissingDependencyError
        When it is fitted, if scikit-learn is not installed.
    """

    trees: int = TREES
    needs_labels: bool = True

    def fit_job(self, examples: Sequence[LabelledLoop], seed: int) -> Job[Predict]:
        """Grow the trees on some pixels of each class and frame."""
        try:
            from sklearn.ensemble import RandomForestClassifier
        except ImportError as error:
            raise MissingDependencyError(
                "the random forest needs scikit-learn: pip install "
                "'napari-motionseg[peers]'"
            ) from error
        rng = np.random.default_rng(seed)
        parts = []
        for frame in gather_frames(examples):
            features = forest_features(frame.image[0, 0].numpy())
            target = frame.target[0].numpy()
            index = some_pixels(target, rng)
            flat = features.reshape(-1, features.shape[-1])
            parts.append((flat[index], target.flat[index] > 0))
        features, classes = (np.concatenate(part) for part in zip(*parts, strict=True))
        forest = RandomForestClassifier(
            self.trees, min_samples_leaf=LEAF, n_jobs=-1, random_state=seed
        )
        yield Progress(0, 1, "Growing trees")
        forest.fit(features, classes)

        def predict(picture: Frame) -> Mask:
            """Segment one frame ``(H, W)`` in [0, 1]: what is likelier vessel."""
            columns = forest_features(picture)
            flat = columns.reshape(-1, columns.shape[-1])
            mask: Mask = (forest.predict_proba(flat)[:, 1] >= 0.5).reshape(
                picture.shape
            )
            return mask

        return predict


@dataclasses.dataclass(frozen=True)
class Frangi:
    """The vesselness of Frangi et al. (1998), at the threshold that suits the labels.

    On flat-fielded frames, where it does better than on frames as they are.
    """

    needs_labels: bool = True

    def fit_job(self, examples: Sequence[LabelledLoop], seed: int) -> Job[Predict]:
        """Take the threshold of the best mean Dice on the labelled frames."""
        frames = gather_frames(examples)
        yield Progress(0, 1, "Choosing a threshold")
        strengths = [vesselness(frame.image[0, 0].numpy()) for frame in frames]
        masks = [frame.target[0].numpy() == 1 for frame in frames]
        levels = np.quantile(np.stack(strengths), np.linspace(0.5, 0.999, THRESHOLDS))
        scores = [
            np.mean([dice(s > level, m) for s, m in zip(strengths, masks, strict=True)])
            for level in levels
        ]
        best = levels[int(np.argmax(scores))]
        return lambda picture: vesselness(picture) > best


def forest_features(picture: Frame) -> NDArray[np.float32]:
    """Return intensity, edges and texture at scales of 1 to 16 px, ``(H, W, F)``."""
    low, high = FEATURE_SIGMAS
    features: NDArray[np.float32] = multiscale_basic_features(
        picture, sigma_min=low, sigma_max=high
    ).astype(np.float32)
    return features


def vesselness(picture: Frame) -> NDArray[np.float32]:
    """Return Frangi's measure of dark tubes ``(H, W)`` on the flat-fielded frame."""
    flat = flat_field(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    found: NDArray[np.float32] = frangi(flat, sigmas=VESSEL_SIGMAS, black_ridges=True)
    return found


def some_pixels(
    target: NDArray[np.int16], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return indices of labelled pixels, `PIXELS_A_FRAME` of each class at most.

    Parameters
    ----------
    target
        ``(H, W)``: 0 background, from 1 foreground, -1 unlabelled.
    rng
        Chooses where there are more.
    """
    chosen = []
    for wanted in (target == 0, target > 0):
        pixels = np.flatnonzero(wanted)
        count = min(len(pixels), PIXELS_A_FRAME)
        chosen.append(rng.choice(pixels, count, replace=False))
    return np.concatenate(chosen)


PEERS: Registry = Registry(
    "peer",
    {
        "random-forest": RegistryEntry(
            "napari_motionseg.evaluation.methods:RandomForest",
            "a random forest on multi-scale features, as ilastik has it",
        ),
        "frangi": RegistryEntry(
            "napari_motionseg.evaluation.methods:Frangi",
            "Frangi's vesselness at its best threshold on the labelled frames",
        ),
        "convpaint": RegistryEntry(
            "napari_motionseg.evaluation.convpaint:Convpaint",
            "napari-convpaint, with features that need no download; if installed",
        ),
    },
)
