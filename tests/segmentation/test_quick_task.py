"""Quick fine-tuning: what is trained, what is kept, and that nothing else changes."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    load_model,
    save_model,
)
from napari_motionseg.segmentation import initialization, quick_task
from napari_motionseg.segmentation.dataset import gather_frames
from napari_motionseg.segmentation.decoder_features import (
    FrozenLevels,
    joined,
    logits_of,
)
from napari_motionseg.segmentation.finetune import finetune
from napari_motionseg.segmentation.quick_task import QuickTask
from napari_motionseg.segmentation.settings import FinetuneSettings
from napari_motionseg.training.engine.loop import TrainingSettings, train_job

CONFIG = UNetConfig(width=4, depth=2, embedding_dim=6, flat_field=True, octaves=2)
TRAINED = ("embedding.up.1.", "embedding.last.", "head.")
CPU = torch.device("cpu")


def network(classes=2, config=CONFIG):
    torch.manual_seed(3)
    model = SegmentationNet(config, classes)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2)
    return model


def checkpoint(path, classes=2, config=CONFIG):
    card = ModelCard(
        "segmentation", "SegmentationNet",
        {**dataclasses.asdict(config), "classes": classes}, {},
    )  # fmt: skip
    save_model(path, network(classes, config), card)
    return path


def bars(size=(50, 40), classes=2):
    """A loop with dark bars as classes, of which the first frame is labelled."""
    rng = np.random.default_rng(0)
    frames = rng.normal(170, 8, (3, *size))
    labels = np.zeros(frames.shape, np.uint8)
    for t in range(3):
        for k in range(1, classes):
            top = 2 + 14 * k + 2 * t
            labels[t, top : top + 5] = k
            frames[t, top : top + 5] -= 50 * k
    cine = Cine.from_array(frames.clip(0, 255).astype(np.uint8))
    return cine, Labels(labels, np.arange(3) == 0)


def settings(steps=4, **others):
    training = TrainingSettings(
        steps=steps, device="cpu", precision="float32", learning_rate=1e-2, seed=5
    )
    values = {"batch": 2, "crop": 32, "levels": 1, "windows": 6, **others}
    return FinetuneSettings(steps=steps, training=training, **values)


def task_of(model, how, cine, labels):
    frames = gather_frames([(cine, labels)])
    return QuickTask(model, frames, how, frames[0].image)


@pytest.mark.parametrize("size", [(32, 48), (37, 22)])
@pytest.mark.parametrize("levels", [1, 2])
def test_kept_features_give_the_logits_of_the_whole_network(size, levels):
    model = network(3).eval()
    frames = torch.rand(3, 1, *size)
    frozen = FrozenLevels(model.embedding, levels)
    with torch.no_grad():
        found = logits_of(
            model, joined([frozen.features(frame[None]) for frame in frames])
        )
        torch.testing.assert_close(found, model(frames), atol=1e-4, rtol=1e-4)


def test_only_the_last_level_and_the_head_are_trained():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    how = settings()
    run(train_job(task_of(model, how, *bars()), how.training))
    for name, value in model.state_dict().items():
        learns = name.startswith(TRAINED) and not name.endswith(
            ("running_mean", "running_var", "num_batches_tracked")
        )
        assert torch.equal(value, before[name]) != learns, name


def test_its_gradient_is_that_of_the_whole_network():
    """The slow reference computes all layers of the same windows, in eval mode."""
    model, how = network(), settings(loss="bce+dice")
    task = task_of(model, how, *bars())
    generator = torch.Generator().manual_seed(0)
    loss, _ = task.loss(0, generator, CPU)
    loss.backward()
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert all(name.startswith(TRAINED) for name in found)
    model.zero_grad()
    images, targets = _windows(task, how, *bars())
    slow = quick_task.segmentation_loss(model.eval()(images), targets, how.loss)
    slow.backward()
    torch.testing.assert_close(loss, slow, atol=1e-5, rtol=1e-4)
    for name, gradient in found.items():
        wanted = dict(model.named_parameters())[name].grad
        torch.testing.assert_close(gradient, wanted, atol=1e-5, rtol=1e-3)


def _windows(task, how, cine, labels):
    frames = gather_frames([(cine, labels)])
    pairs = [
        quick_task.draw_batch(
            frames, 1, how.crop, how.augmentation,
            quick_task.step_generator(5, quick_task.WINDOW_STREAM, number),
        )
        for number in (0, 1)
    ]  # fmt: skip
    return (torch.cat(parts) for parts in zip(*pairs, strict=True))


def test_every_window_is_computed_once(monkeypatch):
    computed = []
    features = FrozenLevels.features
    monkeypatch.setattr(
        FrozenLevels,
        "features",
        lambda self, images: computed.append(1) or features(self, images),
    )
    how = settings(12)
    run(train_job(task_of(network(), how, *bars()), how.training))
    assert len(computed) == how.windows


def test_windows_without_room_are_computed_again_and_change_nothing(monkeypatch):
    found = []
    for most in (quick_task.MOST_BYTES, 0):
        monkeypatch.setattr(quick_task, "MOST_BYTES", most)
        model, how = network(), settings(8)
        found.append(run(train_job(task_of(model, how, *bars()), how.training)).losses)
    assert found[0] == found[1]


def test_a_run_that_was_cut_goes_on_to_the_same_weights(tmp_path):
    how, state = settings(6), tmp_path / "state.safetensors"
    whole, halves = network(), network()
    run(train_job(task_of(whole, how, *bars()), how.training))
    job = train_job(task_of(halves, how, *bars()), how.training, state_path=state)
    for _ in range(3):
        next(job)
    job.close()
    again = network()
    run(
        train_job(
            task_of(again, how, *bars()), how.training, state_path=state, resume=True
        )
    )
    torch.testing.assert_close(again.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_a_smaller_window_or_another_device_computes_features_anew():
    task = task_of(network(), settings(crop=128), *bars((160, 140)))
    generator = torch.Generator()
    task.loss(0, generator, CPU)
    assert task.crop_smaller() == "windows of 64 pixels"
    assert not task._windows
    task.loss(0, generator, CPU)
    task.start_anew()
    assert not task._windows


def test_the_preview_is_what_the_trained_network_predicts():
    model, how = network(3), settings()
    cine, labels = bars()
    task = task_of(model, how, cine, labels)
    run(train_job(task, how.training))
    image = torch.from_numpy(cine.normalized(0))[None, None]
    with torch.no_grad():
        wanted = 1 - model.eval().probabilities(image)[0, 0]
    np.testing.assert_allclose(task.preview(), wanted.numpy(), atol=2e-3)


def test_a_start_that_does_not_fit_whole_frames_is_trained_in_all_layers(tmp_path):
    start = checkpoint(tmp_path / "start.safetensors")
    how = dataclasses.replace(
        FinetuneSettings.quick().with_steps(1), crop=32, training=settings().training
    )
    out = finetune([bars()], how, start=start, out=tmp_path / "m.safetensors")
    assert load_model(out)[1].provenance["settings"]["levels"] is None


def test_the_quick_recipe_learns_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(initialization, "LEAST_FIT", 0.0)
    start = checkpoint(tmp_path / "start.safetensors")
    cine, labels = bars()
    how = dataclasses.replace(
        FinetuneSettings.quick().with_steps(30),
        crop=32,
        kept=0.0,
        training=settings().training,
    )
    out = finetune([(cine, labels)], how, start=start, out=tmp_path / "m.safetensors")
    model, card = load_model(out)
    assert card.provenance["settings"]["levels"] == 2
    assert (
        card.provenance["training"]["last_losses_mean"]
        < 0.95 * (card.provenance["training"]["first_loss"])
    )
    assert model.classes == 2


def test_a_start_is_compared_with_whole_frames_only_once(tmp_path, monkeypatch):
    asked = []

    def agreed(model, frames):
        asked.append(len(frames))
        return 0.9

    monkeypatch.setattr(initialization, "agreement", agreed)
    start = checkpoint(tmp_path / "start.safetensors")
    how = dataclasses.replace(
        FinetuneSettings.quick().with_steps(1), crop=32, training=settings().training
    )
    out = finetune([bars()], how, start=start, out=tmp_path / "m.safetensors")
    assert asked == [1]
    kept = load_model(out)[1].provenance["start"]["kept"]
    assert kept == pytest.approx(0.9**4)


def test_a_start_is_not_compared_if_nothing_depends_on_it(tmp_path, monkeypatch):
    def agreed(model, frames):
        raise AssertionError("compared")

    monkeypatch.setattr(initialization, "agreement", agreed)
    start = checkpoint(tmp_path / "start.safetensors")
    how = settings(1, levels=None, kept=0.0)
    finetune([bars()], how, start=start, out=tmp_path / "m.safetensors")


def test_a_new_class_is_learnt_beside_those_that_the_start_knows(tmp_path):
    start = checkpoint(tmp_path / "start.safetensors", classes=3)
    cine, labels = bars((64, 48), classes=4)
    out = finetune(
        [(cine, labels)], settings(5, kept=0.0), start=start,
        out=tmp_path / "m.safetensors",
    )  # fmt: skip
    assert load_model(out)[0].classes == 4


@pytest.mark.parametrize("start", ["scratch", "hypercolumn", "shallow"])
def test_all_layers_are_trained_where_the_start_has_too_few(tmp_path, start):
    how = dataclasses.replace(settings(1, levels=2), network=CONFIG)
    path = tmp_path / "start.safetensors"
    if start == "hypercolumn":
        checkpoint(path, config=UNetConfig(width=4, depth=2, head="hypercolumn"))
    elif start == "shallow":
        checkpoint(path, config=dataclasses.replace(CONFIG, depth=1))
    out = finetune(
        [bars()], how, start="scratch" if start == "scratch" else path,
        out=tmp_path / "m.safetensors",
    )  # fmt: skip
    assert load_model(out)[1].provenance["settings"]["levels"] is None


def test_a_whole_frame_trains_more_levels_than_strokes():
    quick, tuned = FinetuneSettings.quick(), FinetuneSettings.tuned()
    whole = quick.for_start("segmentation", 4, whole=True)
    assert (whole.levels, whole.kept, whole.steps) == (2, tuned.kept, quick.steps)
    assert quick.for_start("segmentation", 4).levels == 1
    assert quick.for_start("segmentation", 1, whole=True).levels == 1
    assert tuned.for_start("segmentation", 4, whole=True).levels is None
    one = dataclasses.replace(quick, whole_levels=None)
    assert one.for_start("segmentation", 4, whole=True).levels == 1


@pytest.mark.parametrize("levels", [{"levels": 0}, {"whole_levels": 0}])
def test_no_levels_are_refused(levels):
    with pytest.raises(SettingsError, match="at least 1"):
        FinetuneSettings(**levels)


def test_steps_of_a_person_hold_for_any_start_and_those_of_the_recipe_do_not():
    quick, tuned = FinetuneSettings.quick(), FinetuneSettings.tuned()
    assert quick.for_start("segmentation", 4) is quick
    misfit = quick.for_start("segmentation", 4, fits=False)
    assert misfit.levels is None
    assert misfit.kept == FinetuneSettings.tuned().kept
    anew = quick.for_start("embedding", 4)
    assert (anew.levels, anew.steps, anew.batch) == (None, tuned.steps, tuned.batch)
    assert quick.with_steps(7).for_start("scratch", 4).steps_for(9) == 7
    assert quick.windows_for(10) > quick.windows
