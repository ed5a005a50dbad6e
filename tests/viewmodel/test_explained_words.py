"""What an embedding explains is told in words."""

from napari_motionseg.models import ModelCard
from napari_motionseg.viewmodel.explained_words import explained_words


def card(**explained):
    return ModelCard("embedding", "UNet", {}, {"explained": explained})


def test_learnt_motion_is_told_beside_shuffled_motion():
    words = explained_words(card(held_out_explained=0.43, shuffled_explained=-0.33))
    assert words == (
        "It explains 43% of the motion in frames that it was not trained on, and -33% "
        "of shuffled motion."
    )


def test_a_gain_that_shuffled_motion_has_too_is_no_gain():
    for motion, shuffled in ((0.01, -0.5), (0.62, 0.6), (-0.2, -0.9)):
        found = card(held_out_explained=motion, shuffled_explained=shuffled)
        assert explained_words(found).endswith("taught it nothing about their motion.")


def test_nothing_is_said_where_nothing_was_held_out():
    assert explained_words(card(held_out="nothing")) == ""
    assert explained_words(ModelCard("embedding", "UNet", {})) == ""
