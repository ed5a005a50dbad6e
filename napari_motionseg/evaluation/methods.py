"""Define the compared methods: networks from several starts, and classical methods.

The `fit_job` of a method gets labelled frames, and returns a function that maps a frame
``(H, W)`` float32 in [0, 1] to its mask ``(H, W)`` bool.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError, MissingDependencyError
from napari_motionseg.evaluation.fitted import Fitted, Frame, Mask, Predict
from napari_motionseg.evaluation.starts import Start, write_start
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.models import resolve_device
from napari_motionseg.models.class_names import VESSEL
from napari_motionseg.models.flat_field import flat_field
from napari_motionseg.registry import Registry, RegistryEntry
from napari_motionseg.segmentation import FinetuneSettings, finetune_job
from napari_motionseg.segmentation.dataset import gather_frames
from napari_motionseg.segmentation.labelled_classes import LabelledLoop
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.segmentation.predict import load_segmentation
from napari_motionseg.segmentation.predictor import Predictor
from napari_motionseg.segmentation.snapshots import Snapshots

TREES = 100  # the default of scikit-learn
PIXELS_A_FRAME = 20_000  # most pixels of each class; more only cost time
LEAF = 5  # least number of pixels in a leaf of a tree
FEATURE_SIGMAS = (1.0, 16.0)  # px: from thin branches to the main stem
VESSEL_SIGMAS = (3.0, 4.0, 5.0, 6.0)  # px; smaller ones find the edges of bones
THRESHOLDS = 60  # number of thresholds that are tried


class Method(Protocol):
    """Interface of methods that learn masks from labelled frames."""

    @property
    def needs_labels(self) -> bool:
        """Whether the method cannot work without labels."""
        ...

    def fit_job(
        self, examples: Sequence[LabelledLoop], seed: int
    ) -> Job[Predict | Fitted]:
        """Learn from the examples, which are not changed."""
        ...


@dataclasses.dataclass(frozen=True)
class NetworkMethod:
    """The U-Net, fine-tuned from a given start.

    Parameters
    ----------
    start
        The start; a text is parsed by `parse_start`.
    settings
        Settings of fine-tuning, which are the same for every start.
    device
        Name of the device; see `resolve_device`.
    zero_shot
        Whether the start is a segmentation network, which is used as it is if there are
        no examples.
    snapshot_every
        Number of steps between two snapshots that are tested too, to tell the best
        epoch; 0 tests only the result.
    """

    start: Start
    settings: FinetuneSettings
    device: str = "auto"
    zero_shot: bool = False
    snapshot_every: int = 0

    @property
    def needs_labels(self) -> bool:
        """Whether the method cannot work without labels."""
        return not self.zero_shot

    def fit_job(self, examples: Sequence[LabelledLoop], seed: int) -> Job[Fitted]:
        """Fine-tune the start, or use it as it is if there is no example."""
        if not examples:
            if not self.zero_shot:
                raise LabelError(f"{self.start.name}: cannot segment without any label")
            return Fitted(vessel_predictor(self.start.base, self.device))
        settings = self._settings_of(seed)
        with tempfile.TemporaryDirectory() as folder:
            room = Path(folder)
            start = write_start(self.start, settings.network, room, seed)
            every = self.snapshot_every
            snapshots = Snapshots(room, every) if every else None
            out = room / "model.safetensors"
            yield from finetune_job(
                examples, settings, start=start, out=out, snapshots=snapshots
            )
            kept = snapshots.paths() if snapshots is not None else {}
            return Fitted(
                vessel_predictor(out, self.device),
                snapshots={
                    step: vessel_predictor(path, self.device)
                    for step, path in kept.items()
                },
            )

    def _settings_of(self, seed: int) -> FinetuneSettings:
        """Return the settings of a draw."""
        training = dataclasses.replace(
            self.settings.training, seed=seed, device=self.device
        )
        settings = dataclasses.replace(self.settings, training=training)
        if "plain" in self.start.words:
            return dataclasses.replace(settings, whitening_frames=0)
        return settings


def vessel_predictor(checkpoint: str | Path, device: str = "auto") -> Predict:
    """Return a function that segments one frame.

    Parameters
    ----------
    checkpoint
        ``"default"``, or the path of a segmentation checkpoint.
    device
        Name of the device; see `resolve_device`.

    Returns
    -------
    callable
        Maps a frame ``(H, W)`` float32 in [0, 1] to its vessels ``(H, W)`` bool.
    """
    network = load_segmentation(checkpoint)
    predictor = Predictor(network, resolve_device(device), batch=1, catheters=False)

    def predict(frame: Frame) -> Mask:
        """Segment one frame ``(H, W)`` in [0, 1]; return its vessels."""
        found = predictor.probabilities(torch.from_numpy(frame)[None, None])[0]
        likeliest = 1 + found[1:].argmax(dim=0)
        mask: Mask = ((found[0] < 0.5) & (likeliest == VESSEL)).numpy()
        return mask

    return predict


@dataclasses.dataclass(frozen=True)
class RandomForest:
    """A random forest on multi-scale features, as in ilastik.

    Parameters
    ----------
    trees
        Number of trees.

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
            """Segment one frame ``(H, W)`` in [0, 1].

            Return where vessel is more likely.
            """
            columns = forest_features(picture)
            flat = columns.reshape(-1, columns.shape[-1])
            mask: Mask = (forest.predict_proba(flat)[:, 1] >= 0.5).reshape(
                picture.shape
            )
            return mask

        return predict


@dataclasses.dataclass(frozen=True)
class Frangi:
    """The vesselness of Frangi et al. (1998), with the best threshold for the labels.

    It is computed on flat-fielded frames, on which it works better.
    """

    needs_labels: bool = True

    def fit_job(self, examples: Sequence[LabelledLoop], seed: int) -> Job[Predict]:
        """Choose the threshold with the best mean Dice on the labelled frames."""
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
    from skimage.feature import multiscale_basic_features

    low, high = FEATURE_SIGMAS
    features: NDArray[np.float32] = multiscale_basic_features(
        picture, sigma_min=low, sigma_max=high
    ).astype(np.float32)
    return features


def vesselness(picture: Frame) -> NDArray[np.float32]:
    """Return Frangi's measure of dark tubes ``(H, W)`` on the flat-fielded frame."""
    from skimage.filters import frangi

    flat = flat_field(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    found: NDArray[np.float32] = frangi(flat, sigmas=VESSEL_SIGMAS, black_ridges=True)
    return found


def some_pixels(
    target: NDArray[np.int16], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return indices of labelled pixels, at most `PIXELS_A_FRAME` of each class.

    Parameters
    ----------
    target
        Labels ``(H, W)``: 0 is background, foreground counts from 1, -1 is unlabelled.
    rng
        Random generator that chooses among more pixels.
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
            "a random forest on multi-scale features, as in ilastik",
        ),
        "frangi": RegistryEntry(
            "napari_motionseg.evaluation.methods:Frangi",
            "Frangi's vesselness with the best threshold for the labelled frames",
        ),
        "convpaint": RegistryEntry(
            "napari_motionseg.evaluation.convpaint:Convpaint",
            "napari-convpaint with features that need no download, if installed",
        ),
    },
)
