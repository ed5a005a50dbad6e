"""`motionseg evaluate masks` measures a network on pictures with masks."""

import json

import numpy as np
import pytest
from PIL import Image

from napari_motionseg.models import ModelCard, SegmentationNet, UNetConfig, save_model


@pytest.fixture
def network(tmp_path):
    import dataclasses

    config = UNetConfig(width=2, depth=2, embedding_dim=4)
    path = tmp_path / "net.safetensors"
    card = ModelCard(
        "segmentation", "SegmentationNet", {**dataclasses.asdict(config), "classes": 2}
    )
    save_model(path, SegmentationNet(config), card)
    return path


@pytest.fixture
def npz(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "set.npz"
    images = rng.integers(0, 255, (4, 48, 52), np.uint8)
    masks = np.packbits(rng.random(images.shape) < 0.2, axis=-1)
    np.savez(path, images=images, masks=masks, groups=np.array([1, 1, 2, 3]))
    return path


def test_a_set_is_measured_told_and_written(motionseg, tmp_path, network, npz):
    out = tmp_path / "numbers.json"
    words = ("--images", npz, "--masks", npz, "--model", network, "--out", out)
    answer = motionseg("evaluate", "masks", *words)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("4 pictures of 3 groups")
    for line in ("Dice", "of the centreline found", "best threshold", "calibration"):
        assert line in answer.out
    kept = json.loads(out.read_text())
    (row,) = motionseg("evaluate", "masks", *words[:6], "--json").rows
    assert row == kept
    assert row["measures"]["dice"]["low"] <= row["measures"]["dice"]["high"]


def test_two_folders_at_another_size(motionseg, tmp_path, network):
    for folder in ("i", "m"):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.eye(50, dtype=np.uint8) * 255).save(
            tmp_path / folder / "a.png"
        )
    answer = motionseg(
        "evaluate", "masks", "--images", tmp_path / "i", "--masks", tmp_path / "m",
        "--model", network, "--side", 64,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert "1 pictures of 1 groups" in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threshold", 1.5), "--threshold must be between 0 and 1; got 1.5"),
        (("--images", "nowhere.npz"), "there is no such folder or file"),
    ],
)
def test_bad_input_is_one_line(motionseg, network, npz, words, said):
    usual = ("--images", npz, "--masks", npz, "--model", network)
    answer = motionseg("evaluate", "masks", *usual, *words)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_every_measure_is_reported_under_a_title():
    """A measure that is missing from one of the three lists is lost in silence."""
    from napari_motionseg.cli.evaluate_masks import TITLES
    from napari_motionseg.evaluation.mask_evaluation import MEASURES
    from napari_motionseg.evaluation.mask_quality import picture_quality

    mask = np.eye(8, dtype=bool)
    measured = picture_quality(mask.astype(np.float32), mask, field=mask | True).values
    assert set(measured) == set(MEASURES) == set(TITLES)
