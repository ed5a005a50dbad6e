import dataclasses
import importlib
import pickle

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import (
    CheckpointError,
    LabelError,
    SettingsError,
    TrainingMemoryError,
)
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
from napari_motionseg.segmentation.augmentation import AugmentSettings
from napari_motionseg.segmentation.dataset import LabelledFrame, gather_frames
from napari_motionseg.segmentation.early_stopping import EarlyStopping
from napari_motionseg.segmentation.finetune import finetune, finetune_job
from napari_motionseg.segmentation.finetune_task import FinetuneTask
from napari_motionseg.segmentation.flow_propagation import CarrySettings
from napari_motionseg.segmentation.initialization import (
    agreement,
    earned_share,
    initial_network,
)
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.segmentation.predict import segment
from napari_motionseg.segmentation.settings import FinetuneSettings
from napari_motionseg.training.engine.loop import TrainingSettings

# the package has a function of the same name
finetune_module = importlib.import_module("napari_motionseg.segmentation.finetune")
task_module = importlib.import_module("napari_motionseg.segmentation.finetune_task")
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
        settings(1, training={"learning_rate": 1e-9}, whitening_frames=0),
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
    """What it knows it knows still; the new class is unlikely until it is learnt."""
    cine, labels = striped()
    first = finetune(
        [(cine, first_frame(labels))], settings(1), out=tmp_path / "1.safetensors"
    )
    known, _ = load_model(first)
    grown, origin = initial_network(first, 3, TINY, 0)
    assert origin["classes"] == 2
    image = torch.from_numpy(cine.normalized(0))[None, None]
    with torch.inference_mode():
        before = known.probabilities(image)[0]
        after = grown.eval().probabilities(image)[0]
    assert after[2].max() < 0.1
    np.testing.assert_allclose(
        (after[1] / after[0]).numpy(), (before[1] / before[0]).numpy(), rtol=1e-3
    )
    cine, labels = striped(classes=3)
    out = finetune(
        [(cine, first_frame(labels))],
        settings(60, loss="bce+dice"),
        start=first,
        out=tmp_path / "2.safetensors",
    )
    assert load_model(out)[0].classes == 3
    found = segment(cine, out, device="cpu").masks[0]
    assert dice(found == 2, labels[0] == 2) > 0.5


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
        ({"levels": 0}, "levels must be at least 1, or None; got 0"),
        ({"windows": 0}, "windows must be at least 1; got 0"),
        ({"loss": "focal"}, "got 'focal'"),
    ):
        with pytest.raises(SettingsError, match=message):
            FinetuneSettings(**values)
    with pytest.raises(SettingsError, match="unknown recipe 'best'; choices: quick"):
        FinetuneSettings.recipe("best")


def test_networks_of_the_house_fit():
    assert SegmentationNet(TINY, 2)(torch.zeros(1, 1, 16, 16)).shape == (1, 1, 16, 16)


def test_more_labels_are_learnt_for_longer():
    """Unless somebody says for how long."""
    assert FinetuneSettings().steps_for(10) == FinetuneSettings().steps
    tuned = FinetuneSettings.tuned()
    assert tuned.steps_for(1) == tuned.steps
    assert 2 * tuned.steps < tuned.steps_for(10) < 3 * tuned.steps
    assert tuned.with_steps(7).steps_for(10) == 7
    with pytest.raises(SettingsError, match="growth must be at least 0"):
        FinetuneSettings(growth=-1.0)


def test_a_training_takes_the_steps_of_its_frames(tmp_path):
    cine, masks = striped()
    both = Labels(masks, np.arange(len(cine)) < 2, "dense")
    grown = settings(2, growth=1.0)
    out = finetune([(cine, both)], grown, out=tmp_path / "1.safetensors")
    assert load_model(out)[1].provenance["steps_done"] == 4


def test_a_share_of_the_start_that_is_none_is_refused():
    for wrong in (2, -0.1, float("nan"), "most"):
        with pytest.raises(SettingsError, match=f"kept must be 0 to 1 .* {wrong!r}"):
            FinetuneSettings(kept=wrong)


class Answers(torch.nn.Module):
    """Says one class everywhere, and a second one in the first row."""

    def __init__(self, everywhere, first_row, classes):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.said = everywhere, first_row, classes

    def probabilities(self, image):
        assert not self.training, "a start answers as it would be used"
        everywhere, first_row, classes = self.said
        found = torch.full(image.shape[2:], everywhere)
        found[0] = first_row
        return torch.nn.functional.one_hot(found, classes).movedim(-1, 0)[None].float()


def labelled(target):
    target = torch.tensor(target, dtype=torch.int16)[None]
    return LabelledFrame(torch.zeros(1, 1, *target.shape[1:]), target, torch.empty(0))


