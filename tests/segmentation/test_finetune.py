import dataclasses
import pickle

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import CheckpointError, LabelError, SettingsError
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNet,
    UNetConfig,
    load_model,
    save_model,
)
from napari_motionseg.segmentation.augment import AugmentSettings
from napari_motionseg.segmentation.finetune import (
    FinetuneSettings,
    finetune,
    finetune_job,
)
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.segmentation.predict import segment
from napari_motionseg.training.loop import TrainingSettings

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


def striped(shape=(3, 48, 56), classes=2, seed=0):
    """A loop whose dark moving bars are the classes."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(170, 12, shape)
    labels = np.zeros(shape, np.uint8)
    for t in range(shape[0]):
        for k in range(1, classes):
            top = 4 + 14 * k + 3 * t
            labels[t, top : top + 5] = k
            frames[t, top : top + 5] -= 60 * k
    cine = Cine.from_array(frames.clip(0, 255).astype(np.uint8))
    return cine, labels


def first_frame(labels, mode="dense"):
    return Labels(labels, np.arange(len(labels)) == 0, mode)


def settings(steps=3, **others):
    training = TrainingSettings(
        steps=1, device="cpu", precision="float32", learning_rate=1e-2
    )
    training = dataclasses.replace(training, **others.pop("training", {}))
    return FinetuneSettings(
        steps=steps, batch=1, crop=32, network=TINY, training=training, **others
    )


def embedding_checkpoint(path, config=TINY):
    torch.manual_seed(1)
    model = UNet(config)
    card = ModelCard("embedding", "UNet", dataclasses.asdict(config), {})
    save_model(path, model, card)
    return model


def stopped(job):
    """Ask `job` to stop until it ends; return its result."""
    while True:
        try:
            job.send(STOP)
        except StopIteration as end:
            return end.value


def test_one_frame_is_enough_for_the_others(tmp_path):
    cine, labels = striped()
    out = finetune(
        [(cine, first_frame(labels))],
        settings(40, loss="bce+dice", training={"schedule": "cosine"}),
        out=tmp_path / "m.safetensors",
    )
    result = segment(cine, out, device="cpu")
    assert dice(result.masks[1:] == 1, labels[1:] == 1).min() > 0.8


def test_scribbles_of_three_classes(tmp_path):
    cine, truth = striped(classes=3)
    strokes = np.zeros_like(truth)
    for k in range(3):
        rows, columns = np.nonzero(truth[0] == k)
        strokes[0, rows[::7], columns[::7]] = k + 1
    out = finetune(
        [(cine, first_frame(strokes, "scribbles"))],
        settings(60),
        out=tmp_path / "m.safetensors",
    )
    model, card = load_model(out)
    assert model.classes == 3
    assert card.provenance["labelled_pixels"] == [
        int((strokes == k + 1).sum()) for k in range(3)
    ]
    result = segment(cine, model, device="cpu")
    assert (result.masks[0] == truth[0]).mean() > 0.8


def test_same_seed_same_network_and_loops_of_different_size(tmp_path):
    examples = [
        (cine, first_frame(labels))
        for cine, labels in (striped(), striped((2, 41, 70), seed=2))
    ]
    models = []
    for i, seed in enumerate((5, 5, 6)):
        out = tmp_path / f"{i}.safetensors"
        finetune(examples, settings(2, training={"seed": seed}), out=out)
        models.append(load_model(out)[0].head.weight)
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


def test_random_state_outside_is_left_alone(tmp_path):
    cine, labels = striped()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    finetune([(cine, first_frame(labels))], settings(1), out=tmp_path / "m.safetensors")
    assert torch.equal(before, torch.get_rng_state())


def test_embedding_start_brings_its_network(tmp_path):
    config = dataclasses.replace(TINY, width=6)
    before = embedding_checkpoint(tmp_path / "e.safetensors", config)
    cine, labels = striped()
    out = finetune(
        [(cine, first_frame(labels))],
        settings(1, training={"learning_rate": 1e-9}),
        start=tmp_path / "e.safetensors",
        out=tmp_path / "m.safetensors",
    )
    model, card = load_model(out, kind="segmentation")
    assert model.embedding.config == config
    for old, new in zip(before.parameters(), model.embedding.parameters(), strict=True):
        torch.testing.assert_close(old, new, atol=1e-6, rtol=0)
    assert card.provenance["start"]["kind"] == "embedding"
    assert len(card.provenance["start"]["sha256"]) == 64


def test_a_segmentation_is_continued(tmp_path):
    cine, labels = striped()
    examples = [(cine, first_frame(labels))]
    first = finetune(examples, settings(2), out=tmp_path / "1.safetensors")
    still = settings(1, training={"learning_rate": 1e-9})
    second = finetune(examples, still, start=first, out=tmp_path / "2.safetensors")
    old, new = load_model(first)[0], load_model(second)[0]
    torch.testing.assert_close(old.head.weight, new.head.weight, atol=1e-6, rtol=0)


def test_more_classes_than_the_checkpoint_knows(tmp_path):
    cine, labels = striped()
    first = finetune(
        [(cine, first_frame(labels))], settings(1), out=tmp_path / "1.safetensors"
    )
    cine, labels = striped(classes=3)
    with pytest.raises(CheckpointError, match=r"knows 2 classes .* labels have 3"):
        finetune([(cine, first_frame(labels))], settings(1), start=first, out=first)


def test_a_start_of_another_kind(tmp_path):
    save_model(
        tmp_path / "flow.safetensors",
        UNet(TINY),
        ModelCard("flow", "UNet", dataclasses.asdict(TINY), {}),
    )
    cine, labels = striped()
    with pytest.raises(CheckpointError, match="flow"):
        finetune(
            [(cine, first_frame(labels))],
            settings(1),
            start=tmp_path / "flow.safetensors",
            out=tmp_path / "m.safetensors",
        )
    assert not (tmp_path / "m.safetensors").exists()


def test_stop_keeps_and_cancel_does_not(tmp_path):
    cine, labels = striped()
    examples = [(cine, first_frame(labels))]
    out = tmp_path / "m.safetensors"
    job = finetune_job(examples, settings(50), start="scratch", out=out)
    next(job)
    job.close()
    assert not out.exists()

    job = finetune_job(examples, settings(50), start="scratch", out=out)
    next(job)
    assert stopped(job) == out
    _, card = load_model(out)
    assert card.provenance["stopped"] is True
    assert card.provenance["steps_done"] < 50


def test_progress_carries_loss_and_preview(tmp_path):
    cine, labels = striped()
    seen = []
    job = finetune_job(
        [(cine, first_frame(labels))],
        settings(4, training={"preview_every": 2}),
        start=None,
        out=tmp_path / "m.safetensors",
    )
    run(job, seen.append)
    assert all(np.isfinite(p.metrics["loss"]) for p in seen if p.metrics)
    previews = [p.preview for p in seen if p.preview is not None]
    assert previews
    assert previews[0].shape == (48, 56)
    assert previews[0].dtype == np.float16


def test_provenance_says_what_and_no_one(tmp_path):
    cine, labels = striped()
    cine = dataclasses.replace(
        cine, patient={"PatientName": "Doe^Jane"}, name="Doe^Jane"
    )
    out = finetune(
        [(cine, first_frame(labels))], settings(1), out=tmp_path / "m.safetensors"
    )
    _, card = load_model(out)
    assert card.provenance["examples"][0]["content_hash"] == cine.content_hash()
    assert card.provenance["settings"]["augmentation"]["shear"] == 20
    assert card.provenance["start"] == {"kind": "scratch"}
    assert b"Doe" not in out.read_bytes()


def test_bad_labels(tmp_path):
    cine, labels = striped()
    with pytest.raises(LabelError, match="no pixel of class 1"):
        finetune(
            [(cine, first_frame(labels * 0))],
            settings(),
            out=tmp_path / "m.safetensors",
        )
    strokes = labels[:, ::-1].copy() * 0
    strokes[0, :5] = 2
    with pytest.raises(LabelError, match="no pixel of the background"):
        finetune(
            [(cine, first_frame(strokes, "scribbles"))],
            settings(),
            out=tmp_path / "m.safetensors",
        )


def test_settings():
    assert FinetuneSettings.recipe("paper") == FinetuneSettings()
    assert FinetuneSettings.recipe("tuned") == FinetuneSettings.tuned()
    assert FinetuneSettings().augmentation == AugmentSettings(
        flip=True, degrees=20, scale=(0.8, 1.2), shear=20
    )
    assert FinetuneSettings().training.learning_rate == 1e-3
    assert FinetuneSettings().training.schedule == "constant"
    assert pickle.loads(pickle.dumps(FinetuneSettings.tuned())) == (
        FinetuneSettings.tuned()
    )
    for values, message in (
        ({"crop": 100}, "multiple of 16 pixels, or None for whole frames; got 100"),
        ({"steps": 0}, "steps must be at least 1; got 0"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"loss": "focal"}, "not 'focal'"),
    ):
        with pytest.raises(SettingsError, match=message):
            FinetuneSettings(**values)
    with pytest.raises(SettingsError, match="'tuned' or 'paper', not 'best'"):
        FinetuneSettings.recipe("best")


def test_networks_of_the_house_fit():
    assert SegmentationNet(TINY, 2)(torch.zeros(1, 1, 16, 16)).shape == (1, 1, 16, 16)


def test_a_start_that_segments_learns_at_its_own_rate(tmp_path):
    """Few labels shall correct what a network knows, not replace it."""
    assert FinetuneSettings().known_rate == 1
    assert FinetuneSettings.tuned().known_rate < 1
    with pytest.raises(SettingsError, match="known_rate must be positive"):
        FinetuneSettings(known_rate=0.0)
