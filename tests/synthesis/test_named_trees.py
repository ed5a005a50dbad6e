"""The named segments, their calibres and their courses, as anatomy has them."""

import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.centrelines import LEFT, RIGHT
from napari_motionseg.synthesis.coronary_territory import CORONARY, SEMI_AXES
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any
from napari_motionseg.synthesis.named_trees import grow_named_trees

PX_MM = 0.2
SEGMENTS = CORONARY.names
USUAL = SynthesisConfig(
    anatomy="coronary",
    heart_size=(1.2, 1.2),
    vessel_size=(1.1, 1.1),
    stenoses=0.0,
    second_tree=1.0,
    dominance="right",
)


def draws(seed=0):
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))


def grown(count=12, seed=0, **changes):
    return grow_named_trees(CORONARY, USUAL.changed(**changes), count, draws(seed))


def branches(trees):
    """Return the first and the last sample of each branch."""
    ends = torch.where(trees.branch.diff() != 0)[0]
    last = torch.cat((ends, torch.tensor([len(trees.branch) - 1])))
    first = torch.cat((torch.tensor([0]), ends + 1))
    return first, last


def courses(trees, name):
    """Return the samples of the named segment of each scene, without its twigs."""
    first, last = branches(trees)
    found = {}
    for a, b in zip(first.tolist(), last.tolist(), strict=True):
        scene = int(trees.scene[a])
        if SEGMENTS[int(trees.segment[a])] == name and scene not in found:
            found[scene] = torch.arange(a, b + 1)
    return found


def places(trees, samples, axes):
    """Return polar angle, azimuth (degrees) and depth of samples."""
    x, y, z = (trees.points[samples] / axes).unbind(dim=1)
    polar = torch.rad2deg(torch.atan2(torch.hypot(x, y), -z))
    azimuth = torch.rad2deg(torch.atan2(y, x))
    return polar, azimuth, torch.sqrt(x**2 + y**2 + z**2)


AXES = 1.2 * torch.tensor(SEMI_AXES)  # the shape of each heart differs by 8 %


def test_every_row_of_the_table_has_a_parent_and_a_name_of_its_own():
    names = {row.name for row in CORONARY.segments}
    for row in CORONARY.segments:
        assert row.parent is None or row.parent in names
        others = [
            one for one in CORONARY.segments if one.name == row.name and one is not row
        ]
        assert all(one.supplied_by != row.supplied_by for one in others)
        assert "any" not in {row.supplied_by} or not others
    assert {CORONARY.side_of(name) for name in ("D1", "OM1", "LPS1")} == {"left"}
    assert {CORONARY.side_of(name) for name in ("AM", "PL1", "PS1")} == {"right"}


def test_trees_have_their_named_segments():
    trees = grown(20, side_branches=(1.0, 1.0))
    for scene in range(20):
        here = trees.segment[trees.scene == scene].unique().tolist()
        names = {SEGMENTS[i] for i in here}
        always = {"LM", "LAD", "LCX", "D1", "S1", "OM1", "RCA", "AM", "PDA", "RPL"}
        assert always <= names
        assert "LPDA" not in names
    sides = {"left": LEFT, "right": RIGHT}
    which = torch.tensor([sides[CORONARY.side_of(name)] for name in SEGMENTS])
    assert torch.equal(which[trees.segment], trees.tree)


def test_dominance_moves_the_inferior_wall_to_the_left_tree():
    trees = grown(8, dominance="left")
    assert len(courses(trees, "LPDA")) == 8
    assert not courses(trees, "PDA")
    assert not courses(trees, "RPL")
    usual = grown(8)

    def diameter(trees, name):
        found = courses(trees, name).values()
        return np.mean([float(trees.radii[s[0]]) for s in found]) * 2 * PX_MM

    assert diameter(trees, "RCA") < 0.85 * diameter(usual, "RCA")
    assert diameter(trees, "LCX") > 1.05 * diameter(usual, "LCX")


