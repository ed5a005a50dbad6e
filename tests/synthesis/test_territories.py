"""Every territory: its table, its vessels, its pictures and its catheter."""

import itertools

import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.synthesis.centrelines import LEFT, RIGHT
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any
from napari_motionseg.synthesis.named_trees import grow_named_trees
from napari_motionseg.synthesis.projections import cameras_at
from napari_motionseg.synthesis.territories import (
    TERRITORIES,
    px_per_mm,
    spacing_mm,
    territory_of,
)

OTHERS = ("cerebral", "renal", "leg", "iliac")
SCENES = 16
# mean diameter in mm at the start, and how far it may be off. Internal carotid artery:
# Krejza et al., Stroke 2006;37:1103; cerebral arteries: Rai et al., J NeuroIntervent
# Surg 2013;5:371; the others are the limits of textbooks
DIAMETERS = {
    ("cerebral", "ICA"): (4.9, 0.5),
    ("cerebral", "M1"): (2.85, 0.3),
    ("cerebral", "A1"): (2.4, 0.25),
    ("renal", "RA"): (5.5, 0.5),
    ("leg", "Pop"): (6.5, 0.5),
    ("leg", "AT"): (3.0, 0.5),
    ("leg", "PT"): (3.0, 0.5),
    ("leg", "Per"): (2.9, 0.5),
    ("iliac", "CIA"): (9.5, 0.8),
    ("iliac", "EIA"): (7.5, 0.8),
    ("iliac", "CFA"): (7.5, 0.8),
}


def draws(seed=0):
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))


def usual(anatomy, **changes):
    return SynthesisConfig.of_anatomy(
        anatomy, vessel_size=(1.1, 1.1), stenoses=0.0, **changes
    )


def grown(anatomy, count=SCENES, seed=0, **changes):
    config = usual(anatomy, **changes)
    return grow_named_trees(territory_of(config), config, count, draws(seed))


def courses(trees, names):
    """Return the samples of each named segment, by scene and name."""
    ends = torch.where(trees.branch.diff() != 0)[0].tolist()
    bounds = itertools.pairwise([-1, *ends, len(trees.branch) - 1])
    found = {}
    for before, last in bounds:
        samples = torch.arange(before + 1, last + 1)
        key = int(trees.scene[last]), names[int(trees.segment[last])]
        found.setdefault(key, samples)  # twigs of a segment come after it
    return found


@pytest.mark.parametrize("anatomy", sorted(TERRITORIES))
def test_tables_are_complete(anatomy):
    territory = TERRITORIES[anatomy]
    known = set()
    for row in territory.segments:
        assert row.parent is None or row.parent in known, row.name
        known.add(row.name)
        assert 0 <= row.leaves_at[0] <= row.leaves_at[1] <= 1, row.name
        assert row.calibre[0] <= row.calibre[1], row.name
        assert row.kind != "path" or len(row.course) >= 3, row.name
    axes = territory.rotation(torch.device("cpu"))
    torch.testing.assert_close(axes @ axes.T, torch.eye(3), atol=1e-5, rtol=0)
    assert float(torch.linalg.det(axes)) == pytest.approx(1)
    for side in ("left", "right"):
        assert sum(getattr(view, side) for view in territory.projections) > 0


@pytest.mark.parametrize(("anatomy", "name"), DIAMETERS)
def test_trunks_have_published_diameters(anatomy, name):
    trees, names = grown(anatomy), TERRITORIES[anatomy].names
    starts = [
        2 * float(trees.radii[samples[0]])
        for (_, own), samples in courses(trees, names).items()
        if own == name
    ]
    assert len(starts) == SCENES
    millimetres, off = DIAMETERS[anatomy, name]
    mean = sum(starts) / SCENES / px_per_mm(usual(anatomy))
    assert mean == pytest.approx(millimetres, abs=off)


@pytest.mark.parametrize("anatomy", OTHERS)
def test_segments_begin_on_their_parents_and_along_them(anatomy):
    trees, territory = grown(anatomy, 6), TERRITORIES[anatomy]
    found = courses(trees, territory.names)
    cosines = []
    for (scene, name), samples in found.items():
        parent = territory.parents[name]
        if parent is None:
            continue
        above = trees.points[found[scene, parent]]
        points = trees.points[samples]
        away = (above - points[0]).norm(dim=1)
        at = int(away.argmin())
        assert float(away[at]) < 0.75, name  # samples are 1 px apart
        ahead = above[min(at + 2, len(above) - 1)] - above[max(at - 2, 0)]
        own = points[1] - points[0]
        cosine = torch.nn.functional.cosine_similarity(own, ahead, dim=0)
        cosines.append(float(cosine))
    assert len(cosines) > 6 * 8
    # a sample is 1 px long, and thin vessels turn within a few px
    assert min(cosines) > 0.2
    assert sum(cosines) / len(cosines) > 0.95


