from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import (
    ModelCard,
    UNetConfig,
    load_model,
    save_model,
)
from napari_motionseg.models.flow_bins import centres_of_bins, expected_flow
from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.light_propagation_config import LightPropagationConfig

TINY = LightPropagationConfig(
    width=6, fine=4, rounds=2, bins=5, limit=10.0, encoder=UNetConfig(width=2)
)

# number of the guidance, row, column, motion along x and y
POINTS = ((0, 5, 6, 3, 0), (1, 30, 50, 0, -4), (2, 9, 9, 0, 0), (3, 1, 2, 1, 1))


@pytest.fixture
def model() -> LightPropagationNet:
    torch.manual_seed(0)
    network = LightPropagationNet(TINY)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def guidance(
    *points: tuple[int, int, int, float, float], size=(40, 56)
) -> torch.Tensor:
    count = 1 + max(number for number, *_ in points)
    sparse = torch.zeros((count, 3, *size))
    for number, row, column, x, y in points:
        sparse[number, :, row, column] = torch.tensor([x, y, 1.0])
    return sparse


@pytest.mark.parametrize("size", [(40, 56), (17, 33), (16, 16)])
@torch.inference_mode()
def test_logits_have_the_size_of_the_frame(model, size) -> None:
    logits = model(torch.rand(2, 1, *size), torch.zeros(2, 3, *size))
    assert logits.shape == (2, 2, 5, *size)
    assert torch.isfinite(logits).all()


@torch.inference_mode()
def test_chosen_pixels_and_quick_flow_equal_all_logits(model) -> None:
    frames = model.encode(torch.rand(2, 1, 40, 56))
    sparse = guidance(
        (0, 5, 6, 3, 0), (1, 30, 50, 0, -4), (2, 9, 9, 0, 0), (3, 1, 2, 1, 1)
    )
    logits = model.propagate(frames, sparse)
    at = torch.randint(40 * 56, (4, 33))
    chosen = model.propagate(frames, sparse, at)
    expected = logits.flatten(3).gather(3, at[:, None, None].expand(-1, 2, 5, -1))
    torch.testing.assert_close(chosen, expected, atol=1e-5, rtol=1e-4)
    flow = model.flow(frames, sparse)
    # classes have a least chance, which pulls their mean towards zero
    torch.testing.assert_close(flow, expected_flow(logits, 10.0), atol=5e-3, rtol=5e-3)


