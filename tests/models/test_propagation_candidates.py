"""Candidates for the flow of each pixel."""

import torch

from napari_motionseg.models.guided_points import guided_points
from napari_motionseg.models.propagation_candidates import (
    candidate_vectors,
    connected_share,
    likelier_vessel,
    likeliest_near,
    shared_classes,
)


def guidance(*points, size=(32, 48)):
    sparse = torch.zeros(1, 3, *size)
    for row, column, x, y in points:
        sparse[0, :, row, column] = torch.tensor([x, y, 1.0])
    return sparse


def test_each_cell_has_the_vector_that_claims_it():
    conductance = torch.full((1, 2, 8, 12), 0.9)
    conductance[:, 0, :, 6] = 0  # a wall for the first kind of way
    sparse = guidance((9, 3, 3, -1), (10, 30, 0, 0))
    vectors, facts = candidate_vectors(conductance, guided_points(sparse))
    assert vectors.shape == (1, 3, 2, 8, 12)
    assert (vectors[0, 0, 0, :, :6] == 3).all()
    assert (vectors[0, 0, 1, :, :6] == -1).all()
    assert not vectors[0, :2, :, :, 7:].any()
    reach, moving = facts[0, :2], facts[0, 4:6]
    assert reach[:, 2, 0].tolist() == [1, 1]
    assert moving[0, 2, 0] == 1
    assert not moving[0, :, 7:].any()  # the still point claims what is behind the wall
    assert not reach[0, :, 6].any()
    assert reach[1, :, 6].all()


def test_points_of_one_cell_are_averaged():
    vectors, _ = candidate_vectors(
        torch.full((1, 2, 8, 12), 0.9),
        guided_points(guidance((8, 8, 2, 0), (11, 11, 4, 2))),
    )
    assert vectors[0, 0, :, 5, 7].tolist() == [3, 1]


def test_directions_of_the_same_clicks_share_their_claims():
    conductance = torch.rand(1, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    first = guidance((9, 3, 3, 0), (20, 30, 3, 0), (4, 40, 0, 0))
    second = guidance((9, 3, 0, -2), (20, 30, 0, -2), (4, 40, 0, 0))
    together = candidate_vectors(
        conductance.expand(2, -1, -1, -1), guided_points(torch.cat((first, second)))
    )
    for number, one in enumerate((first, second)):
        alone = candidate_vectors(conductance, guided_points(one))
        for all_, own in zip(together, alone, strict=True):
            torch.testing.assert_close(all_[number], own[0])


def test_points_beside_vessels_tell_the_background_and_claim_no_vessel():
    points = guided_points(guidance((9, 3, 8, 0), (14, 5, -2, 1), (28, 40, -2, 1)))
    on_vessel = torch.tensor([1.0, 0.0, 0.0])  # probability for each point
    conductance = torch.full((1, 2, 8, 12), 0.9)
    vectors, facts = candidate_vectors(conductance, points, on_vessel)
    assert (vectors[0, 0, 0] == 8).all()  # the only point on the vessel
    assert (facts[0, 0] > 0).all()
    around = torch.tensor([-2.0, 1.0])[:, None, None].expand(-1, 8, 12)
    torch.testing.assert_close(vectors[0, 2], around, atol=0.01, rtol=0)
    everything, _ = candidate_vectors(conductance, points)
    assert not everything[0, 2].any()  # without the probabilities, all are on vessels


def test_without_a_point_there_is_no_motion():
    nothing = guided_points(guidance())
    vectors, facts = candidate_vectors(torch.full((1, 2, 8, 12), 0.9), nothing)
    assert not vectors.any()
    assert torch.isfinite(facts).all()


def test_candidates_share_the_two_nearest_classes():
    weights = torch.tensor([0.5, 0.3, 0.0, 0.2])[None, :, None]
    vectors = torch.tensor([[3.0, -1.0], [9.0, -30.0], [0.0, 0.0]])[None, :, :, None]
    chance = shared_classes(weights, vectors, 5, 10.0)[0, :, :, 0].exp()
    # classes at -8, -4, 0, 4, 8; beyond the outermost, all belongs to it
    expected = torch.tensor([
        [0, 0, 0.2 + 0.5 / 4, 0.5 * 3 / 4, 0.3],
        [0.3, 0.5 / 4, 0.5 * 3 / 4 + 0.2, 0, 0],
    ])  # fmt: skip
    torch.testing.assert_close(chance, expected, atol=2e-4, rtol=0)


def two_vessels():
    """Return logits of a faint and of a clear vessel, which a thin one connects."""
    vessel = torch.full((1, 1, 48, 48), -9.0)
    vessel[..., 8:16, :] = -3.0
    vessel[..., 28:36, :] = 5.0
    return vessel


def test_a_faint_vessel_counts_if_it_is_clicked():
    size = (48, 48)
    sparse = torch.cat([
        guidance((12, 4, 8, 0), size=size),
        guidance((30, 4, 8, 0), size=size),
        guidance((12, 4, 0, 0), (30, 4, 8, 0), size=size),  # a still point says nothing
        guidance(size=size),
    ])  # fmt: skip
    points = guided_points(sparse)
    shift = likelier_vessel(likeliest_near(two_vessels(), points), points)
    assert shift.flatten().tolist() == [5, 0, 0, 0]


def test_of_many_points_only_the_likeliest_tell_how_faint_vessels_are():
    size = (48, 48)
    background = [(row, 4, 8, 0) for row in (1, 22, 44)] + [(44, 30, 8, 0)]
    clear = [(30, column, 8, 0) for column in (5, 15, 25, 35)]
    sparse = torch.cat([
        guidance(*clear, *background, size=size),
        guidance(*clear[:1], *background[:1], size=size),
    ])  # fmt: skip
    points = guided_points(sparse)
    shift = likelier_vessel(likeliest_near(two_vessels(), points), points)
    assert shift.flatten().tolist() == [0, 4]


def test_connected_is_what_vessels_lead_to():
    vessel = two_vessels()
    clear = connected_share(vessel, guidance((30, 4, 8, 0), size=(46, 47)))
    assert clear.shape == (46, 47)
    assert (clear[29:35] > 0.9).all()
    assert (clear[:26] < 0.1).all()
    vessel[..., 16:28, 20:24] = 5.0  # a connection to a vessel that is now clear, too
    vessel[..., 8:16, :] = 5.0
    joined = connected_share(vessel, guidance((30, 4, 8, 0), size=(46, 47)))
    assert (joined[9:15] > 0.8).all()
    cut = guidance((30, 4, 8, 0), (12, 30, 0, 0), size=(46, 47))
    kept = connected_share(vessel, cut)
    assert (kept[9:15, 34:] < 0.1).all()
    assert (kept[29:35, :8] > 0.9).all()


def test_a_click_on_a_faint_line_says_nothing_about_faint_lines_far_away():
    vessel = torch.full((1, 1, 48, 480), -9.0)
    vessel[..., 20:28, :] = -4.0  # one faint line over the whole frame
    size = (48, 480)
    near = connected_share(vessel, guidance((24, 20, 8, 0), size=size))
    assert (near[22:26, :60] > 0.5).all()
    assert (near[:, 300:] < 0.1).all()
    assert (near[:12] < 0.1).all()
    still = connected_share(vessel, guidance((24, 20, 0, 0), size=size))
    assert (still < 0.1).all()
    both = guidance((24, 20, 8, 0), (24, 440, 8, 0), size=size)
    assert (connected_share(vessel, both)[22:26, 400:] > 0.5).all()
