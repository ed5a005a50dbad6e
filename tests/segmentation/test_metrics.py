import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation.metrics import cldice, dice, evaluate, hd95


def blobs(seed, shape=(37, 41)):
    """Thick random lines: vessel-like masks."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    position = np.array([rng.uniform(5, s - 5) for s in shape])
    angle = rng.uniform(0, 2 * np.pi)
    for _ in range(60):
        angle += rng.normal(0, 0.2)
        position = np.clip(
            position + (np.sin(angle), np.cos(angle)), 2, np.array(shape) - 3
        )
        r, c = position.astype(int)
        mask[r - 1 : r + 2, c - 1 : c + 2] = True
    return mask


def slow_dice(p, t):
    both = sum(a and b for a, b in zip(p.flat, t.flat, strict=True))
    return 2 * both / (sum(map(bool, p.flat)) + sum(map(bool, t.flat)))


def slow_edges(mask):
    """Pixels with a neighbour outside the mask, the image's border being outside."""
    padded = np.pad(mask, 1)
    return [
        (r, c)
        for r in range(mask.shape[0])
        for c in range(mask.shape[1])
        if mask[r, c]
        and not all(
            padded[r + 1 + dy, c + 1 + dx]
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
        )
    ]


def slow_hd95(p, t, spacing=(1, 1)):
    def directed(first, second):
        nearest = [
            min(np.hypot((r - u) * spacing[0], (c - v) * spacing[1]) for u, v in second)
            for r, c in first
        ]
        return np.percentile(nearest, 95)

    edges = slow_edges(p), slow_edges(t)
    return max(directed(*edges), directed(*edges[::-1]))


def slow_thinning(mask):
    """Zhang and Suen's thinning, step by step as published (1984)."""
    image = np.pad(mask, 1).astype(int)
    ring = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    while True:
        before = image.copy()
        for step in (0, 1):
            doomed = []
            for r, c in zip(*np.nonzero(image), strict=True):
                p = [image[r + dy, c + dx] for dy, dx in ring]
                turns = sum(
                    a == 0 and b == 1 for a, b in zip(p, p[1:] + p[:1], strict=True)
                )
                n, e, s, w = p[0], p[2], p[4], p[6]
                sides = (n * e * s, e * s * w) if step == 0 else (n * e * w, n * s * w)
                if 2 <= sum(p) <= 6 and turns == 1 and sides == (0, 0):
                    doomed.append((r, c))
            for r, c in doomed:
                image[r, c] = 0
        if (image == before).all():
            return image[1:-1, 1:-1].astype(bool)


def slow_cldice(p, t):
    lines, true_lines = slow_thinning(p), slow_thinning(t)
    precision = (lines & t).sum() / lines.sum()
    sensitivity = (true_lines & p).sum() / true_lines.sum()
    return 2 * precision * sensitivity / (precision + sensitivity)


@pytest.mark.parametrize("seed", range(4))
def test_metrics_equal_slow_versions(seed):
    prediction, truth = blobs(seed), blobs(seed) | np.roll(blobs(seed + 10), 1, 1)
    assert dice(prediction, truth) == pytest.approx(slow_dice(prediction, truth))
    assert hd95(prediction, truth) == pytest.approx(slow_hd95(prediction, truth))
    spacing = (0.3, 0.2)
    assert hd95(prediction, truth, spacing) == pytest.approx(
        slow_hd95(prediction, truth, spacing), rel=1e-5
    )
    assert cldice(prediction, truth) == pytest.approx(
        slow_cldice(prediction, truth), abs=0.02
    )


def test_hand_computed():
    truth = np.zeros((20, 30), bool)
    truth[5, 3:23] = True
    shifted = np.roll(truth, 4, axis=0)
    half = truth.copy()
    half[:, 13:] = False
    assert dice(half, truth) == pytest.approx(2 * 10 / 30)
    assert cldice(half, truth) == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert hd95(shifted, truth) == pytest.approx(4)
    assert hd95(shifted, truth, (0.5, 9.0)) == pytest.approx(2)
    assert dice(shifted, truth) == 0
    assert cldice(shifted, truth) == 0