def test_trunks_alone_grow_without_generations():
    trees = grown(4, generations=0)
    names = {SEGMENTS[i] for i in trees.segment.unique().tolist()}
    assert names == {"LM", "LAD", "LCX", "RCA", "PDA", "RPL"}
    assert len(branches(trees)[0]) == 4 * 6
    named = grown(4, generations=1)
    for scene in range(4):
        first = branches(named)[0]
        own = named.segment[first][named.scene[first] == scene]
        assert len(own) == len(own.unique()) > 12
    counts = [len(branches(grown(4, generations=n))[0]) for n in (1, 2, 3, 4)]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize(
    ("name", "millimetres", "spread"),
    [("LM", 4.5, 0.5), ("LAD", 3.7, 0.4), ("LCX", 3.4, 0.5), ("RCA", 3.9, 0.6)],
)
def test_diameters_are_those_that_dodge_measured(name, millimetres, spread):
    """Circulation 1992;86:232: mean and standard deviation, right dominance."""
    trees = grown(40)
    starts = [float(trees.radii[s[0]]) for s in courses(trees, name).values()]
    assert 2 * PX_MM * np.mean(starts) == pytest.approx(millimetres, abs=spread)


def test_radii_never_grow_downstream():
    trees = grown(6)
    inside = trees.branch.diff() == 0
    assert float(trees.radii.diff()[inside].max()) < 1e-4
    narrowed = grown(6, stenoses=3.0)
    inside = narrowed.branch.diff() == 0
    assert float(narrowed.radii.diff()[inside].max()) > 0.05


def test_daughters_of_the_left_main_obey_the_law_of_huo_and_kassab():
    trees = grown(20, taper=(1.0, 1.0), side_branches=(0.0, 0.0), generations=0)
    for scene, samples in courses(trees, "LM").items():
        mother = float(trees.radii[samples[-1]])
        daughters = [
            float(trees.radii[found[scene][0]])
            for found in (courses(trees, n) for n in ("LAD", "LCX", "IM"))
            if scene in found
        ]
        total = sum(radius ** (7 / 3) for radius in daughters)
        assert total == pytest.approx(mother ** (7 / 3), rel=1e-3)


def test_a_parent_loses_what_its_branch_has():
    trees = grown(20, taper=(1.0, 1.0), generations=1, side_branches=(1.0, 1.0))
    checked = 0
    for name in ("D1", "OM1", "AM"):
        parents = courses(trees, {"D1": "LAD", "OM1": "LCX", "AM": "RCA"}[name])
        for scene, samples in courses(trees, name).items():
            parent = parents[scene]
            away = (trees.points[parent] - trees.points[samples[0]]).norm(dim=1)
            at = int(away.argmin())
            radii = trees.radii[parent]
            # the whole step is 4 radii of the parent's start long
            behind = at + math.ceil(4 * float(radii[0])) + 1
            if behind >= len(parent):
                continue
            before, after = float(radii[at]), float(radii[behind])
            child = float(trees.radii[samples[0]])
            # other branches may leave in between, so the parent is at most this wide
            law = (before ** (7 / 3) - child ** (7 / 3)) ** (3 / 7)
            assert after <= law * 1.01
            checked += after > 0.98 * law
    assert checked >= 10


def test_a_branch_begins_on_its_parent_and_along_it():
    trees = grown(4)
    first, _ = branches(trees)
    roots = [s[0] for n in ("LM", "RCA") for s in courses(trees, n).values()]
    checked = 0
    for a in first.tolist():
        if a in roots:
            continue
        near = (trees.points - trees.points[a]).norm(dim=1)
        near[trees.branch == trees.branch[a]] = math.inf
        near[trees.scene != trees.scene[a]] = math.inf
        assert float(near.min()) < 1.0
        path = float(trees.path[a] - trees.path[near.argmin()])
        assert abs(path) < 2.0
        checked += 1
    assert checked > 100


def test_a_branch_turns_out_of_its_parent_without_a_kink():
    trees = grown(6, tortuosity=(0.0, 0.0), generations=1)
    for name, parent in (("D1", "LAD"), ("OM1", "LCX"), ("AM", "RCA"), ("S1", "LAD")):
        parents = courses(trees, parent)
        for scene, samples in courses(trees, name).items():
            points = trees.points[samples]
            own = torch.nn.functional.normalize(points[3] - points[0], dim=0)
            above = trees.points[parents[scene]]
            at = int((above - points[0]).norm(dim=1).argmin())
            ahead = above[min(at + 3, len(above) - 1)] - above[max(at - 3, 0)]
            ahead = torch.nn.functional.normalize(ahead, dim=0)
            assert float(own @ ahead) > 0.9
            # and is on its own way within a few diameters
            far = min(
                len(points) - 1, math.ceil(8 * float(trees.radii[parents[scene][at]]))
            )
            leaving = torch.nn.functional.normalize(
                points[far] - points[far - 5], dim=0
            )
            assert float(leaving @ ahead) < 0.9


