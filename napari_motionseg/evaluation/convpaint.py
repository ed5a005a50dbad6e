"""napari-convpaint as a peer: its features and its classifier, by its Python API.

Of its feature extractors those that download nothing: ilastik's filters where
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
from napari_motionseg.evaluation.methods import Frame, Mask, Predict, some_pixels
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.segmentation.dataset import LabelledLoop, gather_frames

WITHOUT_DOWNLOAD = ("ilastik_2d", "gaussian_features")
UNLABELLED, BACKGROUND, VESSEL = range(3)  # in its annotations
EACH_FRAME = 3  # its way to normalise that needs no other frame
NOT_HERE = (
    "napari-convpaint is not installed here, or lacks a part: pip install "
    "napari-convpaint ilastik-napari, with the torchvision of this torch"
)


@dataclasses.dataclass(frozen=True)
class Convpaint:
    """The classifier of napari-convpaint on features of its own.

    Parameters
    ----------
    features
        Name of one of its feature extractors; "": the first that is at hand of those
        that download nothing.

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
        with redirect_stdout(io.StringIO()):  # a line for each of its trees
            model.train(pictures, annotations)

        def predict(picture: Frame) -> Mask:
            """Segment one frame ``(H, W)`` in [0, 1]."""
            mask: Mask = np.asarray(model.segment(picture)) == VESSEL
            return mask

        return predict


def annotated(target: NDArray[np.int16], pixels: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return labels as napari-convpaint takes them, of some pixels alone.

    Parameters
    ----------
    target
        ``(H, W)``: 0 background, from 1 foreground, -1 unlabelled.
    pixels
        Which labelled ones to tell, as indices of the raveled picture.
    """
    annotation = np.full(target.shape, UNLABELLED, np.uint8)
    told = np.where(target.flat[pixels] > 0, VESSEL, BACKGROUND)
    annotation.flat[pixels] = told
    return annotation


def convpaint_model(features: str) -> Any:
    """Return an untrained model of napari-convpaint with these features."""
    try:
        with warnings.catch_warnings():  # of extractors that are not installed
            warnings.simplefilter("ignore")
            from napari_convpaint.convpaint_model import ConvpaintModel

            model = first_at_hand(ConvpaintModel, features)
    except (ImportError, RuntimeError) as error:  # a torchvision of another torch
        raise MissingDependencyError(NOT_HERE) from error
    model.set_params(normalize=EACH_FRAME)
    return model


def first_at_hand(model: Any, features: str) -> Any:
    """Return its model with these features, or with the first that works here."""
    if features:
        return model(fe_name=features)
    *wanted, last = WITHOUT_DOWNLOAD
    for name in wanted:
        with suppress(ValueError):  # an extractor that is listed may lack a library
            return model(fe_name=name)
    return model(fe_name=last)