def test_a_start_agrees_by_the_dice_of_all_pixels_that_are_labelled():
    first = labelled([[1, 0], [0, 0]])  # 1 right of 2 said and 1 true
    other = labelled([[1, -1], [1, 0]])  # 1 right of 1 said and 2 true
    start = Answers(0, 1, 2)
    assert agreement(start, [first]) == pytest.approx(2 / 3)
    assert agreement(start, [first, other]) == pytest.approx(2 * 2 / (3 + 3))
    assert agreement(Answers(1, 0, 2), [labelled([[1, 1], [0, 0]])]) == 0
    assert start.training
    wrong = labelled([[0, 0], [1, 1]])
    assert agreement(start, [first, wrong] * 16) == pytest.approx(2 / 3)  # every second


def test_a_class_that_the_start_does_not_know_has_no_part_in_the_agreement():
    both = labelled([[1, 1], [2, 0]])
    assert agreement(Answers(0, 1, 3), [both]) == pytest.approx(0.5)  # 1 and 0


def test_the_better_the_start_fits_the_more_of_it_is_kept(tmp_path):
    assert FinetuneSettings.tuned().kept == "earned"
    cine, labels = striped()
    examples = [(cine, first_frame(labels))]
    first = finetune(examples, settings(60), out=tmp_path / "1.safetensors")
    moved = [(cine, first_frame(np.roll(labels, 2, axis=1)))]
    earned = settings(2, kept="earned")
    again = finetune(moved, earned, start=first, out=tmp_path / "2.safetensors")
    agrees = agreement(load_model(first)[0], gather_frames(moved))
    assert 0 < agrees < 1
    origin = load_model(again)[1].provenance["start"]
    assert origin["kept"] == pytest.approx(agrees**4)
    given = settings(2, kept=0.3)
    again = finetune(moved, given, start=first, out=tmp_path / "3.safetensors")
    origin = load_model(again)[1].provenance["start"]
    assert origin["kept"] == 0.3


def test_beside_strokes_a_quarter_is_kept_at_least():
    full, strokes = labelled([[1, 0], [0, 0]]), labelled([[1, 0], [-1, -1]])
    assert earned_share(0.5, [full]) == pytest.approx(0.5**4)
    assert earned_share(0.5, [full, strokes]) == 0.25
    assert earned_share(0.9, [full, strokes]) == pytest.approx(0.9**4)


def test_strokes_do_not_say_how_much_of_a_start_is_kept():
    """People paint where the masks are wrong."""
    assert earned_share(None, [labelled([[1, 0], [-1, -1]])]) == 0.25


def test_pseudo_labels_are_added_if_they_are_asked_for(tmp_path, monkeypatch):
    cine, labels = striped()
    examples = [(cine, first_frame(labels))]
    first = finetune(examples, settings(1), out=tmp_path / "1.safetensors")
    asked = []

    def with_pseudo_labels(_model, frames, new):
        asked.append(new)
        return frames

    monkeypatch.setattr(finetune_module, "with_pseudo_labels", with_pseudo_labels)
    for wanted in (False, True):
        chosen = settings(1, pseudo_labels=wanted, kept=0.0)
        finetune(examples, chosen, start=first, out=tmp_path / "2.safetensors")
        assert len(asked) == wanted


def test_all_of_the_start_kept_is_the_start(tmp_path):
    cine, labels = striped()
    examples = [(cine, first_frame(labels))]
    first = finetune(examples, settings(2), out=tmp_path / "1.safetensors")
    again = finetune(
        examples, settings(5, kept=1.0), start=first, out=tmp_path / "2.safetensors"
    )
    image = torch.from_numpy(cine.normalized(1))[None, None]
    with torch.inference_mode():
        torch.testing.assert_close(
            load_model(again)[0](image), load_model(first)[0](image)
        )


def test_it_ends_when_the_mask_no_longer_changes(tmp_path):
    cine, labels = striped()
    examples = [(cine, first_frame(labels))]
    first = finetune(
        examples, settings(40, loss="bce+dice"), out=tmp_path / "1.safetensors"
    )
    slow = settings(200, early_stopping_every=2, training={"learning_rate": 1e-6})
    seen = []
    job = finetune_job(examples, slow, start=first, out=tmp_path / "2.safetensors")
    run(job, seen.append)
    _, card = load_model(tmp_path / "2.safetensors")
    assert card.provenance["steady"]
    assert not card.provenance["stopped"]
    assert card.provenance["steps_done"] < 30
    assert "no longer changes" in seen[-1].message


def test_steady_is_a_row_of_like_masks_that_are_not_empty():
    mask = np.zeros((8, 8))
    watch = EarlyStopping(min_dice=0.9, patience=2)
    assert [watch.update(mask) for _ in range(5)] == [False] * 5
    mask[2:5] = 1
    assert [watch.update(mask) for _ in range(3)] == [False, False, True]
    other = mask.T
    assert [watch.update(m) for m in (other, other, other)] == [False, False, True]
    with pytest.raises(SettingsError, match="patience at least 1; got 0.9 and 0"):
        EarlyStopping(0.9, 0)


