"""Strokes of several frames, and what follows from them."""

import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import LabelError
from napari_motionseg.models import SegmentationNet, UNet, UNetConfig
from napari_motionseg.segmentation.closed_form_head import HeadSettings
from napari_motionseg.segmentation.live_preview import (
    CHOOSY,
    REACH,
    FrameView,
    LiveHead,
    around_strokes,
    view_of,
)

SIZE = (13, 17)


def view(seed=0, dim=4):
    """The first number tells left from right; the network knows nothing."""
    rng = np.random.default_rng(seed)
    embedding = rng.normal(0, 0.1, (dim, *SIZE)).astype(np.float32)
    embedding[0, :, :9] += 1
    embedding[0, :, 9:] -= 1
    return FrameView(embedding, np.full((2, *SIZE), 0.5, np.float32))


def strokes(*places):
    target = np.full(SIZE, -1, np.int16)
    for row, column, number in places:
        target[row, column : column + 3] = number
    return target


def head():
    return LiveHead(2, HeadSettings.alone())


def test_two_strokes_tell_the_sides_apart_on_any_frame():
    live = head()
    live.paint("a", view(0), strokes((3, 2, 1), (8, 12, 0)))
    for seed in (0, 5):
        vessel = live.predict(view(seed)).probabilities[1]
        assert (vessel[:, :9] > 0.7).all()
        assert (vessel[:, 9:] < 0.3).all()


def test_strokes_one_by_one_are_all_at_once():
    whole = strokes((3, 2, 1), (8, 12, 0), (5, 1, 1))
    slowly, at_once = head(), head()
    for part in (strokes((3, 2, 1)), strokes((3, 2, 1), (8, 12, 0)), whole):
        slowly.paint("a", view(), part)
    at_once.paint("a", view(), whole)
    np.testing.assert_allclose(
        slowly.predict(view(2)).probabilities,
        at_once.predict(view(2)).probabilities,
        atol=1e-6,
    )


def test_undone_and_painted_over_leaves_what_is_seen():
    live, plain = head(), head()
    live.paint("a", view(), strokes((3, 2, 0), (8, 12, 0)))
    live.paint("b", view(3), strokes((1, 1, 1)))
    live.paint("a", view(), strokes((3, 2, 1), (8, 12, 0)))
    live.paint("b", view(3), strokes())
    assert live.frames == ("a",)
    plain.paint("a", view(), strokes((3, 2, 1), (8, 12, 0)))
    np.testing.assert_allclose(
        live.predict(view()).probabilities,
        plain.predict(view()).probabilities,
        atol=1e-6,
    )


def test_one_class_alone_shows_what_is_like_it():
    live = head()
    live.paint("a", view(), strokes((3, 2, 1)))
    answer = live.predict(view(1))
    assert answer.painted == (1,)
    assert answer.probabilities[1][:, :9].min() > answer.probabilities[1][:, 9:].max()
    np.testing.assert_allclose(answer.probabilities.sum(0), 1, atol=1e-6)


def test_without_strokes_it_is_the_networks_own_answer():
    torch.manual_seed(0)
    network = SegmentationNet(UNetConfig(width=4, depth=2, embedding_dim=6)).eval()
    frame = torch.rand(1, 1, 20, 24)
    with torch.inference_mode():
        embedding = network.embedding(frame)[0].numpy()
        expected = network.probabilities(frame)[0].numpy()
    found = LiveHead(2).predict(view_of(network, embedding))
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-4)
    assert found.painted == ()


def test_an_embedding_alone_has_no_answer_yet():
    network = UNet(UNetConfig(width=4, depth=2, embedding_dim=6))
    plain = view_of(network, np.zeros((6, 4, 5), np.float16))
    assert (plain.probabilities == 0.5).all()


def test_a_stroke_holds_where_it_is_however_sure_the_network_was():
    live = LiveHead(3)
    certain = np.zeros((2, *SIZE), np.float32)
    certain[0] = 1
    sure = FrameView(view().embedding, certain)
    target = strokes((3, 2, 1), (3, 13, 2), (8, 12, 0))
    live.paint("a", sure, target)
    answer = live.predict(sure, "a").probabilities
    known = target >= 0
    assert (answer.argmax(0)[known] == target[known]).all()
    beside = live.predict(sure).probabilities  # as if it were another frame
    assert beside[1][3, 2] < answer[1][3, 2]


def test_a_stroke_reaches_only_what_is_like_it():
    live = LiveHead(2)
    sure = FrameView(
        view().embedding, np.array([0.99, 0.01])[:, None, None] * np.ones(SIZE)
    )
    live.paint("a", sure, strokes((6, 6, 1), (1, 14, 0)))
    gain = (live.predict(sure, "a").probabilities - live.predict(sure).probabilities)[1]
    assert gain[5, 6] > gain[3, 6] > 0
    assert gain[5, 8] > gain[5, 9]  # the embedding turns around there


def test_a_frame_painted_in_full_is_what_was_painted():
    live = LiveHead(2)
    target = (np.arange(SIZE[1]) < 9).astype(np.int16) * np.ones(SIZE, np.int16)
    target[3, 3] = 0
    live.paint("a", view(), target)
    found = live.predict(view(), "a").probabilities.argmax(0)
    np.testing.assert_array_equal(found, target)


def test_only_what_changed_is_new():
    live = head()
    assert not live.is_new("a", strokes())
    assert live.is_new("a", strokes((3, 2, 1)))
    live.paint("a", view(), strokes((3, 2, 1)))
    assert not live.is_new("a", strokes((3, 2, 1)))
    assert live.is_new("a", strokes())


def test_labels_of_elsewhere_are_refused():
    with pytest.raises(LabelError, match="must have the frame.s shape"):
        head().paint("a", view(), np.zeros((4, 4), np.int16))
    with pytest.raises(LabelError, match="add a class first"):
        head().paint("a", view(), strokes((3, 2, 2)))


def test_near_a_stroke_scores_move_as_slow_loops_say():
    seen, target = view(), strokes((6, 6, 1), (1, 14, 0))
    scores = np.random.default_rng(1).normal(0, 1, (2, SIZE[0] * SIZE[1]))
    scores = scores.astype(np.float32)
    found = around_strokes(scores, seen, target, 2.0)
    painted = np.argwhere(target >= 0)
    for pixel in np.ndindex(SIZE):
        here = pixel[0] * SIZE[1] + pixel[1]
        distances = np.linalg.norm(painted - pixel, axis=1)
        if np.sum(distances == distances.min()) > 1:
            continue  # either stroke may count as the nearest
        row, column = painted[distances.argmin()]
        known = int(target[row, column])
        at = row * SIZE[1] + column
        one, other = seen.embedding[:, *pixel], seen.embedding[:, row, column]
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        weight = math.exp(-(distances.min() ** 2) / (2 * REACH**2))
        weight *= max(cosine, 0) ** CHOOSY * (distances.min() < 3 * REACH)
        lead = scores[known, at] - scores[1 - known, at]
        gained = found[known, here] - found[1 - known, here]
        gained -= scores[known, here] - scores[1 - known, here]
        assert gained == pytest.approx(weight * max(2.0 - lead, 0.0), abs=1e-4)


def test_of_one_class_alone_another_has_the_rest():
    for number, rest in ((0, 1), (1, 0), (2, 0)):
        live = LiveHead(3, HeadSettings.alone())
        live.paint("a", view(), strokes((3, 2, number)))
        shares = live.predict(view(1)).probabilities
        np.testing.assert_allclose(shares[rest], 1 - shares[number], atol=1e-6)
