"""Points claim the cells that they reach most easily."""

import heapq

import torch

from napari_motionseg.models.seeded_reach import seeded_reach


def slow(conductance, starts):
    """Dijkstra's algorithm on one grid; return the reach and the seed of each cell."""
    height, width = conductance.shape
    reach = dict(starts)
    source = {seed: seed for seed in starts}
    queue = [(-start, seed) for seed, start in starts.items()]
    heapq.heapify(queue)
    while queue:
        found, (row, column) = heapq.heappop(queue)
        if -found < reach[row, column]:
            continue
        for r in range(max(0, row - 1), min(height, row + 2)):
            for c in range(max(0, column - 1), min(width, column + 2)):
                offered = -found * float(conductance[r, c])
                if offered > reach.get((r, c), 0):
                    reach[r, c], source[r, c] = offered, source[row, column]
                    heapq.heappush(queue, (-offered, (r, c)))
    return reach, source


def test_it_equals_dijkstras_algorithm():
    generator = torch.Generator().manual_seed(0)
    conductance = torch.rand(1, 2, 9, 13, generator=generator, dtype=torch.float64)
    starts = torch.zeros(1, 2, 9, 13, dtype=torch.float64)
    places = {(1, 2): (1.0, 1.0), (7, 11): (0.3, 1.0), (4, 6): (0.8, 0.01)}
    for (row, column), values in places.items():
        starts[0, :, row, column] = torch.tensor(values, dtype=torch.float64)
    reach, source = seeded_reach(conductance, starts, 9 * 13)
    for kind in (0, 1):
        own = {place: values[kind] for place, values in places.items()}
        expected, origin = slow(conductance[0, kind], own)
        for (row, column), value in expected.items():
            assert abs(float(reach[0, kind, row, column]) - value) < 1e-12
            r, c = origin[row, column]
            assert int(source[0, kind, row, column]) == r * 13 + c


def test_a_wall_keeps_points_apart_and_steps_limit_the_way():
    conductance = torch.full((1, 1, 5, 9), 0.9)
    conductance[..., 4] = 0
    seeds = torch.zeros(1, 1, 5, 9)
    seeds[0, 0, 2, 0] = seeds[0, 0, 2, 8] = 1
    reach, source = seeded_reach(conductance, seeds, 20)
    assert (source[0, 0, :, :4] == 18).all()
    assert (source[0, 0, :, 5:] == 26).all()
    assert not reach[0, 0, :, 4].any()
    torch.testing.assert_close(reach[0, 0, 2, :4], 0.9 ** torch.arange(4.0))
    near, _ = seeded_reach(conductance, seeds, 2)
    assert not near[0, 0, :, 3].any()


def test_the_gradient_runs_along_the_best_way():
    conductance = torch.full((1, 1, 3, 5), 0.5)
    conductance[0, 0, 1] = 0.9
    conductance.requires_grad_(True)
    seeds = torch.zeros(1, 1, 3, 5)
    seeds[0, 0, 1, 0] = 1
    seeded_reach(conductance, seeds, 9)[0][0, 0, 1, 4].backward()
    found = conductance.grad[0, 0]
    torch.testing.assert_close(found[1, 1:], torch.full((4,), 0.9**3))
    assert not found[0].any()
    assert not found[2].any()
    assert not found[1, 0]


def test_without_a_point_nothing_is_reached():
    reach, _ = seeded_reach(torch.full((2, 1, 4, 4), 0.9), torch.zeros(2, 1, 4, 4), 9)
    assert not reach.any()


def test_ways_longer_than_a_round_of_checks_are_found_and_no_longer_ones():
    conductance = torch.full((1, 1, 1, 40), 0.9)
    seeds = torch.zeros(1, 1, 1, 40)
    seeds[..., 0] = 1
    for steps in (7, 8, 9, 21, 39):
        reach, _ = seeded_reach(conductance, seeds, steps)
        assert (reach[0, 0, 0] > 0).sum() == steps + 1
    assert (seeds[..., 1:] == 0).all()  # what was given is not overwritten
