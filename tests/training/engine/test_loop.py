import dataclasses
import os
import signal
import time

import numpy as np
import pytest
import torch
from helpers.toy_training import Toy, settings, slow_job, weights
from safetensors import SafetensorError
from torch import nn

from napari_motionseg.errors import SettingsError, TrainingError, WriteError
from napari_motionseg.jobs import STOP, ChildJob, run
from napari_motionseg.models import checkpoints
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.training.engine.loop import (
    ResizableTask,
    TrainingSettings,
    step_generator,
    train_job,
)


class FixedToy(Toy):
    """The same without a batch that could be halved."""

    def __init__(self, **others):
        super().__init__(**others)
        del self.batch_size

    def loss(self, step, generator, device):
        images = torch.randn((1, 1, 9, 7), generator=generator)
        loss = self.model(images).square().mean()
        return self.trouble[step](self, loss), {}


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def take(job, steps):
    return [next(job) for _ in range(steps)]


def test_the_loss_falls_and_every_step_is_told():
    task = Toy()
    told = []
    record = run(train_job(task, settings(30)), told.append)
    assert [p.step for p in told] == list(range(1, 31))
    assert {p.total for p in told} == {30}
    assert told[3].metrics == {"loss": record.losses[3], "half": record.losses[3] / 2}
    assert record.losses[-1] < 0.7 * record.losses[0]
    assert (record.steps_done, record.stopped) == (30, False)
    assert record.provenance["settings"]["learning_rate"] == 1e-2
    assert record.provenance["first_loss"] == record.losses[0]


def test_plain_adam_in_numpy_makes_the_same_steps():
    """One weight, x -> w x, loss (w - 1)^2: Kingma & Ba (2015), algorithm 1."""

    class Line:
        def __init__(self):
            self.model = nn.Linear(1, 1, bias=False, dtype=torch.float64)
            nn.init.constant_(self.model.weight, 3.0)

        def loss(self, step, generator, device):
            one = torch.ones((1, 1), dtype=torch.float64)
            return (self.model(one) - 1).square().sum(), {}

    task = Line()
    run(train_job(task, settings(20, learning_rate=0.1, schedule="cosine")))
    w, m, v = 3.0, 0.0, 0.0
    for t in range(1, 21):
        gradient = 2 * (w - 1)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        rate = 0.1 * 0.5 * (1 + np.cos(np.pi * (t - 1) / 20))
        w -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(task.model.weight.item(), w, rtol=1e-10)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_resume_reaches_the_very_weights_of_an_undisturbed_run(tmp_path, schedule):
    how = settings(10, schedule=schedule, clip_norm=0.1, weight_decay=0.01)
    whole = Toy()
    record = run(train_job(whole, how))

    job = train_job(Toy(), how, state_path=tmp_path / "a.state.safetensors")
    take(job, 5)
    job.close()
    second = Toy()
    job = train_job(second, how, state_path=tmp_path / "a.state.safetensors", resume=1)
    told = []
    resumed = run(job, told.append)
    assert [p.step for p in told] == [6, 7, 8, 9, 10]
    assert "Resumed after step 5" in told[0].message
    assert equal(weights(whole), weights(second))
    assert resumed.losses == record.losses


def test_a_finished_run_resumes_to_more_steps_where_the_rate_is_constant(tmp_path):
    state = tmp_path / "state.safetensors"
    run(train_job(Toy(), settings(4), state_path=state))
    longer, whole = Toy(), Toy()
    run(train_job(longer, settings(7), state_path=state, resume=True))
    run(train_job(whole, settings(7)))
    assert equal(weights(longer), weights(whole))


def test_resume_of_a_finished_run_trains_nothing(tmp_path):
    state = tmp_path / "state.safetensors"
    first = Toy()
    run(train_job(first, settings(3), state_path=state))
    again = Toy()
    record = run(train_job(again, settings(3), state_path=state, resume=True))
    assert not again.seen
    assert record.steps_done == 3
    assert equal(weights(first), weights(again))


def test_resume_without_a_state_says_so_and_begins(tmp_path):
    job = train_job(Toy(), settings(2), state_path=tmp_path / "no", resume=True)
    assert "nothing to resume" in next(job).message
    job.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learning_rate": 0.5}, "training.learning_rate was 0.01, is 0.5"),
        ({"seed": 4}, "training.seed was 0, is 4"),
        ({"steps": 11, "schedule": "cosine"}, "schedule was 'constant', is 'cosine'"),
    ],
)
def test_resume_of_another_run_is_refused(tmp_path, change, words):
    state = tmp_path / "state.safetensors"
    run(train_job(Toy(), settings(2), state_path=state))
    other = dataclasses.replace(settings(2), **change)
    with pytest.raises(TrainingError, match=words):
        run(train_job(Toy(), other, state_path=state, resume=True))


