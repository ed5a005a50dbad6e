"""Use napari-convpaint as a peer method, through its Python API.

Only feature extractors that need no download are used: ilastik's filters if
``ilastik-napari`` is installed, else a Gaussian.
"""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MissingDependencyError
from napari_motionseg.evaluation.fitted import Frame, Mask, Predict
from napari_motionseg.evaluation.methods import some_pixels
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.segmentation.dataset import gather_frames
from napari_motionseg.segmentation.labelled_classes import LabelledLoop

WITHOUT_DOWNLOAD = ("ilastik_2d", "gaussian_features")
UNLABELLED, BACKGROUND, VESSEL = range(3)  # class numbers in its annotations
EACH_FRAME = 3  # number of its normalization that uses single frames
NOT_HERE = (
    "napari-convpaint or a part of it is not installed: pip install "
    "napari-convpaint ilastik-napari, with a torchvision that fits this torch"
)


@dataclasses.dataclass(frozen=True)
class Convpaint:
    """Peer method: the classifier of napari-convpaint on its own features.

    Parameters
    ----------
    features
        Name of one of its feature extractors; "" uses the first available one that
        needs no download.

    Raises
    ------
    MissingDependencyError
        When it is fitted, if napari-convpaint is not installed.
    """

    features: str = ""
    needs_labels: bool = True

    def fit_job(self, examples: Sequence[LabelledLoop], seed: int) -> Job[Predict]:
        """Train its classifier on as many pixels as the random forest gets."""
        model = convpaint_model(self.features)
        rng = np.random.default_rng(seed)
        pictures, annotations = [], []
        for frame in gather_frames(examples):
            target = frame.target[0].numpy()
            pictures.append(frame.image[0, 0].numpy())
            annotations.append(annotated(target, some_pixels(target, rng)))
        yield Progress(0, 1, "Training napari-convpaint's classifier")
        with redirect_stdout(io.StringIO()):  # it prints a line for each tree
            model.train(pictures, annotations)

        def predict(picture: Frame) -> Mask:
            """Segment one frame ``(H, W)`` in [0, 1]; return its mask."""
            mask: Mask = np.asarray(model.segment(picture)) == VESSEL
            return mask

        return predict


def annotated(target: NDArray[np.int16], pixels: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Convert the labels of some pixels to annotations of napari-convpaint.

    Parameters
    ----------
    target
        Labels ``(H, W)``: 0 is background, foreground counts from 1, -1 is unlabelled.
    pixels
        Labelled pixels to use, as indices of the flattened picture.
    """
    annotation = np.full(target.shape, UNLABELLED, np.uint8)
    told = np.where(target.flat[pixels] > 0, VESSEL, BACKGROUND)
    annotation.flat[pixels] = told
    return annotation


def convpaint_model(features: str) -> Any:
    """Return an untrained model of napari-convpaint with these features."""
    try:
        with warnings.catch_warnings():  # about extractors that are not installed
            warnings.simplefilter("ignore")
            from napari_convpaint.convpaint_model import ConvpaintModel

            model = first_at_hand(ConvpaintModel, features)
    except (ImportError, RuntimeError) as error:  # also a torchvision of another torch
        raise MissingDependencyError(NOT_HERE) from error
    model.set_params(normalize=EACH_FRAME)
    return model


def first_at_hand(model: Any, features: str) -> Any:
    """Return its model with these features, or with the first ones available."""
    if features:
        return model(fe_name=features)
    *wanted, last = WITHOUT_DOWNLOAD
    for name in wanted:
        with suppress(ValueError):  # a listed extractor may lack a library
            return model(fe_name=name)
    return model(fe_name=last)