@pytest.mark.parametrize("anatomy", OTHERS)
def test_courses_are_smooth_and_narrow_downstream(anatomy):
    trees, territory = grown(anatomy, 6), TERRITORIES[anatomy]
    for (_, name), samples in courses(trees, territory.names).items():
        assert float(trees.radii[samples].diff().max()) < 1e-3, name
        points = trees.points[samples][20:]  # behind the turn out of the parent
        ahead = torch.nn.functional.normalize(points[4:] - points[:-4], dim=1)
        cosine = (ahead[4:] * ahead[:-4]).sum(dim=1)
        # from one chord of 4 px to the next; cerebral branches turn at the operculum
        least = -0.75 if anatomy == "cerebral" else 0.0
        assert not len(cosine) or float(cosine.min()) > least, name


@pytest.mark.parametrize("anatomy", OTHERS)
def test_pictures_show_the_vessels(anatomy):
    config = SynthesisConfig.of_anatomy(anatomy, size=128)
    scenes = draw_any(config, SCENES, draws(3))
    share = scenes.at(torch.full((SCENES,), 1.0)).masks.float().mean(dim=(1, 2))
    assert 0.02 < float(share.min()) < float(share.max()) < 0.13
    seen = scenes.cameras.project(scenes.trees.points, scenes.trees.scene)
    inside = ((seen > 0) & (seen < 512)).all(dim=1).float()
    # arteries of the limbs go on beyond the picture
    least = 0.45 if anatomy in ("leg", "iliac") else 0.9
    for scene in range(SCENES):
        assert float(inside[scenes.trees.scene == scene].mean()) > least


@pytest.mark.parametrize("anatomy", OTHERS)
def test_the_flow_carries_vessels_onto_vessels(anatomy):
    config = SynthesisConfig.of_anatomy(
        anatomy, size=160, bolus=False, streaming=(0, 0), heart_motion=0.3,
        breathing=1.0, collimator=0.0,
    )  # fmt: skip
    scenes = draw_any(config, 3, draws(1))
    now, then = (scenes.at(torch.full((3,), time)) for time in (0.2, 1.1))
    flow, hidden = now.flow(then), now.hidden(then)
    assert float(flow.abs().amax()) > 0.5
    wide = torch.nn.functional.max_pool2d(then.masks[:, None].float(), 3, 1, 1)[:, 0]
    scene, row, column = (now.masks & ~hidden).nonzero(as_tuple=True)
    x = (column + flow[scene, 0, row, column]).round().long()
    y = (row + flow[scene, 1, row, column]).round().long()
    assert len(x) > 1000
    assert float(wide[scene, y, x].mean()) > 0.99


@pytest.mark.parametrize("anatomy", OTHERS)
def test_a_seed_gives_the_same_pixels(anatomy):
    config = SynthesisConfig.of_anatomy(anatomy, size=64, frames=2)
    one, same, other = (synthesize_cine(config, seed) for seed in (4, 4, 5))
    assert bool((one.cine.frames[:] == same.cine.frames[:]).all())
    assert bool((one.masks == same.masks).all())
    assert not bool((one.cine.frames[:] == other.cine.frames[:]).all())


@pytest.mark.parametrize("anatomy", OTHERS)
def test_the_right_side_is_the_mirror_image_of_the_left(anatomy):
    territory = TERRITORIES[anatomy]
    seen = {}
    for side, tree in (("left", LEFT), ("right", RIGHT)):
        trees = grown(anatomy, 4, tree=side, tortuosity=(0.0, 0.0))
        assert trees.tree.unique().tolist() == [tree]
        views = cameras_at(
            territory, torch.zeros(4, 2), torch.eye(3).expand(4, 3, 3),
            torch.full((4,), tree),
        )  # fmt: skip
        roots = [s for (_, n), s in courses(trees, territory.names).items()
                 if territory.parents[n] is None]  # fmt: skip
        points = torch.cat([trees.points[s[[0, -1]]] for s in roots])
        which = torch.cat([trees.scene[s[[0, -1]]] for s in roots])
        seen[side] = views.project(points, which) - 256
    mirror = torch.tensor([-1.0, 1.0])
    # random courses differ: draws of twigs and of courses are not mirrored
    assert float((seen["right"] * mirror - seen["left"]).abs().mean()) < 25
    assert float(seen["left"].abs().mean()) > 40


@pytest.mark.parametrize(
    ("anatomy", "below"), [("cerebral", True), ("leg", False), ("iliac", False)]
)
def test_catheters_come_from_their_side(anatomy, below):
    config = SynthesisConfig.of_anatomy(anatomy, view=False, catheter=1.0, size=64)
    scenes = draw_any(config, 6, draws(2))
    for tip, end, ostium in catheters(scenes):
        assert float((tip - ostium).norm()) < 30
        assert (float(end[1] - ostium[1]) > 100) == below
        assert abs(float(end[1] - ostium[1])) > 100


