"""What napari-convpaint is asked, on a stand-in for it, and itself where it is."""

import sys
from types import ModuleType

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MissingDependencyError
from napari_motionseg.evaluation import methods
from napari_motionseg.evaluation.convpaint import Convpaint, annotated
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import run


class StandIn:
    """Remembers what it is asked; the dark half is its vessel."""

    known = ("vgg16", "gaussian_features", "ilastik_2d")  # what works here
    made: "list[StandIn]" = []

    def __init__(self, fe_name):
        if fe_name not in self.known:
            raise ValueError(f"{fe_name} could not be imported")
        self.name, self.asked = fe_name, {}
        self.made.append(self)

    def set_params(self, **given):
        self.asked |= given

    def train(self, pictures, annotations):
        self.trained = pictures, annotations

    def segment(self, picture):
        return np.where(picture < 0.5, 2, 1).astype(np.uint8)


@pytest.fixture
def stand_in(monkeypatch):
    package, module = (
        ModuleType(name)
        for name in ("napari_convpaint", "napari_convpaint.convpaint_model")
    )
    module.ConvpaintModel = StandIn
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(StandIn, "made", [])
    return StandIn


@pytest.fixture
def examples():
    frames = np.full((2, 20, 30), 200, np.uint8)
    frames[:, :, :15] = 50
    masks = np.zeros(frames.shape, np.uint8)
    masks[:, :, :15] = 1
    cine = Cine.from_array(frames)
    return [(cine, Labels(masks, np.array([True, False]), "dense"))]


def test_it_learns_from_as_many_pixels_as_the_forest(stand_in, examples, monkeypatch):
    monkeypatch.setattr(methods, "PIXELS_A_FRAME", 40)
    predict = run(Convpaint().fit_job(examples, 0))
    (model,) = stand_in.made
    assert model.name == "ilastik_2d"
    assert model.asked == {"normalize": 3}
    (picture,), (annotation,) = model.trained
    np.testing.assert_array_equal(picture, examples[0][0].normalized(0))
    assert np.bincount(annotation.ravel()).tolist() == [600 - 80, 40, 40]
    assert (annotation[:, :15] != 1).all()
    assert (annotation[:, 15:] != 2).all()
    mask = predict(examples[0][0].normalized(1))
    assert mask.dtype == bool
    assert mask[:, :15].all()
    assert not mask[:, 15:].any()


def test_features_are_those_at_hand_or_asked_for(stand_in, examples, monkeypatch):
    run(Convpaint("vgg16").fit_job(examples, 0))
    monkeypatch.setattr(stand_in, "known", ("vgg16", "gaussian_features"))
    run(Convpaint().fit_job(examples, 0))
    assert [model.name for model in stand_in.made] == ["vgg16", "gaussian_features"]


def test_what_is_not_labelled_is_not_told():
    target = np.array([[-1, 0], [1, 2]], np.int16)
    told = annotated(target, np.array([1, 2, 3]))
    assert told.tolist() == [[0, 1], [2, 2]]


def test_without_it_the_user_hears_what_to_install(monkeypatch, examples):
    monkeypatch.setitem(sys.modules, "napari_convpaint", None)
    with pytest.raises(MissingDependencyError, match="pip install napari-convpaint"):
        run(Convpaint().fit_job(examples, 0))


def test_itself_where_it_is_installed(examples):
    pytest.importorskip("napari_convpaint", reason="no dependency of ours")
    predict = run(Convpaint("gaussian_features").fit_job(examples, 0))
    mask = predict(examples[0][0].normalized(1))
    assert mask.shape == (20, 30)
    assert mask[:, :12].all()
    assert not mask[:, 18:].any()
