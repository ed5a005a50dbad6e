"""Frames are brought to the size that the network knows, and their flow back."""

import numpy as np
import pytest
import torch
from helpers.propagation import save_tiny, tiny_network

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.evaluation.simulated_clicks import inmost_pixel
from napari_motionseg.guidance import (
    Arrow,
    Clicks,
    Propagator,
    click_mask,
    guided_flow,
    load_propagator,
)
from napari_motionseg.models import (
    ModelCard,
    UNet,
    UNetConfig,
    read_card,
    save_model,
)
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.models.propagation_models import DEFAULT_PROPAGATION
from napari_motionseg.models.propagation_network import (
    ConditionalPropagationNet,
    PropagationConfig,
)
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.part_stills import part_stills


@pytest.fixture(scope="module")
def propagator():
    return Propagator(tiny_network(), "cpu")


def frame(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((130, 200), (130, 200)), ((60, 140), (180, 420)), ((1, 5), (4, 20)),
     ((700, 350), (512, 256))],
)  # fmt: skip
def test_every_size_gets_flow_of_its_own_size(propagator, shape, size):
    prepared = propagator.prepare(frame(*shape))
    assert prepared.size == size
    flow = propagator.flows(prepared, [[Arrow(0, 0, 1, 2)], [Arrow(0, 0)]])
    assert flow.shape == (2, 2, *shape)
    assert np.isfinite(flow).all()


def test_the_answer_is_that_of_the_network(propagator, monkeypatch):
    # in bf16, a cell that two points reach equally well may change hands
    monkeypatch.setenv("MOTIONSEG_BF16", "off")
    picture = frame(130, 140)
    prepared = propagator.prepare(picture)
    found = propagator.flows(prepared, [[Arrow(40, 50, -2, 3), Arrow(90, 9)]])
    sparse = torch.zeros(1, 3, 130, 140)
    sparse[0, :, 40, 50] = torch.tensor([3.0, -2, 1])
    sparse[0, 2, 90, 9] = 1
    network = tiny_network()
    with torch.inference_mode():
        features = network.encode(torch.from_numpy(picture)[None, None])
        expected = network.flow(features, sparse).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("shape", [(130, 140), (60, 140)])
def test_flow_of_few_pixels_is_that_of_all(propagator, monkeypatch, shape):
    monkeypatch.setenv("MOTIONSEG_BF16", "off")
    prepared = propagator.prepare(frame(*shape))
    arrows = [[Arrow(40, 50, -2, 3)], [Arrow(40, 50, 2, -3), Arrow(9, 9)]]
    where = np.zeros(shape, bool)
    where[30:50, 40:60] = where[0, 0] = where[-1, -1] = True
    everything = propagator.flows(prepared, arrows, clicked=True)
    few = propagator.flows(prepared, arrows, clicked=True, where=where)
    np.testing.assert_allclose(few[..., where], everything[..., where], atol=0.02)
    if shape == prepared.size:
        assert not few[..., ~where].any()
    nothing = propagator.flows(prepared, arrows, where=np.zeros(shape, bool))
    assert shape != prepared.size or not nothing.any()


def test_arrows_are_scaled_with_the_frame(propagator):
    prepared = propagator.prepare(frame(60, 140))
    assert propagator.longest(prepared) == pytest.approx(8 / 3)
    sparse = propagator._sparse(prepared, [Arrow(10, 20, 1, 2), Arrow(10, 20, 3, 0)])
    assert sparse[:, 31, 61].tolist() == [3, 6, 1]  # the mean of both, times 3
    assert sparse[2].sum() == 1


def test_colours_and_stored_values_are_refused(propagator):
    with pytest.raises(SettingsError, match="convert colours to gray"):
        propagator.prepare(frame(9, 9, 3))
    with pytest.raises(SettingsError, match="gray values in"):
        propagator.prepare(frame(9, 9) * 255)


def test_a_checkpoint_without_a_propagation_head_is_refused(tmp_path):
    path = tmp_path / "embedding.safetensors"
    model = UNet(UNetConfig(width=2, depth=2))
    save_model(path, model, ModelCard("embedding", "UNet", vars(model.config)))
    with pytest.raises(CheckpointError, match="kind 'embedding', which has no propag"):
        load_propagator(path)
    assert load_propagator(save_tiny(tmp_path / "tiny.safetensors"), "cpu").limit == 10


@pytest.mark.parametrize("shape", [(130, 141), (60, 90)])
def test_connected_has_the_size_of_the_frame(propagator, shape):
    prepared = propagator.prepare(frame(*shape))
    found = propagator.connected(prepared, [Arrow(20, 30, 0, 5), Arrow(50, 60)])
    assert found.shape == shape
    assert ((found >= 0) & (found <= 1)).all()
    assert found[20, 30] > found[50, 60]
    alone = propagator.vessels(prepared)
    assert alone.shape == shape
    assert ((alone > 0) & (alone < 1)).all()


def test_the_layout_of_the_paper_knows_no_vessels():
    encoder = UNetConfig(width=2, depth=3)
    network = ConditionalPropagationNet(encoder, PropagationConfig(limit=10.0))
    paper = Propagator(network, "cpu")
    prepared = paper.prepare(frame(130, 141))
    for extent in ("tree", "vessels"):
        with pytest.raises(CheckpointError, match="light network.*choose 'branch'"):
            click_mask(paper, prepared, Clicks(((20, 30),)), extent=extent)


# the network that ships

SEED = 4


@pytest.fixture(scope="module")
def still():
    config = SynthesisConfig.preset("xa-coronary", bolus=False)
    made = part_stills(1, 256, SEED, config)
    return made.pictures[0].numpy(), made.parts[0].numpy(), made.vessels[0].numpy()


@pytest.fixture(scope="module")
def shipped():
    return load_propagator(device="cpu")


def widest(parts, vessels):
    """Return a place in the widest branch, and the mask of the branch."""
    sizes = np.bincount((parts * vessels).ravel())
    sizes[0] = 0
    branch = (parts == sizes.argmax()) & vessels
    return inmost_pixel(branch), branch


def test_one_click_finds_the_tree_and_another_the_branch(still, shipped):
    frame, parts, vessels = still
    place, branch = widest(parts, vessels)
    prepared = shipped.prepare(frame)
    tree = click_mask(shipped, prepared, Clicks((place,)), extent="tree")
    assert dice(tree.mask, vessels) > 0.4
    assert tree.mask[place]
    assert not tree.note
    part = click_mask(shipped, prepared, Clicks((place,)), threshold=0.2)
    assert part.mask.any()
    inside = (part.mask & branch).sum() / part.mask.sum()
    assert inside > (tree.mask & branch).sum() / tree.mask.sum()


def test_an_arrow_moves_the_vessel_and_not_the_background(still, shipped):
    frame, parts, vessels = still
    place, _ = widest(parts, vessels)
    found = guided_flow(shipped, shipped.prepare(frame), [Arrow(*place, 0, 6)])
    right = found.flow[0]
    assert right[place] > 2
    assert right[vessels].mean() > 3 * abs(right[~vessels].mean())


def test_its_card_says_what_it_was_trained_on():
    card = read_card(DEFAULT_PROPAGATION)
    assert card.kind == "propagation"
    assert card.provenance["training"]["steps_done"] > 0
    assert card.provenance["settings"]["synthesis"]