def test_resume_on_other_data_or_with_another_network_is_refused(tmp_path):
    state = tmp_path / "state.safetensors"
    run(train_job(Toy(), settings(2), state_path=state, identity={"data": ["a", "b"]}))
    job = train_job(
        Toy(), settings(2), state_path=state, resume=True, identity={"data": ["c"]}
    )
    with pytest.raises(TrainingError, match=r"data was \['a', 'b'\], is \['c'\]"):
        run(job)
    task = Toy()
    task.model.append(nn.Conv2d(1, 1, 1))
    with pytest.raises(TrainingError, match=r"network\.4\.bias was None, is \[1\]"):
        run(
            train_job(
                task,
                settings(2),
                state_path=state,
                resume=True,
                identity={"data": ["a", "b"]},
            )
        )


def test_a_damaged_state_is_named(tmp_path):
    state = tmp_path / "state.safetensors"
    run(train_job(Toy(), settings(2), state_path=state))
    state.write_bytes(state.read_bytes()[:-20])
    with pytest.raises(TrainingError, match=r"state\.safetensors: is not a readable"):
        run(train_job(Toy(), settings(2), state_path=state, resume=True))


def test_what_depends_on_no_batch_may_change_in_a_resume(tmp_path):
    state = tmp_path / "state.safetensors"
    run(train_job(Toy(), settings(2), state_path=state))
    other = settings(3, checkpoint_every=1, preview_every=2)
    run(train_job(Toy(), other, state_path=state, resume=True))


def test_stop_keeps_what_there_is(tmp_path):
    task, state = Toy(), tmp_path / "state.safetensors"
    job = train_job(task, settings(10), state_path=state)
    take(job, 3)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert (end.value.value.steps_done, end.value.value.stopped) == (3, True)
    assert len(end.value.value.losses) == 3
    assert state.exists()


def test_a_run_that_never_began_leaves_an_older_state_alone(tmp_path):
    state = tmp_path / "state.safetensors"
    run(train_job(Toy(), settings(2), state_path=state))
    before = state.read_bytes()
    job = train_job(
        Toy(trouble={0: lambda _, x: x * np.nan}), settings(2), state_path=state
    )
    with pytest.raises(TrainingError):
        run(job)
    assert state.read_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _, loss: loss * float("nan"), "the loss of step 4 is nan"),
        (lambda _, loss: loss + float("inf"), "the loss of step 4 is inf"),
        # the value is fine, the slope of the root at zero is not
        (lambda _, loss: (loss * 0).sqrt(), "the gradient of the loss of step 4"),
    ],
)
def test_what_is_not_finite_stops_with_the_last_good_weights(tmp_path, spoil, words):
    good = Toy()
    run(train_job(good, settings(3)))
    bad, state = Toy(trouble={3: spoil}), tmp_path / "state.safetensors"
    with pytest.raises(TrainingError, match=words):
        run(train_job(bad, settings(10), state_path=state))
    assert equal(weights(good), weights(bad))
    resumed = Toy()
    run(train_job(resumed, settings(3), state_path=state, resume=True))
    assert equal(weights(good), weights(resumed))


def out_of_memory_above(limit):
    def spoil(task, loss):
        if task.batch_size > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")
        return loss

    return spoil


def test_out_of_memory_halves_the_batch_and_says_so(tmp_path):
    task, state = Toy(8, {2: out_of_memory_above(2)}), tmp_path / "state.safetensors"
    assert isinstance(task, ResizableTask)
    told = []
    record = run(train_job(task, settings(5), state_path=state), told.append)
    assert task.seen == [(0, 8), (1, 8), (2, 8), (2, 4), (2, 2), (3, 2), (4, 2)]
    assert "the batch is now 2 instead of 4" in told[2].message
    assert not told[3].message
    assert record.provenance["batch_size"] == 2

    longer = Toy(8)
    run(train_job(longer, settings(6), state_path=state, resume=True))
    assert longer.seen == [(5, 2)]


