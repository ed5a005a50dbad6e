"""Learning to segment from synthetic frames: batches, resume, what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import run
from napari_motionseg.models import SegmentationNet, UNetConfig, load_model, read_card
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.synthesis import Stills, SynthesisConfig
from napari_motionseg.synthesis.camera import CameraConfig
from napari_motionseg.training import TrainingSettings
from napari_motionseg.training.masks import job as module
from napari_motionseg.training.masks.job import (
    still_pool,
    train_masks,
    train_masks_job,
)
from napari_motionseg.training.masks.mask_task import MaskTask, probabilities
from napari_motionseg.training.masks.settings import (
    MaskTrainingSettings,
    varied_angiograms,
)

NETWORK = UNetConfig(width=2, depth=2, embedding_dim=4)


@pytest.fixture
def _cheap_stills(monkeypatch):
    """Bars of random place on gray: dark where the mask is."""

    def bars(count, size, seed, config=None, device="cpu"):
        rng = np.random.default_rng(seed)
        masks = np.zeros((count, size, size), bool)
        for mask in masks:
            at = rng.integers(size - 9)
            mask[:, at : at + 9] = True
        return Stills(
            torch.from_numpy(0.7 - 0.4 * masks).float(), torch.from_numpy(masks)
        )

    monkeypatch.setattr(module, "training_stills", bars)


def settings(steps=3, **others):
    training = TrainingSettings(
        steps=steps, learning_rate=0.02, device="cpu", precision="float32",
        preview_every=2,
    )  # fmt: skip
    small = {
        "batch": 2, "crop": 32, "still_size": 64, "pool_size": 4, "block": 2,
        "held_out": 2, "refresh_every": 2, "network": NETWORK, "training": training,
        "synthesis": None, "camera": None, "zoom": (0.8, 1.6),
    }  # fmt: skip
    return MaskTrainingSettings(**(small | others))


@pytest.mark.usefixtures("_cheap_stills")
def test_pictures_and_masks_are_cut_zoomed_and_turned_together():
    how = settings(batch=16, jitter=0.0)
    pool = still_pool(how)
    task = MaskTask(SegmentationNet(NETWORK), pool, pool.at(0, 0)[0], how)
    pictures, masks = task.batch(0, torch.Generator().manual_seed(0))
    assert pictures.shape == (16, 1, 32, 32)
    np.testing.assert_allclose(pictures[:, 0], 0.7 - 0.4 * masks, atol=2e-3)
    widths = {round(float(mask.sum() / 32), 1) for mask in masks}
    assert len(widths) > 4  # of one width in the frames
    along = {float(mask.std(dim=0).max() > 0.1) for mask in masks}
    assert len(along) == 2  # upright and lying


@pytest.mark.usefixtures("_cheap_stills")
def test_it_learns_and_what_is_written_segments(tmp_path):
    out = tmp_path / "m.safetensors"
    train_masks(settings(steps=60), out=out)
    model, card = load_model(out, kind="segmentation")
    stills = still_pool(settings()).at(0, 0)[0]
    assert dice(probabilities(model, stills.pictures) > 0.5, stills.masks) > 0.8
    assert card.provenance["held_out_dice"] > 0.8


@pytest.mark.usefixtures("_cheap_stills")
def test_a_cut_training_goes_on_to_the_same_weights(tmp_path):
    whole = train_masks(settings(steps=4), out=tmp_path / "whole.safetensors")
    cut = tmp_path / "cut.safetensors"
    job = train_masks_job(settings(steps=4), out=cut)
    for progress in job:
        if progress.metrics and progress.step == 2:
            break
    job.close()
    run(train_masks_job(settings(steps=4), out=cut, resume=True))
    one, other = (load_model(path)[0].state_dict() for path in (whole, cut))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.usefixtures("_cheap_stills")
def test_a_start_is_gone_on_with_and_named_in_the_card(tmp_path):
    first = train_masks(settings(steps=1), out=tmp_path / "a.safetensors")
    second = train_masks(settings(steps=1), out=tmp_path / "b.safetensors", start=first)
    assert read_card(second).provenance["start"]["kind"] == "segmentation"


def test_a_start_of_three_classes_is_refused(tmp_path):
    from napari_motionseg.models import ModelCard, save_model

    model = SegmentationNet(NETWORK, classes=3)
    configuration = {**dataclasses.asdict(NETWORK), "classes": 3}
    path = tmp_path / "three.safetensors"
    card = ModelCard("segmentation", "SegmentationNet", configuration)
    save_model(path, model, card)
    with pytest.raises(SettingsError, match="two classes"):
        train_masks(settings(), out=tmp_path / "o.safetensors", start=path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crop": 40}, "multiple of 16"),
        ({"zoom": (2.0, 1.0)}, "low <= high"),
        ({"zoom": (1.0, 3.0)}, "still_size must be at least"),
        ({"batch": 0}, "batch must be at least 1"),
    ],
)
def test_settings_that_cannot_be(change, words):
    with pytest.raises(SettingsError, match=words):
        settings(**change)


@pytest.mark.usefixtures("_cheap_stills")
def test_frames_are_learnt_as_they_are_whatever_the_octaves(tmp_path):
    both = dataclasses.replace(NETWORK, octaves=2)
    losses, cards = [], []
    for number, network in enumerate((NETWORK, both)):
        how = settings(network=network)
        out = train_masks(how, out=tmp_path / f"{number}.safetensors")
        cards.append(read_card(out))
        losses.append(cards[-1].provenance["training"]["last_losses_mean"])
    assert losses[0] == losses[1]
    assert [card.configuration["octaves"] for card in cards] == [1, 2]


@pytest.mark.usefixtures("_cheap_stills")
def test_windows_are_photographed_and_nothing_outside_the_field_is_a_vessel():
    batches = []
    for camera in (None, CameraConfig(field=1.0, lines=0.0)):
        how = settings(batch=12, jitter=0.0, camera=camera)
        pool = still_pool(how)
        task = MaskTask(SegmentationNet(NETWORK), pool, pool.at(0, 0)[0], how)
        batches.append(task.batch(0, torch.Generator().manual_seed(0)))
    (plain, whole), (taken, seen) = batches
    assert taken.shape == plain.shape
    assert float(taken.min()) >= 0
    assert float(taken.max()) <= 1
    assert float((taken - plain).abs().mean()) > 0.01
    assert bool((seen <= whole).all())
    assert float(seen.sum()) < 0.95 * float(whole.sum())


def test_the_quiet_recipe_is_that_of_version_c60b695():
    quiet = MaskTrainingSettings.recipe("quiet")
    assert quiet.synthesis == varied_angiograms()
    assert quiet.camera is None
    assert quiet.zoom == (0.8, 1.6)


def test_varied_angiograms_hold_all_that_the_preset_does():
    varied, usual = varied_angiograms(), SynthesisConfig.preset("xa-coronary")
    for name in ("tissue", "bones", "silhouettes"):
        low, high = getattr(varied, name)
        assert low <= getattr(usual, name)[0]
        assert high >= getattr(usual, name)[1]
