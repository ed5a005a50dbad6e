"""Pictures of guided flow, of masks and of points."""

import numpy as np

from napari_motionseg.guidance.points import Arrow, Clicks
from napari_motionseg.viewmodel.frame_guidance import FrameGuidance, ObjectClicks
from napari_motionseg.viewmodel.guide_engine import ArrowAnswer
from napari_motionseg.viewmodel.guide_pictures import (
    NEGATIVE,
    POSITIVE,
    PROPOSED_RIM,
    STILL,
    arrow_vectors,
    marked_points,
    mask_picture,
)
from napari_motionseg.viewmodel.guided_pictures import (
    ARROWS,
    COLORS,
    DIFFERENCE,
    MEASURED,
    MOVED,
    drawn_pictures,
)
from napari_motionseg.viewmodel.stroke_picture import RIM


def test_guided_and_measured_flow_have_the_same_colors():
    frame = np.random.default_rng(0).random((40, 50), dtype=np.float32)
    flow = np.zeros((2, 40, 50), np.float32)
    flow[0, 10:20, 10:40] = 4
    answer = ArrowAnswer(None, frame, flow, 2 * flow)
    found = drawn_pictures(answer, (COLORS, ARROWS, MOVED, MEASURED))
    assert set(found.pictures) == {COLORS, ARROWS, MOVED, MEASURED, DIFFERENCE}
    weak, strong = (
        255 - int(found.pictures[name][15, 20].min()) for name in (COLORS, MEASURED)
    )
    assert abs(2 * weak - strong) <= 3
    assert found.pictures[DIFFERENCE][15, 20] == 4
    assert not found.pictures[DIFFERENCE][30, 20]
    np.testing.assert_allclose(found.pictures[MOVED][15, 25], frame[15, 21], atol=1e-6)
    assert (found.pictures[ARROWS][:, 1] == (0, 4)).all()
    assert not drawn_pictures(ArrowAnswer(None, frame), (COLORS, MOVED)).pictures


def test_a_mask_has_a_rim_that_tells_proposals():
    mask = np.zeros((9, 9), bool)
    mask[3:6, 3:6] = True
    scores = np.linspace(0, 1, 81, dtype=np.float32).reshape(9, 9)
    plain = mask_picture(mask, scores, 1)
    assert tuple(plain[2, 2]) == RIM
    assert not plain[0].any()
    proposed = mask_picture(mask, scores, 1, proposed=True, glow_at=0.9)
    assert tuple(proposed[2, 2]) == PROPOSED_RIM
    assert proposed[8, 8, 3] == proposed[8, 2, 3] > proposed[0, 8, 3] > 0


def test_points_have_the_color_of_their_meaning():
    frame = FrameGuidance(
        ObjectClicks(Clicks(((1, 2),), ((3, 4),))), arrows=(Arrow(5, 6), Arrow(7, 8, 1))
    )
    points = marked_points(frame)
    assert points[:3] == [(1, 2, POSITIVE), (3, 4, NEGATIVE), (5, 6, STILL)]
    assert arrow_vectors(frame.arrows).tolist() == [[[7, 8], [1, 0]]]
    assert arrow_vectors(()).shape == (0, 2, 2)