def test_out_of_memory_changes_nothing_but_the_batch():
    halved, small = Toy(8, {0: out_of_memory_above(4)}), Toy(4)
    run(train_job(halved, settings(3)))
    run(train_job(small, settings(3)))
    assert equal(weights(halved), weights(small))


@pytest.mark.parametrize("task", [Toy(4, {0: out_of_memory_above(0)}), FixedToy])
def test_too_little_memory_for_one_picture(task):
    if task is FixedToy:
        task = FixedToy(trouble={0: lambda *_: (_ for _ in ()).throw(MemoryError())})
    with pytest.raises(TrainingError, match="too little memory for one picture"):
        run(train_job(task, settings(2)))


def test_words_of_the_allocators():
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated:"))
    cpu = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"
    assert is_out_of_memory(RuntimeError(cpu))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 cannot be multiplied"))


def test_another_error_of_a_task_is_its_own():
    def fail(task, loss):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(train_job(Toy(trouble={1: fail}), settings(2)))


def test_previews_come_first_when_asked_for_and_at_the_end():
    told = []
    run(train_job(Toy(), settings(5, preview_every=2)), told.append)
    assert [p.step for p in told if p.preview is not None] == [1, 2, 4, 5]


def test_bf16_trains_and_keeps_float32_weights():
    task = Toy()
    record = run(train_job(task, settings(20, precision="bf16")))
    assert record.provenance["precision"] == "bfloat16"
    assert {w.dtype for w in task.model.parameters()} == {torch.float32}
    assert record.losses[-1] < record.losses[0]


def test_generators_depend_on_every_number():
    draws = {
        torch.randint(2**60, (1,), generator=step_generator(*key)).item()
        for key in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0, 1)]
    }
    assert len(draws) == 5
    assert step_generator(5, 6).initial_seed() == step_generator(5, 6).initial_seed()


def test_channels_last_moments_survive_a_resume_with_odd_kernels(tmp_path):
    """The fused optimizer would mix up moments that lie otherwise than the weights."""
    state = tmp_path / "state.safetensors"
    run(train_job(Toy(), settings(1), state_path=state))
    task = Toy()
    job = train_job(task, settings(2), state_path=state, resume=True)
    next(job)
    assert task.model[0].weight.is_contiguous(memory_format=torch.channels_last)
    job.close()


def test_a_kill_costs_at_most_the_steps_since_the_last_checkpoint(
    tmp_path, monkeypatch
):
    # a child leaves a core to the window; other threads sum in another order
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    job = ChildJob(slow_job, str(tmp_path), 10_000)
    step, deadline = 0, time.monotonic() + 300
    while job.running and step < 12 and time.monotonic() < deadline:
        step = max([step, *(p.step for p in job.poll())])
        time.sleep(0.01)
    os.kill(job.pid, signal.SIGKILL)
    while job.running:
        list(job.poll())
    assert job.state == "failed"
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".safetensors"]

    losses, found = run(slow_job(tmp_path, 40, resume=True))
    whole = Toy()
    record = run(train_job(whole, settings(40)))
    np.testing.assert_array_equal(losses, record.losses)
    for name, value in weights(whole).items():
        np.testing.assert_array_equal(found[name], value.numpy())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"steps": 0}, "steps must be at least 1; got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive; got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive; got nan"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"precision": "fp16"}, "unknown precision 'fp16'"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0"),
        ({"clip_norm": 0.0}, "clip_norm must be positive"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, words):
    with pytest.raises(SettingsError, match=words):
        TrainingSettings(**({"steps": 1} | wrong))


def test_a_full_disk_is_said_and_leaves_the_older_state(tmp_path, monkeypatch):
    state = tmp_path / "state.safetensors"
    run(train_job(Toy(), settings(2), state_path=state))
    before = state.read_bytes()

    def full(*_, **__):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(WriteError, match=r"cannot write .*No space left on device"):
        run(train_job(Toy(), settings(3), state_path=state, resume=True))
    assert state.read_bytes() == before
    assert list(tmp_path.iterdir()) == [state]


def test_sums_have_a_fixed_order_in_every_step():
    """Without it the weights depend on which thread of the processor is faster."""
    fixed = []

    class Looking(Toy):
        def loss(self, step, generator, device):
            fixed.append(torch.are_deterministic_algorithms_enabled())
            return super().loss(step, generator, device)

    run(train_job(Looking(), settings(3)))
    assert fixed == [True, True, True]
    assert not torch.are_deterministic_algorithms_enabled()
