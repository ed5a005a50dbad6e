"""Pretraining from synthetic pairs: exact flow, its control, and exact resume."""

import contextlib
import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import UNet, UNetConfig, load_model
from napari_motionseg.motion import FlowSettings
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.loop import TrainingSettings
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.pretrain import pair_data
from napari_motionseg.training.pretrain.job import Learner, pretrain, pretrain_job
from napari_motionseg.training.pretrain.pair_data import (
    MovingPairs,
    PairSettings,
    make_pairs,
    pair_pool,
)
from napari_motionseg.training.pretrain.pair_task import PairTask
from napari_motionseg.training.pretrain.settings import BOTH, PretrainSettings
from napari_motionseg.training.pretrain.stored_settings import stored_settings

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)
SIDE = 64


def numbered_pairs(count, seed):
    """Make pairs whose pictures and flow both hold the number of the pair."""
    numbers = (torch.arange(count) + 1 + seed % 1000).float()
    grid = numbers[:, None, None, None].expand(count, 2, SIDE, SIDE)
    return MovingPairs((grid / 2048).half(), grid.half())


def settings(steps=3, **others):
    training = TrainingSettings(
        steps=steps, device="cpu", precision="float32", preview_every=2
    )
    given = {"batch": 2, "crop": 32, "points": 20, "network": TINY} | others
    pairs = given.pop("pairs", PairSettings(SIDE, 2, 2, varied=False))
    return PretrainSettings(steps=steps, pairs=pairs, training=training, **given)


def numbered_task(**others):
    how = settings(jitter=0.0, **others)
    pool = ExamplePool(numbered_pairs, blocks=4, block=8, refresh_every=0, seed=0)
    return PairTask(Learner(UNet(TINY), how.make_objective()), pool, how, SIDE)


def test_a_picture_has_its_own_flow_and_in_the_control_that_of_another():
    for shuffled in (False, True):
        task = numbered_task(batch=32, shuffled=shuffled, mirror=False)
        pictures, later, flow = task.batch(0, step_generator(0, 0))
        assert pictures.shape == later.shape == (32, 1, 32, 32)
        assert flow.shape == (32, 2, 32, 32)
        own = (pictures[:, 0, 0, 0] * 2048 - flow[:, 0, 0, 0]).abs() < 0.5
        assert bool(own.all()) is not shuffled
    assert float(own.float().mean()) < 0.3


def test_a_mirrored_picture_has_a_mirrored_flow():
    task = numbered_task(batch=32)
    _, _, flow = task.batch(0, step_generator(0, 0))
    x, y = flow[:, 0, 0, 0], flow[:, 1, 0, 0]
    assert bool((y > 0).all())
    assert bool((x.abs() == y).all())
    assert 4 < int((x < 0).sum()) < 28


def sloped_pairs(count, seed):
    """Make pairs of tilted planes; the second one has moved by a vector of its own."""
    draws = np.random.default_rng(seed)
    tilt = draws.uniform(-0.003, 0.003, (count, 2, 1, 1))
    vectors = draws.uniform(-8, 8, (count, 2, 1, 1))
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    first = 0.5 + tilt[:, :1] * columns + tilt[:, 1:] * rows
    second = first - (tilt * vectors).sum(axis=1, keepdims=True)
    pictures = torch.from_numpy(np.concatenate((first, second), axis=1))
    flow = torch.from_numpy(vectors).expand(count, 2, SIDE, SIDE)
    return MovingPairs(pictures.float(), flow.float())


def test_flow_leads_to_the_second_picture_after_zooming_turning_and_mirroring():
    how = settings(batch=64, jitter=0.0, zoom=(0.5, 2.0))
    pool = ExamplePool(sloped_pairs, blocks=2, block=8, refresh_every=0, seed=0)
    task = PairTask(Learner(UNet(TINY), how.make_objective()), pool, how, SIDE)
    first, second, flow = task.batch(0, step_generator(0, 0))
    assert flow.shape == (64, 2, 32, 32)
    along_x = (second[..., 16, 20] - second[..., 16, 12]) / 8
    along_y = (second[..., 20, 16] - second[..., 12, 16]) / 8
    x, y = flow[:, :1, 16, 16], flow[:, 1:, 16, 16]
    reached = second[..., 16, 16] + along_x * x + along_y * y
    torch.testing.assert_close(reached, first[..., 16, 16], atol=5e-4, rtol=0)
    drawn = [task._draw(step_generator(0, n)) for n in range(64)]
    assert {window.place.pose.quarters for window in drawn} == {0, 1, 2, 3}
    sides = [w.place.rows.stop - w.place.rows.start for w in drawn]
    assert 16 <= min(sides) < 20
    assert 54 < max(sides) <= 64