def test_carried_labels_are_learnt_from(tmp_path, small_cine, synthetic, monkeypatch):
    """With the exact flow, the frames beside the painted one are labels too."""
    from napari_motionseg.motion import FlowSequence
    from napari_motionseg.segmentation import weak_labels as weak

    pairs = range(len(small_cine) - 1)
    flow = np.stack([synthetic.flow(t, t + 1) for t in pairs])
    back = np.stack([synthetic.flow(t + 1, t) for t in pairs])
    monkeypatch.setattr(
        weak, "lazy_flow", lambda *a: FlowSequence(flow, back, 1, "exact")
    )
    masks = np.asarray(synthetic.masks, np.uint8)
    labels = Labels(masks, np.arange(len(masks)) == 4)
    carry = CarrySettings(steps=1, tolerance=4.0)
    job = weak.gather_carried([(small_cine, labels)], carry)
    assert "frame 4" in next(job).message
    with pytest.raises(StopIteration) as end:
        next(job)
    frames = end.value.value
    assert len(frames) == 2
    before, after = (masks[4] > 0), frames[0]
    known = after.target[0].numpy() >= 0
    vessel = (after.target[0].numpy() == 1) & known
    truth = (masks[5] > 0) & known
    assert dice(vessel, truth) > dice(before & known, truth)
    drawn = after.believed(torch.Generator().manual_seed(0))
    assert 0 < (drawn >= 0).sum() < known.sum()


def test_pictures_of_the_shown_frame(tmp_path):
    cine, labels = striped()
    seen = []
    job = finetune_job(
        [(cine, first_frame(labels))],
        settings(2, training={"preview_every": 1}),
        start=None,
        out=tmp_path / "m.safetensors",
        shown=np.zeros((24, 40), np.float32),
    )
    run(job, seen.append)
    assert seen[-1].preview.shape == (24, 40)


def short_of_memory(monkeypatch, too_much):
    """Let steps fail whose pictures, ``(B, 1, h, w)``, are too much."""
    seen = []
    honest = task_module.segmentation_loss

    def loss(logits, targets, kind):
        if too_much(logits):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")
        seen.append((len(logits), logits.shape[-1]))
        return honest(logits, targets, kind)

    monkeypatch.setattr(task_module, "segmentation_loss", loss)
    return seen


def large():
    cine, labels = striped((1, 256, 256))
    return [(cine, first_frame(labels))]


def test_fewer_pictures_then_smaller_ones_where_memory_runs_out(tmp_path, monkeypatch):
    seen = short_of_memory(monkeypatch, lambda x: x.numel() > 2 * 70 * 70)
    wide = dataclasses.replace(settings(), crop=None, batch=2)
    job = finetune_job(large(), wide, start=None, out=tmp_path / "m.safetensors")
    said = [progress.message for progress in job]
    assert seen == [(1, 64)] * 3
    for words in ("the batch is now 1 instead of 2", "of 128 pixels", "of 64 pixels"):
        assert words in said[0]
    assert not any(said[1:])


def test_too_little_memory_for_the_smallest_window_is_said(tmp_path, monkeypatch):
    short_of_memory(monkeypatch, lambda x: True)
    with pytest.raises(TrainingMemoryError, match="cpu has too little memory"):
        finetune(large(), settings(), start=None, out=tmp_path / "m.safetensors")


def test_the_processor_goes_on_where_a_gpu_is_too_small(tmp_path, monkeypatch):
    devices = []
    honest = finetune_module.train_job

    def train_job(task, training):
        devices.append(training.device)
        if training.device != "cpu":
            raise TrainingMemoryError("cuda has too little memory")
        return (yield from honest(task, training))

    monkeypatch.setattr(finetune_module, "train_job", train_job)
    monkeypatch.setattr(
        finetune_module, "resolve_device", lambda name: torch.device("cuda")
    )
    wanted = settings(training={"device": "auto"})
    job = finetune_job(large(), wanted, start=None, out=tmp_path / "m.safetensors")
    said = [progress.message for progress in job]
    assert devices == ["auto", "cpu"]
    assert said[0] == "cuda has too little memory; training continues on the CPU."
    assert not any(said[1:])
    assert (tmp_path / "m.safetensors").exists()


def test_a_preview_that_does_not_fit_comes_from_the_processor(monkeypatch):
    cine, labels = striped()
    frames = gather_frames([(cine, first_frame(labels))])
    task = FinetuneTask(
        SegmentationNet(TINY, 2), frames, settings(), frames[0].image
    )  # fmt: skip
    wanted, calls = task.preview(), []
    honest = SegmentationNet.probabilities

    def once(model, image):
        calls.append(image.shape)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")
        return honest(model, image)

    monkeypatch.setattr(SegmentationNet, "probabilities", once)
    np.testing.assert_array_equal(task.preview(), wanted)
    assert len(calls) == 2
