"""The starts that are compared, and their controls."""

import dataclasses

import pytest
import torch
from helpers.reference_loops import moving_bar, quick_pretraining

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.evaluation.starts import (
    Start,
    parse_start,
    prepare_starts_job,
    write_start,
)
from napari_motionseg.jobs import run
from napari_motionseg.models import ModelCard, UNet, UNetConfig, load_model, save_model
from napari_motionseg.training.pretrain.job import pretrain

TINY = UNetConfig(width=4, depth=2, embedding_dim=6)


@pytest.fixture(scope="module")
def loops():
    return [moving_bar("p1_a").cine, moving_bar("p1_b", 1).cine]


@pytest.fixture(scope="module")
def taught(tmp_path_factory, loops):
    """An embedding that was pretrained for two steps on the first loop."""
    out = tmp_path_factory.mktemp("starts") / "taught.safetensors"
    return pretrain(loops[:1], quick_pretraining(), out=out)


def weights(path):
    return load_model(path)[0].state_dict()


def test_texts_name_starts(tmp_path):
    assert parse_start("scratch") == Start("scratch")
    assert parse_start("a/b.safetensors").name == "b"
    start = parse_start("encoder:shuffled:a/b.safetensors")
    assert start == Start("a/b.safetensors", ("encoder", "shuffled"))
    assert start.name == "encoder:shuffled:b"
    assert parse_start("C:/models/b.safetensors").words == ()
    odd = tmp_path / "a:b.safetensors"
    odd.touch()
    assert parse_start(str(odd)) == Start(str(odd))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("encodr:x", "did you mean 'encoder'"),
        ("encoder:encoder:x", "occurs twice"),
        ("shuffled:scratch", "only whitened:scratch is possible"),
        ("whitened:x.safetensors", "embeddings are whitened anyway"),
    ],
)
def test_starts_that_cannot_be(text, words):
    with pytest.raises(SettingsError, match=words):
        parse_start(text)


def test_an_encoder_alone_keeps_its_weights_and_draws_the_rest(taught, tmp_path):
    start = Start(str(taught), ("encoder",))
    before = weights(taught)
    first, second = (weights(write_start(start, TINY, tmp_path, s)) for s in (0, 1))
    encoder = [name for name in before if name.startswith("down.")]
    others = [n for n in before if n.startswith(("up.", "last")) and "weight" in n]
    assert encoder
    assert others
    assert all(torch.equal(first[name], before[name]) for name in encoder)
    convolutions = [name for name in others if before[name].ndim == 4]
    assert not any(torch.equal(first[name], before[name]) for name in convolutions)
    assert not any(torch.equal(first[name], second[name]) for name in convolutions)
    again = weights(write_start(start, TINY, tmp_path, 0))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_random_weights_become_an_embedding_that_is_whitened(tmp_path):
    path = write_start(Start("scratch", ("whitened",)), TINY, tmp_path, 3)
    model, card = load_model(path)
    assert card.kind == "embedding"
    assert isinstance(model, UNet)
    assert write_start(Start("scratch"), TINY, tmp_path, 3) == "scratch"


def test_the_shuffled_control_repeats_the_pretraining(taught, loops, tmp_path):
    start = parse_start(f"encoder:shuffled:{taught}")
    found = run(prepare_starts_job([start], loops, tmp_path))
    control = found["encoder:shuffled:taught"]
    assert control.words == ("encoder",)
    card, origin = (load_model(p)[1].provenance for p in (control.base, taught))
    assert card["pretraining"]["shuffled"]
    same = {"shuffled": True}
    assert card["pretraining"] == origin["pretraining"] | same
    assert card["training"]["settings"] == origin["training"]["settings"]
    before = weights(control.base)
    again = run(prepare_starts_job([start], loops, tmp_path))
    assert again == found
    assert all(torch.equal(w, before[n]) for n, w in weights(control.base).items())


def test_a_control_needs_the_loops_and_the_settings(taught, loops, tmp_path):
    start = parse_start(f"shuffled:{taught}")
    with pytest.raises(
        SettingsError, match="1 of the 1 loops.*are not among the loops"
    ):
        run(prepare_starts_job([start], loops[1:], tmp_path))
    path = tmp_path / "untold.safetensors"
    card = ModelCard("embedding", "UNet", dataclasses.asdict(TINY))
    save_model(path, UNet(TINY), card)
    with pytest.raises(CheckpointError, match="does not tell how it was pretrained"):
        run(prepare_starts_job([parse_start(f"shuffled:{path}")], loops, tmp_path))
    with pytest.raises(SettingsError, match="two starts have the name taught"):
        run(prepare_starts_job([Start(str(taught))] * 2, loops, tmp_path))
