"""What the explorer finds of a frame, without a window."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from napari_motionseg.embedding import FrameVectors, similarity_map
from napari_motionseg.embedding.features import vessel_probability
from napari_motionseg.embedding.first_anchor import vessel_pixel
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    save_model,
)
from napari_motionseg.motion import FlowSequence
from napari_motionseg.viewmodel.explorer_state import (
    Anchors,
    ExplorerChoices,
    ExplorerEngine,
    ExplorerRequest,
)
from napari_motionseg.viewmodel.frame_embeddings import frame_embedding
from napari_motionseg.viewmodel.session import Model, Session

CONFIG = UNetConfig(width=4, depth=2, embedding_dim=6)
PIXELS = np.random.default_rng(0).integers(0, 255, (5, 20, 24), dtype=np.uint8)


class Layer:
    """As much of an image layer as a session looks at."""

    data, name, metadata, rgb = PIXELS, "a loop", {}, False
    scale, units = (1.0, 1.0, 1.0), ("pixel", "pixel", "pixel")


@pytest.fixture
def asked(tmp_path):
    path = tmp_path / "net.safetensors"
    configuration = {"classes": 2, **dataclasses.asdict(CONFIG)}
    card = ModelCard("segmentation", "SegmentationNet", configuration, {})
    save_model(path, SegmentationNet(CONFIG), card)
    session, layer = Session(), Layer()
    model = Model(path, "segmentation", "net")
    choices = ExplorerChoices(("similarity", "flow similarity"))
    yield ExplorerRequest(
        session, layer, session.loop(layer), (model,), 1, choices, Anchors(((4, 5),), 1)
    )
    session.close()


def with_flow(asked, flow):
    asked.session.set_flow(asked.loop, FlowSequence(flow, None, 1, "test"))
    return asked


def test_a_map_is_that_of_the_frame_s_embedding(asked):
    found = ExplorerEngine().compute(asked)
    path = asked.models[0].path
    embedding = frame_embedding(asked.session, asked.loop, path, 1)
    expected = similarity_map(embedding, (4, 5))
    np.testing.assert_allclose(found.pictures[0]["similarity"], expected, atol=1e-6)
    assert found.names == ("similarity",)
    assert found.remarks == ("Flow views need flow, and none is estimated yet.",)
    assert (found.grid.members, found.grid.pictures) == (1, 1)


def test_what_stays_is_not_made_again(asked):
    desk = ExplorerEngine()
    with_flow(asked, np.ones((4, 2, 20, 24), np.float32))
    first = desk.compute(asked)
    again = desk.compute(dataclasses.replace(asked))
    assert again.subjects[0].vectors is first.subjects[0].vectors
    for name in first.names:
        assert again.pictures[0][name] is first.pictures[0][name]


def test_the_last_frame_has_no_flow(asked):
    with_flow(asked, np.ones((4, 2, 20, 24), np.float32))
    found = ExplorerEngine().compute(dataclasses.replace(asked, t=4))
    assert found.remarks == ("No flow begins at this frame; the last begins at 3.",)


def test_anchors_are_carried_or_lost(asked):
    flow = np.zeros((4, 2, 20, 24), np.float32)
    flow[:, 1] = 6  # rows a frame, downwards
    with_flow(asked, flow)
    carry = dataclasses.replace(asked.choices, carry=True)
    found = ExplorerEngine().compute(dataclasses.replace(asked, t=3, choices=carry))
    assert found.positions == ((16, 5),)
    assert found.subjects[0].anchors == ((16, 5),)
    gone = ExplorerEngine().compute(dataclasses.replace(asked, t=4, choices=carry))
    assert "An anchor has left the picture." in gone.remarks
    assert gone.subjects[0].anchors == ()
    assert "similarity" not in gone.names
    outside = dataclasses.replace(asked, anchors=Anchors(((4, 99), (math.nan, 0)), 1))
    assert (
        "2 anchors have left the picture." in ExplorerEngine().compute(outside).remarks
    )


def test_without_an_anchor_it_says_where_to_click(asked):
    found = ExplorerEngine().compute(dataclasses.replace(asked, anchors=Anchors()))
    assert "Click into a picture to set the anchor." in found.remarks


def test_the_first_anchor_is_where_the_network_sees_a_vessel(asked):
    wished = dataclasses.replace(asked, anchors=Anchors(), first_anchor=True)
    found = ExplorerEngine().compute(wished)
    path = asked.models[0].path
    vectors = FrameVectors(frame_embedding(asked.session, asked.loop, path, 1))
    shares = vessel_probability(asked.session.network(path), vectors)
    expected = vessel_pixel(asked.loop.cine.normalized(1), shares)
    assert found.positions == (expected,)
    assert "similarity" in found.names
    kept = ExplorerEngine().compute(dataclasses.replace(asked, first_anchor=True))
    assert kept.positions == ((4, 5),), "an anchor that the user has set stays"


def test_labels_are_told_apart_or_why_not(asked):
    painted = np.zeros((20, 24), np.uint8)
    painted[:4, :5] = 2
    found = ExplorerEngine().compute(dataclasses.replace(asked, painted=painted))
    assert 0 <= found.separation.auc <= 1
    empty = ExplorerEngine().compute(dataclasses.replace(asked, painted=0 * painted))
    assert empty.separation is None
    assert "no pixel on the label" in empty.no_separation
    assert found.no_separation == ""
    assert not any("label" in words for words in empty.remarks), "said beside it"


def test_a_pixel_s_profile_has_the_class_of_the_network(asked):
    found = ExplorerEngine().compute(asked)
    network = asked.session.network(asked.models[0].path).eval()
    frame = torch.from_numpy(asked.loop.cine.normalized(1))[None, None]
    with torch.no_grad():
        expected = network.probabilities(frame)[0, :, 7, 9]
    profile = found.profile((7, 9), 0)
    np.testing.assert_allclose(profile.probabilities, expected, atol=5e-3)
    assert profile.gray == pytest.approx(PIXELS[1, 7, 9] / 255)


def test_a_shift_wider_than_the_picture_is_held(asked):
    choices = ExplorerChoices(("shifted embedding",), shift=(50, -50))
    found = ExplorerEngine().compute(dataclasses.replace(asked, choices=choices))
    assert np.isfinite(found.pictures[0]["shifted embedding"]).sum() == 1


def test_a_figure_has_a_row_a_checkpoint(asked):
    rows = ExplorerEngine().compute(asked).figure_rows()
    assert [(row.title, row.anchors) for row in rows] == [("net", ((4, 5),))]