def curvature(points):
    """Return the curvature per px of a course, over chords of 4 samples."""
    ahead = torch.nn.functional.normalize(points[4:] - points[:-4], dim=1)
    cosine = (ahead[4:] * ahead[:-4]).sum(dim=1).clamp(-1, 1)
    return cosine.arccos() / 4


def test_courses_are_smooth():
    trees = grown(6, tortuosity=(0.8, 0.8), corkscrews=0.0)
    for name in ("LAD", "LCX", "RCA", "D1", "OM1", "PDA", "AM"):
        for samples in courses(trees, name).values():
            # behind the turn out of the parent; a radius of curvature of 1.6 mm
            assert float(curvature(trees.points[samples])[40:].max()) < 1 / 8
    calm = grown(6, tortuosity=(0.0, 0.0), corkscrews=0.0)
    for name in ("LAD", "RCA"):
        for samples in courses(calm, name).values():
            assert float(curvature(calm.points[samples])[40:].max()) < 1 / 20


def test_tortuosity_bends_thin_vessels_more_than_wide_ones():
    def turning(trees, names):
        """Return the mean change of direction per px, behind the first 8 mm."""
        found = [
            float(curvature(trees.points[samples])[40:].mean())
            for name in names
            for samples in courses(trees, name).values()
        ]
        return np.mean(found)

    bent = grown(8, tortuosity=(1.0, 1.0))
    calm = grown(8, tortuosity=(0.0, 0.0))
    wide, thin = ("LAD", "RCA"), ("D1", "D2", "OM1", "AM")
    for names in (wide, thin):
        assert turning(bent, names) > 1.5 * turning(calm, names)
    assert turning(bent, thin) > 1.5 * turning(bent, wide)


def test_the_anterior_descending_artery_runs_in_its_groove_to_the_apex():
    trees = grown(12)
    for samples in courses(trees, "LAD").values():
        polar, azimuth, depth = places(trees, samples, AXES)
        assert float(polar.max()) > 150
        middle = (polar > 85) & (polar < 150) & (azimuth < 0)
        assert -125 < float(azimuth[middle].min()) < float(azimuth[middle].max()) < -65
        assert 0.85 < float(depth[40:].min()) < float(depth.max()) < 1.15


def test_the_right_artery_runs_in_the_right_groove_to_the_crux():
    trees = grown(12)
    for samples in courses(trees, "RCA").values():
        polar, azimuth, _ = places(trees, samples, AXES)
        assert float(azimuth[0]) < -50
        assert 70 < float(azimuth[-1]) < 115
        assert 55 < float(polar[150:].min()) < float(polar.max()) < 90


def test_the_circumflex_artery_runs_in_the_left_groove():
    trees = grown(12)
    for samples in courses(trees, "LCX").values():
        polar, azimuth, _ = places(trees, samples[60:], AXES)
        assert 50 < float(polar.min()) < float(polar.max()) < 92
        assert bool((azimuth.abs() > 80).all())


def test_septal_branches_run_inside_and_straight():
    trees = grown(8, generations=1)
    found = [s for n in ("S1", "S2", "PS1") for s in courses(trees, n).values()]
    assert len(found) > 15
    for samples in found:
        points = trees.points[samples[20:]]  # behind the turn out of the parent
        _, _, depth = places(trees, samples, AXES)
        assert float(depth[-1]) < 0.93
        whole = float(points.diff(dim=0).norm(dim=1).sum())
        assert float((points[-1] - points[0]).norm()) > 0.9 * whole


def test_branches_over_the_wall_keep_to_the_surface():
    trees = grown(8, generations=1, tortuosity=(0.0, 0.0))
    for name in ("D1", "OM1", "AM", "RV1"):
        for samples in courses(trees, name).values():
            _, _, depth = places(trees, samples, AXES)
            # the axes of a heart differ by up to 8 %
            assert 0.9 < float(depth[20:].min()) < float(depth.max()) < 1.1


