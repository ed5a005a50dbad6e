import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import (
    CheckpointError,
    SettingsError,
)
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNet,
    UNetConfig,
    save_model,
)
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.models.familiarity import LEVEL, Familiarity
from napari_motionseg.segmentation.predict import (
    STRANGE,
    load_segmentation,
    segment,
    segment_job,
)

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


def network(classes=2):
    torch.manual_seed(0)
    return SegmentationNet(TINY, classes)


def test_equals_the_network_asked_frame_by_frame(noise_cine):
    model = network(3).eval()
    result = segment(noise_cine, model, device="cpu", threshold=0.4)
    for t in range(len(noise_cine)):
        image = torch.from_numpy(noise_cine.normalized(t))[None, None]
        with torch.no_grad():
            p = model(image)[0].softmax(0).numpy()
        for r, c in ((0, 0), (35, 11), (71, 79), (20, 40)):
            foreground = p[1, r, c] + p[2, r, c]
            # bf16 where the machine has it
            assert result.probabilities[t, r, c] == pytest.approx(foreground, abs=0.03)
    expected = np.where(result.probabilities >= np.float16(0.4), result.likeliest, 0)
    np.testing.assert_array_equal(result.masks, expected)
    assert result.masks.dtype == np.uint8
    assert result.probabilities.dtype == np.float16
    assert result.done.all()


def test_two_classes_threshold_at_one_half(noise_cine):
    result = segment(noise_cine, network(), device="cpu")
    np.testing.assert_array_equal(result.masks, result.probabilities >= 0.5)
    high = result.at_threshold(0.9)
    np.testing.assert_array_equal(high.masks, result.probabilities >= np.float16(0.9))
    again = segment(noise_cine, network(), device="cpu", threshold=0.9)
    np.testing.assert_array_equal(high.masks, again.masks)


def test_order_preview_and_stop(noise_cine):
    job = segment_job(noise_cine, network(), frames=[5, 4, 6, 3], device="cpu")
    first = next(job)
    assert (first.step, first.total, first.message) == (1, 4, "")
    assert first.preview[0] == 5
    assert first.preview[1].shape == (72, 80)
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    result = end.value.value
    np.testing.assert_array_equal(np.flatnonzero(result.done), [4, 5])
    assert not result.probabilities[3].any()


def test_batches_change_nothing(noise_cine):
    single = segment(noise_cine, network(), device="cpu")
    batched = segment(noise_cine, network(), device="cpu", batch=3)
    np.testing.assert_allclose(
        single.probabilities.astype(float), batched.probabilities, atol=0.02
    )


def test_evaluation_mode_whatever_mode_it_came_in(noise_cine):
    model = network().train()
    before = model.embedding.state_dict()
    means = {k: v.clone() for k, v in before.items() if "running" in k}
    segment(noise_cine, model, frames=[0], device="cpu")
    after = model.embedding.state_dict()
    assert means
    assert all(torch.equal(after[k], v) for k, v in means.items())


def test_what_is_out_of_memory():
    words = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"
    assert is_out_of_memory(RuntimeError(words))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))


def test_other_failures_pass_through(noise_cine):
    class Broken(SegmentationNet):
        def probabilities(self, x):
            raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        segment(noise_cine, Broken(TINY, 2), device="cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": [8]}, "frame 8 is outside the loop's frames 0 to 7"),
        ({"frames": [-1]}, "frame -1 is outside"),
        ({"threshold": 0}, "threshold must be between 0 and 1; got 0"),
        ({"threshold": 1.5}, "got 1.5"),
        ({"batch": 0}, "batch must be at least 1"),
    ],
)
def test_options_out_of_range(noise_cine, options, message):
    with pytest.raises(SettingsError, match=message):
        segment(noise_cine, network(), device="cpu", **options)


def test_a_checkpoint_that_gives_no_masks(noise_cine, tmp_path):
    config = {"in_channels": 1, "embedding_dim": 8, "width": 4, "depth": 2}
    card = ModelCard("embedding", "UNet", config, {})
    save_model(tmp_path / "e.safetensors", UNet(TINY), card)
    with pytest.raises(CheckpointError, match="embedding"):
        segment(noise_cine, tmp_path / "e.safetensors", device="cpu")


def round_loop():
    """Gray tissue in a round field of view, black around it; and where it is open."""
    rng = np.random.default_rng(0)
    y, x = np.indices((96, 96))
    opened = np.hypot(x - 48, y - 48) < 42
    frames = rng.integers(110, 150, (3, 96, 96)).astype(np.uint8)
    frames[:, ~opened] = 3
    return Cine.from_array(frames), opened


def eager():
    """A network that calls every pixel a vessel."""
    model = network()
    torch.nn.init.zeros_(model.head.weight)
    torch.nn.init.constant_(model.head.bias, 5.0)
    return model


def test_nothing_is_marked_outside_the_field_of_view_nor_on_its_edge():
    cine, opened = round_loop()
    found = segment(cine, eager(), device="cpu")
    y, x = np.indices((96, 96))
    away = np.hypot(x - 48, y - 48)
    assert not found.masks[:, ~opened].any()
    assert not found.probabilities[:, away > 42].any()
    assert (found.masks[:, away < 38] == 1).all()


def test_the_whole_picture_on_demand():
    cine, _ = round_loop()
    found = segment(cine, eager(), device="cpu", whole_picture=True)
    assert (found.masks == 1).all()


@pytest.mark.parametrize(("limit", "strange"), [(0.0, True), (1e6, False)])
def test_a_loop_unlike_the_training_pictures_is_called_so(noise_cine, limit, strange):
    model = network()
    levels = model.embedding.eval().encoder_features(torch.zeros(1, 1, 16, 16))
    channels = levels[min(LEVEL, len(levels) - 1)].shape[1]
    model.familiarity = Familiarity((0.0,) * channels, (1.0,) * channels, limit)
    told = []
    result = run(segment_job(noise_cine, model, device="cpu"), told.append)
    assert result.strange is strange
    assert result.strangeness > 0
    assert [p.metrics["strange"] for p in told] == [float(strange)] * len(noise_cine)
    assert all((STRANGE in p.message) is strange for p in told)
    assert result.at_threshold(0.4).strange is strange


def test_a_network_without_such_statistics_says_nothing(noise_cine):
    told = []
    result = run(segment_job(noise_cine, network(), device="cpu"), told.append)
    assert result.strangeness is None
    assert not result.strange
    assert all(not p.metrics for p in told)


def test_the_statistics_come_with_the_checkpoint(tmp_path):
    model = network()
    known = Familiarity((0.0,) * 16, (1.0,) * 16)
    configuration = {**dataclasses.asdict(TINY), "classes": 2}
    card = ModelCard(
        "segmentation", "SegmentationNet", configuration, {"familiar": known.for_card()}
    )
    path = tmp_path / "known.safetensors"
    save_model(path, model, card)
    assert load_segmentation(path).familiarity == known


def test_weights_that_change_are_those_of_the_next_prediction(noise_cine):
    model = network().eval()
    before = segment(noise_cine, model, device="cpu", frames=[0])
    with torch.no_grad():
        model.head.bias.add_(3)
    after = segment(noise_cine, model, device="cpu", frames=[0])
    assert (after.probabilities[0] > before.probabilities[0]).mean() > 0.9