@torch.inference_mode()
def test_several_guidances_share_the_frame_that_they_belong_to(model) -> None:
    pictures = torch.rand(2, 1, 40, 56)
    sparse = guidance(
        (0, 5, 6, 3, 0), (1, 30, 50, 0, -4), (2, 9, 9, 2, 0), (3, 1, 2, 1, 1)
    )
    together = model.flow(model.encode(pictures), sparse)
    for number in range(4):
        alone = model.encode(pictures[number // 2][None])
        torch.testing.assert_close(
            together[number], model.flow(alone, sparse[number][None])[0]
        )


@torch.inference_mode()
def test_a_still_point_is_not_the_same_as_no_point(model) -> None:
    frames = model.encode(torch.rand(1, 1, 40, 56))
    moved = model.flow(frames, guidance((0, 20, 20, 5, 0)))
    still = model.flow(frames, guidance((0, 20, 20, 5, 0), (0, 30, 40, 0, 0)))
    assert (still - moved).abs().max() > 1e-3
    # the still point claims the pixels around it
    assert still[0, 0, 30, 40] < moved[0, 0, 30, 40]
    assert not model.flow(frames, guidance((0, 30, 40, 0, 0))).any()


@torch.inference_mode()
def test_guidance_reaches_along_a_vessel(model) -> None:
    frames = model.encode(torch.rand(1, 1, 64, 256))
    one = model.flow(frames, guidance((0, 30, 8, 9, 0), size=(64, 256)))
    none = model.flow(frames, torch.zeros(1, 3, 64, 256))
    changed = (one - none).abs().sum(dim=1)[0] > 0
    # two rounds of nets with strides up to 4 cells reach 2 x (2 x 4 x 8) px and more
    assert changed[:, 120].any()


def test_a_frozen_encoder_stays_as_it_is(model) -> None:
    model.freeze_encoder()
    before = {n: t.clone() for n, t in model.encoder.state_dict().items()}
    model.train()
    assert not model.encoder.training
    assert model.refine.training
    model(torch.rand(2, 1, 48, 48), torch.zeros(2, 3, 48, 48)).sum().backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    for name, tensor in model.encoder.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@torch.inference_mode()
def test_motion_stays_on_the_vessel_of_its_point_before_training() -> None:
    model = LightPropagationNet(TINY).eval()
    vessel = torch.full((1, 48, 48), -9.0)
    vessel[:, 8:16] = vessel[:, 28:36] = 6.0
    frames = model.encode(torch.rand(1, 1, 48, 48))
    pixels = frames.pixels.clone()
    pixels[:, -1] = vessel
    along = functional.max_pool2d(vessel[None], 4) + 1
    conductance = torch.cat((along, frames.conductance[:, 1:]), dim=1)
    frames = frames._replace(
        pixels=pixels, conductance=conductance, vessel=vessel[None]
    )
    flow = model.flow(frames, guidance((0, 12, 4, 8, 0), size=(48, 48)))[0, 0]
    assert (flow[9:15] > 6).all()
    assert (flow[28:36].abs() < 1).all()
    assert (flow[18:26].abs() < 1).all()


def test_every_weight_gets_a_gradient(model) -> None:
    model.train()
    frames = model.encode(torch.rand(2, 1, 48, 48))
    sparse = guidance((0, 5, 6, 3, 0), (1, 30, 40, 0, -4), size=(48, 48))
    model.propagate(
        frames, sparse, torch.arange(90).view(2, 45)
    ).square().sum().backward()
    # the last layer of the U-Net makes its embedding, which is not used here
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert missing == ["encoder.last.weight", "encoder.last.bias"]


def test_a_checkpoint_builds_the_network_again(model, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    card = ModelCard("propagation", "LightPropagationNet", model.configuration())
    save_model(path, model, card)
    loaded, _ = load_model(path, kind="propagation")
    assert isinstance(loaded, LightPropagationNet)
    assert loaded.config == TINY
    sparse = guidance((0, 5, 6, 3, 0))
    picture = torch.rand(1, 1, 40, 56)
    torch.testing.assert_close(loaded(picture, sparse), model(picture, sparse))


def test_shapes_that_do_not_fit_are_refused(model) -> None:
    frames = model.encode(torch.rand(2, 1, 40, 56))
    with pytest.raises(SettingsError, match=r"must be \(B, 3, 40, 56\)"):
        model.propagate(frames, torch.zeros(2, 3, 40, 48))
    with pytest.raises(SettingsError, match="multiple of that of the frames, 2; got 3"):
        model.propagate(frames, torch.zeros(3, 3, 40, 56))


def test_bins_are_those_of_the_paper() -> None:
    # the authors' demonstration divides 50 px to both sides into 99 bins
    centres = centres_of_bins(99, 50.0)
    assert len(centres) == 99
    assert centres[49] == 0
    torch.testing.assert_close(centres.diff(), torch.full((98,), 100 / 99))
    torch.testing.assert_close(centres[-1], torch.tensor(50 - 50 / 99))


@torch.inference_mode()
def test_clicks_and_arrows_have_weights_of_their_own() -> None:
    model = LightPropagationNet(TINY).eval()
    frames = model.encode(torch.rand(1, 1, 48, 48))
    sparse = guidance((0, 12, 4, 8, 0), (0, 40, 40, 8, 0), size=(48, 48))
    sparse = sparse.expand(2, -1, -1, -1)
    clicked = torch.tensor([False, True])
    before = model.flow(frames, sparse, clicked)
    assert (before[0] == before[1]).all()
    # no motion, for clicks alone
    model.fusion.bias[-1] += 20
    after = model.flow(frames, sparse, clicked)
    assert (after[0] == before[0]).all()
    assert after[1].abs().max() < 0.1
    assert (model.flow(frames, sparse) == before[:1]).all()
    chances = model.propagate(frames, sparse, clicked=clicked)
    found = expected_flow(chances, model.limit)
    torch.testing.assert_close(found, after, atol=0.02, rtol=0)
