"""States on disk, those of earlier versions included."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_motionseg.training.engine.checkpointing import (
    HEADER,
    TrainingState,
    read_state,
    write_state,
)


@pytest.fixture
def path(tmp_path):
    """A state of four micro-batches."""
    path = tmp_path / "a.state.safetensors"
    state = TrainingState(
        step=3, identity={"seed": 1}, batch_size=8, micro_batches=4, losses=[3.0, 2.0],
        weights={"w": torch.arange(4.0)}, moments={"w/exp_avg": torch.ones(4)},
    )  # fmt: skip
    write_state(path, state)
    return path


def rewritten(path, change):
    """Change the header of a state on disk."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER])
    change(header)
    save_file(load_file(path), path, {HEADER: json.dumps(header)})


def test_a_state_comes_back(path):
    state = read_state(path)
    assert (state.step, state.batch_size, state.micro_batches) == (3, 8, 4)
    assert state.identity == {"seed": 1}
    assert state.losses == [3, 2]
    assert torch.equal(state.weights["w"], torch.arange(4.0))
    assert torch.equal(state.moments["w/exp_avg"], torch.ones(4))


def test_a_state_that_calls_micro_batches_parts_is_read(path):
    rewritten(path, lambda header: header.update(parts=header.pop("micro_batches")))
    assert read_state(path).micro_batches == 4


def test_a_state_that_says_neither_has_one(path):
    rewritten(path, lambda header: header.pop("micro_batches"))
    assert read_state(path).micro_batches == 1