def test_cldice_forgives_width_where_dice_does_not():
    thin = np.zeros((21, 41), bool)
    thin[10, 4:37] = True
    thick = np.zeros_like(thin)
    thick[8:13, 4:37] = True
    assert dice(thin, thick) < 0.4
    assert cldice(thin, thick) == pytest.approx(1, abs=0.1)


def test_empty_masks():
    empty = np.zeros((4, 5), bool)
    full = ~empty
    assert (dice(empty, empty), cldice(empty, empty), hd95(empty, empty)) == (1, 1, 0)
    for pair in ((empty, full), (full, empty)):
        assert (dice(*pair), cldice(*pair)) == (0, 0)
        assert hd95(*pair) == pytest.approx(5)
        assert hd95(*pair, (2.0, 1.0)) == pytest.approx(np.hypot(6, 4))


def test_stacks_and_symmetry():
    first = np.stack([blobs(s) for s in range(3)])
    second = np.stack([blobs(s) for s in (0, 5, 6)])
    for metric in (dice, cldice, hd95):
        values = metric(first, second)
        assert values.shape == (3,)
        np.testing.assert_allclose(values, metric(second, first))
        np.testing.assert_allclose(values[1], metric(first[1], second[1]))
    assert dice(first, second)[0] == 1


def test_rejected_input():
    mask = np.zeros((4, 5), bool)
    with pytest.raises(SettingsError, match=r"shapes \(4, 5\) and \(5, 4\)"):
        dice(mask, mask.T)
    with pytest.raises(SettingsError, match="must be bool; got bool and int64"):
        cldice(mask, mask.astype(np.int64))
    with pytest.raises(SettingsError, match="spacing must be two positive"):
        hd95(mask, mask, (0.0, 1.0))


def test_evaluate_gives_a_table_of_the_valid_frames():
    truth = np.stack([blobs(s) for s in range(4)]).astype(np.uint8)
    prediction = truth.copy()
    prediction[2] = 0
    truth[3, :10] = 2
    valid = np.array([True, False, True, True])
    table = evaluate(prediction, truth, valid=valid, spacing=(0.5, 0.5), label=1)
    assert [row["frame"] for row in table.rows()] == [0, 2, 3]
    assert table.rows()[0] == {"frame": 0, "dice": 1, "cldice": 1, "hd95": 0}
    assert table.unit == "mm"
    means = table.mean()
    assert means["dice"] == pytest.approx(np.mean([r["dice"] for r in table.rows()]))
    any_class = evaluate(prediction, truth)
    assert any_class.unit == "px"
    assert any_class.dice[3] == pytest.approx(dice(prediction[3] != 0, truth[3] != 0))


def test_evaluate_faults():
    masks = np.zeros((2, 4, 5), np.uint8)
    with pytest.raises(SettingsError, match="must share"):
        evaluate(masks, masks[:1])
    with pytest.raises(SettingsError, match="no frame to evaluate"):
        evaluate(masks, masks, valid=np.zeros(2, bool))


def test_catheters_that_the_reference_does_not_show_are_left_out():
    truth = np.zeros((1, 8, 8), np.uint8)
    truth[0, 2:4] = 1
    found = truth.copy()
    found[0, 6] = 2
    assert evaluate(found, truth).mean()["dice"] == 1
    shown = truth.copy()
    shown[0, 7] = 2  # elsewhere, so they are compared
    assert evaluate(found, shown).mean()["dice"] < 1
    assert evaluate(found, truth, label=2).mean()["dice"] == 0


def test_masks_of_another_numbering_are_compared_as_they_are():
    truth = np.zeros((1, 8, 8), np.uint8)
    truth[0, 2:4] = 1
    assert evaluate(2 * truth, truth).mean()["dice"] == 1
