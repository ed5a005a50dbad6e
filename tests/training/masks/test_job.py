"""Learning to segment from synthetic frames: batches, resume, what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.jobs import run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    load_model,
    read_card,
    save_model,
)
from napari_motionseg.models.catheter_net import CatheterNet
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.segmentation import load_segmentation
from napari_motionseg.synthesis import Stills, SynthesisConfig
from napari_motionseg.synthesis.camera import CameraConfig
from napari_motionseg.training import TrainingSettings
from napari_motionseg.training.masks import job as module
from napari_motionseg.training.masks.job import (
    initial_network,
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
        pictures = torch.from_numpy(0.7 - 0.4 * masks).float()
        vessels = torch.from_numpy(masks)
        return Stills(pictures, vessels, torch.zeros_like(vessels))

    monkeypatch.setattr(module, "training_stills", bars)


def settings(steps=3, **others):
    training = TrainingSettings(
        steps=steps, learning_rate=0.02, device="cpu", precision="float32",
        preview_every=2,
    )  # fmt: skip
    small = {
        "batch": 2, "crop": 32, "still_size": 64, "pool_size": 4, "block": 2,
        "held_out": 2, "refresh_every": 2, "network": NETWORK, "training": training,
        "synthesis": (SynthesisConfig.preset("xa-coronary"),), "camera": None,
        "zoom": (0.8, 1.6),
    }  # fmt: skip
    return MaskTrainingSettings(**(small | others))


@pytest.mark.usefixtures("_cheap_stills")
def test_pictures_and_masks_are_cut_zoomed_and_turned_together():
    how = settings(batch=16, jitter=0.0)
    pool = still_pool(how)
    task = MaskTask(SegmentationNet(NETWORK, 3), pool, pool.at(0, 0)[0], how)
    pictures, both = task.batch(0, torch.Generator().manual_seed(0))
    assert pictures.shape == (16, 1, 32, 32)
    assert both.shape == (16, 2, 32, 32)
    assert not both[:, 1].any()
    masks = both[:, 0]
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
    found = probabilities(model, stills.pictures)
    assert dice(found[:, 1] > 0.5, stills.masks) > 0.8
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


@pytest.mark.usefixtures("_cheap_stills")
def test_the_result_keeps_a_share_of_its_start(tmp_path):
    start = start_of(3, tmp_path)
    new, mixed = (
        train_masks(settings(kept=k), out=tmp_path / f"{k}.safetensors", start=start)
        for k in (0.0, 0.75)
    )
    before, new, mixed = (load_model(p)[0].head.weight for p in (start, new, mixed))
    assert (new - before).abs().max() > 0.01
    expected = 0.75 * before + 0.25 * new
    torch.testing.assert_close(mixed, expected, atol=2e-3, rtol=0)  # stored in float16


def test_a_share_is_kept_of_a_start_only(tmp_path):
    with pytest.raises(SettingsError, match="no start to keep"):
        initial_network(None, settings(kept=0.5))
    with pytest.raises(SettingsError, match="kept must be 0 to 1"):
        settings(kept=1.5)


def start_of(classes, folder):
    """Write a network of that many classes, and return its path."""
    model = SegmentationNet(NETWORK, classes=classes)
    configuration = {**dataclasses.asdict(NETWORK), "classes": classes}
    path = folder / f"{classes}.safetensors"
    save_model(path, model, ModelCard("segmentation", "SegmentationNet", configuration))
    return path


def test_a_network_that_knows_vessels_alone_learns_the_catheter(tmp_path):
    before, _ = initial_network(start_of(2, tmp_path), settings())
    assert before.classes == 3
    picture = torch.rand(1, 1, 32, 32)
    two, _ = load_model(tmp_path / "2.safetensors")
    with eval_mode(before), eval_mode(two), torch.inference_mode():
        grown, plain = before.probabilities(picture), two.probabilities(picture)
    # a class that is rare everywhere hardly changes the share of the others
    torch.testing.assert_close(grown[:, 1], plain[:, 1], atol=0.05, rtol=0)
    assert float(grown[:, 2].max()) < 0.1
    same, _ = initial_network(start_of(3, tmp_path), settings())
    assert same.classes == 3


def test_a_start_of_four_classes_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="4 classes"):
        initial_network(start_of(4, tmp_path), settings())


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
        task = MaskTask(SegmentationNet(NETWORK, 3), pool, pool.at(0, 0)[0], how)
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
    assert quiet.synthesis == (varied_angiograms(),)
    assert quiet.camera is None
    assert quiet.zoom == (0.8, 1.6)


def test_the_coronary_recipe_differs_from_the_default_in_the_vessels_alone():
    coronary, usual = MaskTrainingSettings.recipe("coronary"), MaskTrainingSettings()
    assert coronary == dataclasses.replace(usual, synthesis=coronary.synthesis)
    (segments,), (generic,) = coronary.synthesis, usual.synthesis
    assert segments.anatomy == "coronary"
    assert generic.anatomy == "generic"
    vessels = [
        "anatomy",
        "heart_size",
        "vessel_size",
        "tortuosity",
        "corkscrews",
        "taper",
        "side_branches",
    ]
    own = {name: getattr(generic, name) for name in vessels}
    assert segments.changed(**own) == generic


def test_the_mixed_recipe_has_the_angiograms_of_both():
    mixed = MaskTrainingSettings.recipe("mixed")
    both = [MaskTrainingSettings.recipe(name) for name in ("cameras", "coronary")]
    assert mixed.synthesis == both[0].synthesis + both[1].synthesis


@pytest.mark.parametrize(("count", "shares"), [(4, (2, 2)), (3, (1, 2)), (1, (0, 1))])
def test_each_kind_of_angiograms_makes_an_equal_share(monkeypatch, count, shares):
    asked = {}

    def dots(count, size, seed, config=None, device="cpu"):
        asked[config.anatomy] = (count, seed)
        masks = torch.zeros((count, size, size), dtype=torch.bool)
        return Stills(masks.float(), masks, masks)

    monkeypatch.setattr(module, "training_stills", dots)
    mixed = settings(
        block=count,
        held_out=count,
        synthesis=MaskTrainingSettings.recipe("mixed").synthesis,
    )
    stills = still_pool(mixed).at(0, 0)[0]
    assert len(stills.pictures) == count
    assert tuple(asked.get(name, (0,))[0] for name in ("generic", "coronary")) == shares
    assert len({seed for _, seed in asked.values()}) == len(asked)


@pytest.mark.usefixtures("_cheap_stills")
def test_a_block_of_several_kinds_is_made_within_autocast():
    mixed = settings(synthesis=MaskTrainingSettings.recipe("mixed").synthesis)
    with torch.autocast("cpu", torch.bfloat16):
        stills = still_pool(mixed).at(0, 0)[0]
    assert stills.pictures.dtype == torch.half


@pytest.mark.usefixtures("_cheap_stills")
def test_a_taught_network_says_who_taught_it_and_marks_what_its_teacher_does(tmp_path):
    blind = SegmentationNet(NETWORK, 2)
    with torch.no_grad():
        blind.head.weight.zero_()
        blind.head.bias.fill_(-20.0)
    configuration = {**dataclasses.asdict(NETWORK), "classes": 2}
    path = tmp_path / "blind.safetensors"
    save_model(
        path, blind, ModelCard("segmentation", "SegmentationNet", configuration, {})
    )
    out = train_masks(
        settings(steps=60, teacher_share=1.0), out=tmp_path / "m.safetensors",
        teacher=path,
    )  # fmt: skip
    model, card = load_model(out, kind="segmentation")
    assert card.provenance["teacher"]["share"] == 1.0
    found = probabilities(model, still_pool(settings()).at(0, 0)[0].pictures)
    assert float((found[:, 1] > 0.5).float().mean()) < 0.01


@pytest.mark.parametrize("name", ["kept", "teacher_share"])
def test_shares_out_of_range_are_refused(name):
    with pytest.raises(SettingsError, match=name):
        settings(**{name: 1.5})


def test_settings_without_angiograms_are_refused():
    with pytest.raises(SettingsError, match="at least one kind"):
        settings(synthesis=())


def test_varied_angiograms_hold_all_that_the_preset_does():
    varied, usual = varied_angiograms(), SynthesisConfig.preset("xa-coronary")
    for name in ("tissue", "bones", "silhouettes"):
        low, high = getattr(varied, name)
        assert low <= getattr(usual, name)[0]
        assert high >= getattr(usual, name)[1]


@pytest.mark.usefixtures("_cheap_stills")
def test_a_network_of_catheters_starts_from_one_of_vessels_at_its_own_size(tmp_path):
    vessels = dataclasses.replace(NETWORK, octaves=2, least_side=48, largest_side=60)
    start = tmp_path / "vessels.safetensors"
    shape = {**dataclasses.asdict(vessels), "classes": 2}
    torch.manual_seed(0)
    model = SegmentationNet(vessels, 2)
    save_model(start, model, ModelCard("segmentation", "SegmentationNet", shape, {}))
    small = dataclasses.replace(NETWORK, least_side=32, largest_side=32)
    how = settings(steps=1, finds="catheters", network=small, zoom=(1.5, 2.0))
    begun, _ = initial_network(start, how)
    assert begun.embedding.config == small
    for name, value in model.embedding.state_dict().items():
        assert torch.equal(begun.embedding.state_dict()[name], value), name
    out = train_masks(how, start=start, out=tmp_path / "catheters.safetensors")
    card = read_card(out)
    assert card.kind == "catheters"
    assert card.configuration["largest_side"] == 32
    beside = CatheterNet.of_card({"catheters": str(out)})
    assert beside.probability(torch.rand(1, 1, 64, 64)).shape == (1, 64, 64)
    with pytest.raises(CheckpointError, match="kind 'catheters'"):
        load_segmentation(out)


def test_the_recipe_of_catheters_shows_whole_pictures_in_its_windows():
    how = MaskTrainingSettings.recipe("catheters")
    assert how.finds == "catheters"
    assert how.crop == how.network.largest_side == how.network.least_side
    assert how.crop * how.zoom[1] == how.still_size
    with pytest.raises(SettingsError, match="finds"):
        dataclasses.replace(how, finds="catheter")
