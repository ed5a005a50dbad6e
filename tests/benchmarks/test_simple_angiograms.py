import numpy as np
import pytest
import simple_angiograms
from scipy.ndimage import map_coordinates
from simple_angiograms import Tree, Waves, draw_motion, draw_tree, simple_pairs


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_origin_is_moved_back_to_where_it_was(rng):
    motion = draw_motion(128, rng, shift=14, strain=0.06, wave=3.0)
    points = rng.uniform(0, 128, (50, 2))
    origin = motion.origin(points)
    np.testing.assert_allclose(origin + motion.displacement(origin), points, atol=1e-4)


def test_depth_is_the_chord_of_the_nearest_disc_by_brute_force(rng):
    tree = draw_tree(96, rng)
    points = rng.uniform(0, 96, (400, 2))
    distance = np.linalg.norm(points[:, None] - tree.centres, axis=-1)
    nearest = distance.argmin(axis=1)
    radius, distance = tree.radii[nearest], distance.min(axis=1)
    expected = 2 * np.sqrt(np.clip(radius**2 - distance**2, 0, None))
    depth, inside = tree.depth(points)
    np.testing.assert_allclose(depth, expected, atol=1e-9)
    np.testing.assert_array_equal(inside, distance <= radius)


def test_the_middle_of_a_tube_is_its_diameter_deep():
    x = np.arange(0, 50, 0.5)
    line = np.stack((x, np.full(100, 20.0)), axis=1)
    tube = Tree(line, np.full(100, 3.0))
    depth, inside = tube.depth(np.array([[25.0, 20.0], [25.0, 23.5]]))
    np.testing.assert_allclose(depth, (6, 0))
    assert inside.tolist() == [True, False]


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_second_picture_along_the_flow_is_the_first(monkeypatch, seed):
    def nothing_behind(rng):
        return Waves(np.zeros(1), np.zeros((1, 2)), np.zeros(1))

    monkeypatch.setattr(simple_angiograms, "draw_waves", nothing_behind)
    first, second, flow, mask = (a[0] for a in simple_pairs(1, 160, seed, noisy=False))
    rows, columns = np.indices(first.shape)
    y, x = rows + flow[1], columns + flow[0]
    stays = mask & (x > 0) & (x < 159) & (y > 0) & (y < 159)
    brought = map_coordinates(second, (y, x), order=3, mode="nearest")
    left, unmoved = np.abs(brought - first)[stays], np.abs(second - first)[stays]
    assert np.linalg.norm(flow, axis=0)[stays].mean() > 2
    assert left.mean() < 0.2 * unmoved.mean()


def test_same_seed_same_pairs_and_other_seed_others():
    one, same, other = (simple_pairs(1, 64, seed) for seed in (1, 1, 2))
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(one[0] - other[0]).max() > 0.1
    assert one[2].shape == (1, 2, 64, 64)
    assert one[0].shape == one[1].shape == one[3].shape == (1, 64, 64)
