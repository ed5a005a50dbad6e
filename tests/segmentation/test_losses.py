import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation.losses import segmentation_loss


@pytest.fixture(params=[1, 3])
def case(request):
    """Logits and targets of two or three classes, a third of it unlabelled."""
    rng = np.random.default_rng(request.param)
    channels = request.param
    logits = rng.normal(0, 2, (2, channels, 5, 7))
    target = rng.integers(-1, 2 if channels == 1 else 3, (2, 5, 7))
    return logits, target


def slow_loss(logits, target, dice):
    batch, channels, height, width = logits.shape
    pixels = []
    for b in range(batch):
        for r in range(height):
            for c in range(width):
                if target[b, r, c] < 0:
                    continue
                z = logits[b, :, r, c]
                if channels == 1:
                    foreground = 1 / (1 + np.exp(-z[0]))
                    p = np.array([1 - foreground, foreground])
                else:
                    p = np.exp(z) / np.exp(z).sum()
                pixels.append((p, target[b, r, c]))
    loss = -np.mean([np.log(p[k]) for p, k in pixels])
    if not dice:
        return loss
    terms = []
    for k in range(1, len(pixels[0][0])):
        both = sum(p[k] for p, t in pixels if t == k)
        total = sum(p[k] for p, _ in pixels) + sum(t == k for _, t in pixels)
        terms.append(1 - (2 * both + 1e-5) / (total + 1e-5))
    return loss + np.mean(terms)


@pytest.mark.parametrize("name", ["bce", "bce+dice"])
def test_loss_equals_slow_version(case, name):
    logits, target = case
    value = segmentation_loss(torch.tensor(logits), torch.tensor(target), name)
    assert value.item() == pytest.approx(slow_loss(*case, "dice" in name), rel=1e-5)


@pytest.mark.parametrize("name", ["bce", "bce+dice"])
def test_unlabelled_pixels_weigh_nothing(case, name):
    logits, target = torch.tensor(case[0]), torch.tensor(case[1])
    before = segmentation_loss(logits, target, name)
    changed = torch.where((target < 0)[:, None], logits + 5, logits)
    torch.testing.assert_close(segmentation_loss(changed, target, name), before)
    logits.requires_grad_()
    segmentation_loss(logits, target, name).backward()
    assert not logits.grad[(target < 0)[:, None].expand_as(logits)].any()


@pytest.mark.parametrize("name", ["bce", "bce+dice"])
def test_nothing_labelled_is_finite(case, name):
    logits = torch.tensor(case[0], requires_grad=True)
    loss = segmentation_loss(logits, torch.full((2, 5, 7), -1), name)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_a_sure_and_right_prediction_costs_nothing():
    target = torch.tensor([[[0, 1], [1, -1]]])
    logits = (target[:, None] * 2 - 1) * 40.0
    assert segmentation_loss(logits, target, "bce+dice").item() < 1e-5


def test_unknown_loss_is_refused(case):
    with pytest.raises(SettingsError, match=r"'bce' or 'bce\+dice', not 'mse'"):
        segmentation_loss(torch.tensor(case[0]), torch.tensor(case[1]), "mse")
