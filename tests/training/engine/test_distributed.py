"""Two processes under torchrun, with gloo, do what one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import joint_training
from helpers.toy_training import Toy, settings, weights
from safetensors.torch import load_file

from napari_motionseg.errors import SettingsError, TrainingError
from napari_motionseg.jobs import run
from napari_motionseg.models import read_card
from napari_motionseg.training.engine.distributed import Processes, join
from napari_motionseg.training.engine.loop import train_job
from napari_motionseg.training.engine.run_log import CURVES

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return the folder in which two processes trained, and what each of them saw."""
    folder = tmp_path_factory.mktemp("two")
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join((str(TESTS.parent), str(TESTS))),
        "MOTIONSEG_CACHE": "off",
    }
    script = TESTS / "helpers" / "joint_training.py"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", "2", str(script), str(folder),
    ]  # fmt: skip
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    texts = [(folder / f"process-{rank}.json").read_text() for rank in (0, 1)]
    return folder, [json.loads(text) for text in texts]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Sums of several threads are in another order than those of one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_two_processes_have_met(pair):
    assert [found["processes"] for found in pair[1]] == [
        {"rank": 0, "count": 2},
        {"rank": 1, "count": 2},
    ]


@pytest.mark.parametrize("training", joint_training.SAME, ids=lambda f: f.__name__)
def test_the_same_batch_gives_the_same_curve_and_weights(pair, training, tmp_path):
    """Bit for bit: of two gradients the sum is the same in either order."""
    folder, seen = pair
    name = training.__name__
    alone = training(tmp_path)
    assert len(alone) >= 2
    assert seen[0][name] == seen[1][name] == alone
    for path in tmp_path.glob(f"{name}*.safetensors"):
        ours, theirs = load_file(path), load_file(folder / path.name)
        assert ours.keys() == theirs.keys()
        for tensor, value in ours.items():
            assert torch.equal(value, theirs[tensor]), tensor


def test_what_two_began_one_goes_on_with(pair):
    """The number of micro-batches belongs to a run; that of processes does not."""
    folder, _ = pair
    state = folder / "nan.state.safetensors"  # two steps, until a loss was none
    task, whole = Toy(), Toy()
    record = run(train_job(task, settings(5), state_path=state, resume=True))
    run(train_job(whole, settings(5, micro_batches=2)))
    assert record.provenance["micro_batches"] == 2
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(task)[name]), name
    with pytest.raises(TrainingError, match=r"training\.micro_batches was 2, is 4"):
        run(
            train_job(
                Toy(), settings(5, micro_batches=4), state_path=state, resume=True
            )
        )


def test_one_alone_writes_log_and_card(pair):
    folder, _ = pair
    card = read_card(folder / "pretraining.safetensors")
    training = card.provenance["training"]
    assert (training["processes"], training["micro_batches"]) == (2, 2)
    assert len(card.provenance["pretraining"]["loops"]) == 2  # one stands still
    lines = (folder / "pretraining.log" / CURVES).read_text().splitlines()
    assert len(lines) == 1 + joint_training.STEPS


def test_one_that_is_asked_to_stop_stops_all(pair):
    assert [found["stopped_by_one"] for found in pair[1]] == [[3, True]] * 2


def test_a_loss_that_is_none_stops_all(pair):
    for found in pair[1]:
        assert "the loss of step 3, micro-batch 2 of 2, is nan" in found["nan_in_one"]


def test_memory_of_one_halves_the_batch_of_all(pair):
    assert [found["memory_of_one"] for found in pair[1]] == [[2, 4]] * 2


def test_a_bug_in_one_is_told_by_the_others(pair):
    first, last = (found["bug_in_one"] for found in pair[1])
    assert first == "TrainingError: process 1 failed: KeyError('no such frame')"
    assert last == "KeyError('no such frame')"


def test_processes_with_other_settings_are_refused(pair):
    for found in pair[1]:
        assert "process 1 was started differently" in found["other_seeds"]
        assert "seed was 0, is 1" in found["other_seeds"]


def test_micro_batches_that_cannot_be_shared_are_refused(pair):
    for found in pair[1]:
        assert (
            "3 micro-batches cannot be shared by 2 processes"
            in found["odd_micro_batches"]
        )


def test_a_state_that_cannot_be_written_is_told_by_all(pair):
    for found in pair[1]:
        assert found["full_disk"].startswith("WriteError: cannot write ")


def test_one_process_is_alone():
    assert join() == Processes(0, 1)
    assert join().is_main
    assert join().all_gather("a") == ["a"]
    assert join().once(lambda: 3) == join().broadcast_object(0, 3) == 3


def test_several_processes_without_a_way_to_meet(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(SettingsError, match="start them with torchrun, or unset"):
        join()