def test_twigs_too_become_thinner_behind_their_twigs():
    trees = grown(3, generations=4, side_branches=(1.0, 1.0))
    first, last = branches(trees)
    plain = trees.radii[last] / trees.radii[first]
    named = {int(s[0]) for n in SEGMENTS for s in courses(trees, n).values()}
    twig = torch.tensor([a not in named for a in first.tolist()])
    wide = trees.radii[first] > 1.2  # so that the end is not at the least radius
    # the taper of a twig is 0.65
    assert float(plain[twig & wide].max()) == pytest.approx(0.65, abs=0.02)
    assert float((plain[twig & wide] < 0.63).float().mean()) > 0.1


def test_branches_stay_in_their_territories():
    """Diagonals end left of the anterior groove, in the order in which they leave."""
    trees = grown(20, generations=1, tortuosity=(0.3, 0.3))
    ends = {}
    for name in ("D1", "D2", "D3", "OM1", "OM2"):
        for scene, samples in courses(trees, name).items():
            _, azimuth, _ = places(trees, samples[-1:], AXES)
            ends[name, scene] = float(azimuth[0]) % 360 - 360
    order = ("OM2", "OM1", "D1", "D2", "D3")
    wrong = total = 0
    for scene in range(20):
        own = [ends[name, scene] for name in order if (name, scene) in ends]
        wrong += sum(b < a for a, b in zip(own, own[1:], strict=False))
        total += len(own) - 1
        assert all(-230 < azimuth < -85 for azimuth in own)
    assert wrong <= 0.15 * total


def test_contrast_travels_on_along_every_branch():
    trees = grown(3)
    inside = trees.branch.diff() == 0
    assert float(trees.path.diff()[inside].min()) > 0
    steps = trees.points.diff(dim=0).norm(dim=1)[inside]
    assert float(steps.mean()) == pytest.approx(1.0, abs=0.1)
    assert float(trees.path.max()) < 1500
    for name in ("LM", "RCA"):
        for samples in courses(trees, name).values():
            assert float(trees.path[samples[0]]) == 0


def test_the_inside_of_a_parent_absorbs_once():
    trees = grown(6, generations=1)
    starts = [s for n in ("D1", "S1", "OM1") for s in courses(trees, n).values()]
    for samples in starts:
        assert float(trees.step[samples[0]]) < 0.1
        assert float(trees.step[samples[-1]]) == pytest.approx(1.0, abs=0.1)
    for samples in courses(trees, "LAD").values():
        # the wider daughter goes on where the left main ends
        here = int(trees.scene[samples[0]])
        other = courses(trees, "LCX")[here][0]
        assert max(float(trees.step[samples[0]]), float(trees.step[other])) > 0.9


def test_a_seed_gives_the_same_trees_and_others_differ():
    one, same, other = grown(2, 5), grown(2, 5), grown(2, 6)
    assert torch.equal(one.points, same.points)
    assert torch.equal(one.radii, same.radii)
    assert one.points.shape != other.points.shape or not torch.equal(
        one.points, other.points
    )


def test_the_injected_tree_comes_first():
    for side, number in (("left", LEFT), ("right", RIGHT)):
        trees = grown(6, tree=side)
        assert set(trees.tree[trees.first_samples(6)].tolist()) == {number}
        alone = grown(6, tree=side, second_tree=0.0)
        assert set(alone.tree.tolist()) == {number}


def test_scenes_of_odd_sizes_show_the_trees():
    config = USUAL.changed(
        size=(97, 131), bolus=False, second_tree=0.0, opacity=(0.8, 0.8)
    )
    scenes = draw_any(config, 3, draws(2))
    moment = scenes.at(torch.tensor([0.1, 0.4, 0.8]))
    picture = moment.frames(torch.Generator().manual_seed(0))
    assert picture.shape == (3, 97, 131)
    share = moment.masks.float().mean(dim=(1, 2))
    assert 0.005 < float(share.min()) < float(share.max()) < 0.3


def test_an_unknown_anatomy_is_named():
    with pytest.raises(SettingsError, match="anatomy.*coronary"):
        SynthesisConfig(anatomy="cerebrl")
