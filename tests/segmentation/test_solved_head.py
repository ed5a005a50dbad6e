"""The last layer that is solved before training."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from napari_motionseg.cine import Cine
from napari_motionseg.io import Labels
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    read_card,
    save_model,
)
from napari_motionseg.segmentation import FinetuneSettings, finetune
from napari_motionseg.segmentation.examples import gather_frames
from napari_motionseg.segmentation.solved_head import PENALTY, solve_head

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


def a_network(classes):
    """Return a fresh network whose batch norm knows the picture, as if trained."""
    torch.manual_seed(0)
    model = SegmentationNet(TINY, classes)
    picture = torch.from_numpy(a_frame(2)[0].normalized(0))[None, None]
    with torch.no_grad():
        for _ in range(100):
            model(picture)
    return model.eval()


def a_frame(classes, painted=1.0):
    """Return a loop of one frame with stripes, each a class, a part of it painted."""
    generator = np.random.default_rng(0)
    stripes = np.arange(32) * classes // 32
    masks = np.broadcast_to(stripes, (1, 32, 32)).astype(np.uint8).copy()
    frames = (masks / classes + generator.normal(0, 0.1, masks.shape)).clip(0, 1)
    if painted == 1:
        return Cine.from_array(frames), Labels(masks, np.array([True]), "dense")
    strokes = np.where(generator.random(masks.shape) < painted, masks + 1, 0)
    return Cine.from_array(frames), Labels(
        strokes.astype(np.uint8), np.array([True]), "scribbles"
    )


def solved_by_scipy(vectors, targets, classes):
    """Return the logits of the same problem, one softmax channel a class, float64."""
    even = (vectors - vectors.mean(0)) / vectors.std(0).clip(1e-6)
    free = classes - 1 if classes == 2 else classes

    def logits(x):
        weight, bias = x[:-free].reshape(-1, free), x[-free:]
        found = even @ weight + bias
        return np.c_[np.zeros(len(even)), found] if classes == 2 else found

    def loss(x):
        likelihood = log_softmax(logits(x), axis=1)[np.arange(len(even)), targets]
        return -likelihood.mean() + PENALTY * np.square(x[:-free]).sum()

    start = np.zeros((even.shape[1] + 1) * free)
    best = minimize(loss, start, method="L-BFGS-B", options={"maxiter": 2000})
    return logits(best.x), best.fun


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_logistic_regression_of_labelled_pixels(classes):
    model = a_network(classes)
    frames = gather_frames([a_frame(classes)])
    solve_head(model, frames, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        embedding = model.embedding(frames[0].image)[0]
        found = model(frames[0].image)[0].flatten(1).T.double().numpy()
    vectors = embedding.flatten(1).T.double().numpy()
    targets = frames[0].target.flatten().numpy()
    wanted, _ = solved_by_scipy(vectors, targets, classes)
    if classes == 2:
        found = np.c_[np.zeros(len(found)), found]
    probabilities = [np.exp(log_softmax(part, axis=1)) for part in (found, wanted)]
    np.testing.assert_allclose(*probabilities, atol=0.01)


def test_strokes_alone_count_and_the_embedding_stays():
    model = a_network(2)
    before = {n: w.clone() for n, w in model.embedding.state_dict().items()}
    frames = gather_frames([a_frame(2, painted=0.1)])
    solve_head(model, frames, torch.Generator().manual_seed(0))
    for name, weight in model.embedding.state_dict().items():
        torch.testing.assert_close(weight, before[name])
    known = frames[0].target[0] >= 0
    with torch.inference_mode():
        right = (model(frames[0].image)[0, 0] > 0) == (frames[0].target[0] > 0)
    assert right[known].float().mean() > 0.85  # noise in the picture


def test_one_class_alone_leaves_a_finite_layer():
    cine, labels = a_frame(2)
    frames = gather_frames([(cine, labels)])
    only = dataclasses.replace(frames[0], target=torch.zeros_like(frames[0].target))
    model = a_network(2)
    solve_head(model, [only], torch.Generator().manual_seed(0))
    assert all(p.isfinite().all() for p in model.head.parameters())


def test_fine_tuning_begins_with_it_on_an_embedding(tmp_path):
    model, path = a_network(2).embedding, tmp_path / "embedding.safetensors"
    card = ModelCard("embedding", "UNet", dataclasses.asdict(TINY))
    save_model(path, model, card)
    losses = []
    for solved in (False, True):
        settings = FinetuneSettings(steps=1, crop=32, solve_head=solved)
        out = finetune(
            [a_frame(2)], settings, start=path, out=tmp_path / f"{solved}.safetensors"
        )
        losses.append(read_card(out).provenance["training"]["first_loss"])
    assert losses[1] < 0.5 * losses[0]
    assert FinetuneSettings.tuned().solve_head
    assert not FinetuneSettings().solve_head
