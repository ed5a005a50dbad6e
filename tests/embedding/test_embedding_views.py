"""Views of a frame: made when something changed, and only then."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.embedding.embedding_views import (
    FIGURE_3,
    FIRST_SHOWN,
    VIEWS,
    Pictures,
    Subject,
    title_of,
    view_of,
)
from napari_motionseg.embedding.figure import FigureRow, draw_figure, save_figure
from napari_motionseg.embedding.flow_kernels import AbsoluteKernel
from napari_motionseg.embedding.frame_vectors import FrameVectors
from napari_motionseg.embedding.pixel_profile import pixel_profile
from napari_motionseg.embedding.projection import Palette
from napari_motionseg.embedding.similarity import (
    flow_similarity,
    shifted_flow_similarity,
    shifted_similarity,
    similarity_map,
)
from napari_motionseg.embedding.soft_segments import soft_segments
from napari_motionseg.motion import SpeedScale

RANDOM = np.random.default_rng(0)
EMBEDDING = RANDOM.normal(size=(6, 12, 15)).astype(np.float32)
FLOW = RANDOM.normal(0, 3, (2, 12, 15)).astype(np.float32)
ANCHORS = ((4, 5), (9, 2))


@pytest.fixture
def subject():
    palette = Palette.of(EMBEDDING.reshape(6, -1))
    return Subject(FrameVectors(EMBEDDING), palette, FLOW, ANCHORS[:1])


def test_each_column_is_what_its_function_says(subject):
    found = Pictures().of(FIGURE_3, subject)
    assert tuple(found) == FIGURE_3
    for name, expected in {
        "projection": subject.palette.colors(subject.vectors),
        "flow similarity": flow_similarity(FLOW, (4, 5)),
        "similarity": similarity_map(EMBEDDING, (4, 5)),
        "shifted flow": shifted_flow_similarity(FLOW),
        "shifted embedding": shifted_similarity(EMBEDDING),
    }.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)


def test_another_anchor_makes_two_maps_anew(subject):
    pictures = Pictures()
    before = pictures.of(FIGURE_3, subject)
    moved = dataclasses.replace(subject, anchors=ANCHORS[1:])
    after = pictures.of(FIGURE_3, moved)
    changed = {name for name in FIGURE_3 if after[name] is not before[name]}
    assert changed == {"flow similarity", "similarity"}
    kernel = dataclasses.replace(moved, kernel=AbsoluteKernel())
    changed = {n for n, p in pictures.of(FIGURE_3, kernel).items() if p is not after[n]}
    assert changed == {"flow similarity", "shifted flow"}


def test_another_frame_makes_everything_anew(subject):
    pictures = Pictures()
    before = pictures.of(FIGURE_3, subject)
    other = dataclasses.replace(
        subject, vectors=FrameVectors(EMBEDDING), flow=FLOW.copy()
    )
    after = pictures.of(FIGURE_3, other)
    assert not [name for name in FIGURE_3 if after[name] is before[name]]


def test_several_anchors_have_one_map_or_each_its_own(subject):
    both = dataclasses.replace(subject, anchors=ANCHORS)
    found = Pictures().of(["similarity"], both)
    assert tuple(found) == ("similarity",)
    each = Pictures().of(["similarity"], dataclasses.replace(both, how="each"))
    assert tuple(each) == ("similarity", "similarity 2")
    np.testing.assert_array_equal(
        each["similarity 2"], similarity_map(EMBEDDING, (9, 2))
    )
    np.testing.assert_array_equal(found["similarity"], np.max([*each.values()], axis=0))
    assert view_of("similarity 2") is VIEWS["similarity"]


def test_what_is_missing_is_left_out(subject):
    still = dataclasses.replace(subject, flow=None, anchors=())
    assert tuple(Pictures().of(FIGURE_3, still)) == ("projection", "shifted embedding")


def test_segments_are_the_softmax_s(subject):
    shares = np.exp(EMBEDDING) / np.exp(EMBEDDING).sum(axis=0)
    labels, confidence = soft_segments(subject.vectors)
    np.testing.assert_array_equal(labels, shares.argmax(axis=0) + 1)
    np.testing.assert_allclose(confidence, shares.max(axis=0), rtol=1e-5)
    flat = FrameVectors(np.full((4, 2, 3), 700, np.float32))  # no overflow
    np.testing.assert_allclose(soft_segments(flat)[1], 0.25)


def test_a_profile_says_all_that_is_known(subject):
    frame = RANDOM.random((12, 15)).astype(np.float32)
    similarity = similarity_map(EMBEDDING, (4, 5))
    full = pixel_profile(
        (2, 3), frame, subject.vectors, FLOW, similarity, np.array([0.25, 0.75])
    )
    assert full.norm == pytest.approx(np.linalg.norm(EMBEDDING[:, 2, 3]))
    x, y = FLOW[:, 2, 3]
    for words in (
        "vessel 75 %", f"similarity to the anchor {similarity[2, 3]:+.2f}",
        f"moves {np.hypot(x, y):.1f} px ({x:+.1f} across, {y:+.1f} down)",
        f"gray value {100 * frame[2, 3]:.0f} %",
    ):  # fmt: skip
        assert words in full.words
    assert full.words.startswith("vessel"), "what counts most comes first"
    bare = pixel_profile((2, 3), frame, subject.vectors)
    assert bare.words.startswith("gray value")
    assert "vessel " not in bare.words


def test_a_profile_says_mm_where_they_are_known_and_numbers_other_classes(subject):
    frame = np.zeros((12, 15), np.float32)
    scale = SpeedScale(1, gap_ms=100, spacing=(0.5, 0.5))
    shares = np.array([0.1, 0.1, 0.1, 0.7])
    profile = pixel_profile(
        (2, 3), frame, subject.vectors, FLOW, None, shares, scale=scale
    )
    speed = 5 * np.hypot(*FLOW[:, 2, 3])
    assert f"{speed:.0f} mm/s" in profile.words
    assert "class 3 70 %" in profile.words


def test_three_views_are_shown_first_and_titles_follow_the_method():
    assert FIRST_SHOWN == ("projection", "flow similarity", "similarity")
    assert title_of("projection") == "Random projection"
    assert title_of("projection", "pca") == "PCA projection"
    assert title_of("similarity 2") == "Similarity to the anchor: embedding 2"


def test_the_figure_has_a_cell_a_column_and_a_bar_below_each_map(subject, tmp_path):
    frame = RANDOM.random((12, 15))
    whole = FigureRow("first", frame, Pictures().of(FIGURE_3, subject), ANCHORS)
    still = dataclasses.replace(subject, flow=None)
    bare = FigureRow("second", frame, Pictures().of(FIGURE_3, still), ANCHORS)
    figure = draw_figure([whole, bare], "how it was made")
    cells = [axes for axes in figure.axes if axes.images]
    assert len(cells) == 12
    assert len(figure.axes) == 12 + 4
    titles = [axes.get_title() for axes in cells[:6]]
    assert titles == ["Frame", *(VIEWS[name].title for name in FIGURE_3)]
    missing = [axes for axes in cells if axes.texts]
    assert len(missing) == 2
    assert "no flow begins" in missing[0].texts[0].get_text()
    assert "how it was made" in [text.get_text() for text in figure.texts]
    save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