def test_cards_from_before_tell_that_their_pairs_were_not_varied(tmp_path):
    how = settings(1)
    out = pretrain([], how, out=tmp_path / "e.safetensors")
    card = load_model(out)[1]
    assert stored_settings(card, out)[0].pairs == how.pairs
    del card.provenance["pretraining"]["pairs"]["varied"]
    assert stored_settings(card, out)[0].pairs == how.pairs


def test_pairs_have_exact_flow_or_an_estimated_one():
    how = PairSettings(size=SIDE)
    exact = make_pairs(how, FlowSettings(), 2, 5)
    again = make_pairs(how, FlowSettings(), 2, 5)
    assert all(torch.equal(a, b) for a, b in zip(exact, again, strict=True))
    estimated = dataclasses.replace(how, estimated=True)
    found = make_pairs(estimated, FlowSettings(method="ilk"), 2, 5)
    assert torch.equal(found.pictures, exact.pictures)
    assert found.flow.shape == exact.flow.shape
    assert not torch.equal(found.flow, exact.flow)


def test_pairs_show_generic_vessels_unless_coronary_ones_are_asked_for():
    usual = make_pairs(PairSettings(size=SIDE), FlowSettings(), 2, 5)
    generic = PairSettings(size=SIDE, anatomy="generic")
    same = make_pairs(generic, FlowSettings(), 2, 5)
    assert torch.equal(usual.pictures, same.pictures)
    coronary = PairSettings(size=SIDE, anatomy="coronary")
    other = make_pairs(coronary, FlowSettings(), 2, 5)
    assert not torch.equal(usual.pictures, other.pictures)
    assert bool(torch.isfinite(other.flow).all())
    renal = make_pairs(PairSettings(size=SIDE, anatomy="renal"), FlowSettings(), 2, 5)
    assert not torch.equal(renal.pictures, other.pictures)
    assert bool(torch.isfinite(renal.flow).all())
    assert PretrainSettings.recipe("exact").pairs == PairSettings()


def test_an_estimator_that_gives_no_numbers_is_named(monkeypatch):
    class Broken:
        """An estimator whose flow is not finite."""

        def prepare(self, frame):
            return frame

        def flow(self, first, second):
            return np.full((2, *first.shape), np.nan, np.float32)

    monkeypatch.setattr(
        pair_data.ESTIMATORS, "load", lambda _: lambda settings: Broken()
    )
    how = PairSettings(size=SIDE, estimated=True)
    with pytest.raises(SettingsError, match="flow method 'tvl1' gave vectors"):
        make_pairs(how, FlowSettings(method="tvl1"), 1, 0)


def stopped(job):
    """Ask a job to stop until it ends."""
    with contextlib.suppress(StopIteration):
        while True:
            job.send(STOP)


def test_a_resumed_training_gives_the_same_weights(tmp_path):
    how = settings(4, pairs=PairSettings(size=SIDE, pool=4, block=2, refresh_every=1))
    whole = pretrain([], how, out=tmp_path / "whole.safetensors")
    cut = tmp_path / "cut.safetensors"
    job = pretrain_job([], how, out=cut)
    while next(job).metrics.get("loss") is None:
        pass
    stopped(job)
    run(pretrain_job([], how, out=cut, resume=True))
    (one, card), (other, _) = load_model(whole), load_model(cut)
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name]), name
    assert "shuffled_explained" in card.provenance["explained"]
    facts = card.provenance["pretraining"]
    assert facts["pairs"]["size"] == SIDE
    assert facts["loops"] == []
    assert facts["flow_weights_sha256"] is None  # exact flow needs no network


def test_loops_and_pairs_are_learnt_from_in_the_same_way():
    exact, loops = (PretrainSettings.recipe(name) for name in ("exact", "loops"))
    assert exact.objective == dict(BOTH)
    assert exact.pairs is not None
    assert not exact.pairs.estimated
    assert len(pair_pool(exact.pairs, exact.flow, 0)) == exact.pairs.pool
    assert loops == dataclasses.replace(exact, pairs=None)
    # pictures are seen at the size of the pairs
    assert loops.network.largest_side == exact.pairs.size


def test_loops_beside_pairs_are_refused(tmp_path):
    cine = Cine.from_array(np.zeros((3, 64, 64), np.uint8))
    with pytest.raises(SettingsError, match="takes no loops; got 1"):
        pretrain([cine], settings(), out=tmp_path / "e.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size": 32}, "size must be at least 64; got 32"),
        ({"pool": 0}, "pool must be at least 1"),
        ({"refresh_every": -1}, "refresh_every must be at least 0"),
        ({"anatomy": "coronry"}, "coronary"),
    ],
)
def test_settings_of_pairs_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        PairSettings(**wrong)


@pytest.mark.parametrize("zoom", [(0.0, 1.0), (2.0, 1.0)])
def test_the_zoom_must_rise_from_above_0(zoom):
    with pytest.raises(SettingsError, match="zoom must be two rising positive values"):
        PretrainSettings(zoom=zoom)