def test_renal_catheters_lie_in_the_aorta():
    config = SynthesisConfig.of_anatomy("renal", view=False, catheter=1.0, size=64)
    scenes = draw_any(config, 20, draws(2))
    middle = scenes.cameras.project(torch.zeros(20, 3), torch.arange(20))
    upwards = 0
    for (tip, end, ostium), centre in zip(catheters(scenes), middle, strict=True):
        assert float((tip - ostium).norm()) < 35
        # further from the kidney than the ostium is
        assert abs(float(end[0] - centre[0])) > abs(float(ostium[0] - centre[0]))
        upwards += float(end[1]) < float(ostium[1])
    assert 0 < upwards < 12  # most come from the groin


def catheters(scenes):
    """Return tip, a point of the trunk and ostium of each catheter."""
    ostia = scenes.trees.first_samples(len(scenes))
    seen = scenes.cameras.project(scenes.trees.points[ostia], torch.arange(len(scenes)))
    still = scenes.devices.tethered
    assert len(scenes.devices.catheters) == len(scenes)
    for number in scenes.devices.catheters.tolist():
        own = still.rest[still.branch == number]
        scene = int(still.scene[still.branch == number][0])
        near = (own[:, 1] - seen[scene][1]).abs() < 150
        yield own[0], own[near][-1], seen[scene]


def test_cerebral_pictures_have_the_landmarks_of_the_carotid():
    trees, territory = grown("cerebral", 6, tree="left"), TERRITORIES["cerebral"]
    points = trees.points / territory.px_per_mm
    found = courses(trees, territory.names)
    for scene in range(6):
        siphon = points[found[scene, "ICA"]]
        back = siphon[:, 2]
        # up, forwards, and back again: the S of the siphon
        turn = int(back.argmin())
        assert float(back[0] - back[turn]) > 25
        assert float(back[-1] - back[turn]) > 7
        # the pericallosal artery stays in the midline, M1 runs to the side
        assert float(points[found[scene, "PerA"]][20:, 0].abs().max()) < 12
        m1 = points[found[scene, "M1"]]
        assert float(m1[-1, 0] - m1[0, 0]) > 15


def test_anterior_cerebral_arteries_and_their_twigs_spread_along_the_falx():
    trees, territory = grown("cerebral", 6), TERRITORIES["cerebral"]
    medial = territory.sheets.abs().sum(dim=1)[trees.segment] > 0
    aside = trees.points[medial, 0].abs() / territory.px_per_mm
    assert len(aside) > 6 * 1000
    assert float(aside.quantile(0.99)) < 13
    assert float(aside.max()) < 20
    height = trees.points[medial, 1] / territory.px_per_mm
    assert float(height.max() - height.min()) > 60


def test_crural_arteries_lie_side_by_side():
    trees, territory = grown("leg", 6, tree="left"), TERRITORIES["leg"]
    found = courses(trees, territory.names)
    for scene in range(6):
        at = {}
        for name in ("AT", "Per", "PT"):
            own = trees.points[found[scene, name]] / territory.px_per_mm
            at[name] = own[int((own[:, 1] - 60).abs().argmin())]
        assert at["PT"][0] < at["Per"][0] < at["AT"][0]  # from inner to outer side
        assert at["AT"][2] < at["Per"][2]  # the anterior one lies in front


def test_renal_arteries_stay_within_the_kidney():
    trees, territory = grown("renal", 6), TERRITORIES["renal"]
    outside = {"RA", "IAA"}
    keep = torch.tensor([territory.names[i] not in outside for i in trees.segment])
    # the axes of an organ differ by up to 8 % in size and 8 % in shape
    axes = torch.tensor(territory.semi_axes) * 1.08 * 1.08
    depth = (trees.points[keep] / axes).norm(dim=1)
    assert float(depth.max()) < 1.1
    assert float((depth > 0.7).float().mean()) > 0.2


def test_sizes_in_mm():
    assert spacing_mm(SynthesisConfig(size=512)) == 0.2
    assert spacing_mm(SynthesisConfig(size=256, anatomy="coronary")) == 0.4
    field = {a: 512 * spacing_mm(SynthesisConfig(anatomy=a)) for a in OTHERS}
    assert 185 < field["cerebral"] < 195
    assert 150 < field["renal"] < 180
    assert 200 < field["leg"] < 250
    assert 240 < field["iliac"] < 260
    cine = synthesize_cine(SynthesisConfig.of_anatomy("leg", size=64, frames=1)).cine
    assert cine.pixel_spacing[0] == pytest.approx(field["leg"] / 64)


def test_presets_of_anatomies():
    for anatomy in OTHERS:
        preset = SynthesisConfig.preset(f"xa-{anatomy}")
        assert preset.anatomy == anatomy
        assert SynthesisConfig.of_anatomy(anatomy) == preset
    for anatomy in ("generic", "coronary"):
        assert SynthesisConfig.of_anatomy(anatomy) == SynthesisConfig(anatomy=anatomy)
    assert SynthesisConfig.of_anatomy("leg", stenoses=2.0).stenoses == 2.0
    with pytest.raises(SettingsError, match="anatomy.*cerebral.*renal.*leg.*iliac"):
        SynthesisConfig.of_anatomy("hepatic")
    with pytest.raises(SettingsError, match="stenoses must be"):
        SynthesisConfig.of_anatomy("leg", stenoses=-1.0)
