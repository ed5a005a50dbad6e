"""`motionseg finetune` learns from few labels and refuses bad input."""

import json

import numpy as np
import pytest
import tifffile
from helpers.commands import SMALL, refused

from napari_motionseg.models import (
    read_card,
)


def test_finetuning_from_scratch_with_a_single_painted_frame(
    motionseg, loop_file, synthetic, tmp_path
):
    tifffile.imwrite(tmp_path / "frame.tiff", synthetic.masks[6].astype(np.uint8))
    out = tmp_path / "v.safetensors"
    answer = motionseg(
        "finetune", loop_file, "--labels", tmp_path / "frame.tiff", "--frame", 6,
        "--model", "scratch", "--width", 4, "--steps", 1, "--out", out, "--json", *SMALL
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["kind"] == "segmentation"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--model", "nowhere.safetensors"), "nowhere.safetensors"),
        (("--model", "scratch", "--recipe", "soup"), "soup"),
        (("--model", "scratch", "--label-mode", "rough"), "rough"),
        (("--model", "scratch", "--frame", "99"), "99"),
        (("--model", "scratch", "--steps", "0"), "--steps"),
        (("--model", "scratch", "--labels", "nowhere.npz"), "--labels"),
    ],
)
def test_finetune_refuses(motionseg, loop_file, label_file, tmp_path, words, told):
    out = tmp_path / "v.safetensors"
    answer = motionseg(
        "finetune", loop_file, "--labels", label_file, "--out", out, *words
    )
    assert refused(answer, told)
    assert not out.exists()


def test_labels_are_carried(
    motionseg, loop_file, label_file, light, tmp_path, exact_flow
):
    out = tmp_path / "m.safetensors"
    answer = motionseg(
        "finetune", loop_file, "--labels", label_file, "--model", light, "--out", out,
        "--steps", 2, "--crop", 48, "--batch", 1, "--carry", "--kept", 0.5,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    settings = read_card(out).provenance["settings"]
    assert settings["carry"]["steps"] == 2
    assert settings["kept"] == 0.5
