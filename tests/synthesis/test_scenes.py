"""Trees, motions, contrast and imaging, each against what is known of it."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.filters import gaussian
from napari_motionseg.synthesis import SynthesisConfig, training_pairs
from napari_motionseg.synthesis.contrast import draw_boluses
from napari_motionseg.synthesis.cube import rotations
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import FOCUS, draw_cameras
from napari_motionseg.synthesis.imaging import compressed, draw_imagings
from napari_motionseg.synthesis.kinds import draw_any
from napari_motionseg.synthesis.motion import (
    TISSUE,
    draw_heartbeats,
    draw_layer_motions,
)
from napari_motionseg.synthesis.presets import PRESETS
from napari_motionseg.synthesis.scenes import draw_scenes
from napari_motionseg.synthesis.vessels import LEFT, MURRAY, RIGHT, grow_trees

SMALL = SynthesisConfig(size=96)


def draws(seed=0):
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))


# trees


def test_trees_lie_on_their_hearts_and_have_both_sides():
    config = SynthesisConfig(size=128, heart_size=(1, 1), second_tree=1.0)
    trees = grow_trees(config, 6, draws())
    assert set(trees.scene.tolist()) == set(range(6))
    for scene in range(6):
        assert set(trees.tree[trees.scene == scene].tolist()) == {LEFT, RIGHT}
    size = (trees.points / torch.tensor([160.0, 150.0, 200.0])).norm(dim=1)
    assert 0.85 < float(size.min()) < float(size.max()) < 1.15


def test_what_is_asked_for_grows():
    for side, number in (("left", LEFT), ("right", RIGHT)):
        trees = grow_trees(SynthesisConfig(tree=side, second_tree=0), 4, draws())
        assert set(trees.tree.tolist()) == {number}
    few = grow_trees(SynthesisConfig(generations=0), 4, draws())
    many = grow_trees(SynthesisConfig(generations=3), 4, draws())
    assert few.branch.max() < 20 < many.branch.max()


def test_branches_are_continuous_and_evenly_sampled():
    trees = grow_trees(SynthesisConfig(), 2, draws())
    steps = trees.points.diff(dim=0).norm(dim=1)
    inside = trees.branch.diff() == 0
    assert float(steps[inside].max()) < 2.5
    assert float(steps[inside].mean()) == pytest.approx(1.0, abs=0.2)
    assert float(trees.step.mean()) == pytest.approx(1.0, abs=0.2)


def test_radii_follow_murrays_law():
    """A parent loses to a child what the child has, in cubes."""
    config = SynthesisConfig(stenoses=0.0, generations=1, vessel_size=(1, 1))
    trees = grow_trees(config, 8, draws(3))
    first = torch.ones_like(trees.branch, dtype=torch.bool)
    first[1:] = trees.branch.diff() != 0
    checked = 0
    for start in first.nonzero()[:, 0].tolist():
        if trees.path[start] < 60:
            continue
        others = (trees.scene == trees.scene[start]) & (
            trees.branch != trees.branch[start]
        )
        near = (trees.points - trees.points[start]).norm(dim=1)
        index = torch.where(others & (near < 1.2))[0]
        if len(index) == 0:
            continue
        at = int(index[near[index].argmin()])
        same = trees.branch == trees.branch[at]
        before, behind = at - 6, at + 8
        if before < 0 or behind >= len(same) or not (same[before] and same[behind]):
            continue
        cubes = trees.radii[[before, behind, start]] ** MURRAY
        if cubes[1] < 0.98 * cubes[0]:
            assert float(cubes[1] + cubes[2]) == pytest.approx(
                float(cubes[0]), rel=0.25
            )
            checked += 1
    assert checked >= 8


def test_stenoses_narrow_and_nothing_else_does():
    calm = grow_trees(SynthesisConfig(stenoses=0.0), 3, draws(1))
    narrow = grow_trees(SynthesisConfig(stenoses=5.0), 3, draws(1))
    for trees, has in ((calm, False), (narrow, True)):
        inside = trees.branch.diff() == 0
        widens = (trees.radii.diff()[inside] > 1e-3).any()
        assert bool(widens) == has


def test_corkscrews_wind_towards_the_ends_and_are_drawn_aside():
    """Trunks of both trees begin alike, so nothing else of the scene was redrawn."""
    usual = {"tortuosity": (0.1, 0.1), "generations": 0, "size": 256}
    straight = grow_trees(SynthesisConfig(**usual), 6, draws(2))
    winding = grow_trees(SynthesisConfig(**usual, corkscrews=1.0), 6, draws(2))

    def turning(trees, low, high):
        """Return the mean change of direction in one part of all long branches."""
        found = []
        for number in trees.branch.unique().tolist():
            points = trees.points[trees.branch == number]
            if len(points) < 60:
                continue
            part = points[int(low * len(points)) : int(high * len(points))]
            ahead = torch.nn.functional.normalize(part.diff(dim=0), dim=1)
            cosines = (ahead[1:] * ahead[:-1]).sum(dim=1).clamp(-1, 1)
            found.append(float(cosines.arccos().mean()))
        return np.mean(found)

    assert turning(winding, 0.8, 1) > 3 * turning(straight, 0.8, 1)
    assert turning(winding, 0.8, 1) > 2 * turning(winding, 0, 0.2)
    for name in ("radii", "points"):
        one, other = (getattr(trees, name)[0] for trees in (straight, winding))
        assert torch.equal(one, other)


# views and motion


def test_the_camera_magnifies_what_is_near():
    config = SynthesisConfig(view=False)
    cameras = draw_cameras(config, 1, draws())
    axes = cameras.rotation[0].T  # columns: the picture's axes in the heart's
    right, source = axes[:, 0], axes[:, 2]
    scene = torch.zeros(1, dtype=torch.long)
    for depth in (-200.0, 0.0, 300.0):
        point = (100 * right + depth * source)[None]
        x = cameras.project(point, scene)[0, 0] - cameras.centre[0, 0]
        assert float(x) == pytest.approx(100 * FOCUS / (FOCUS - depth), rel=1e-4)
    turned = cameras.rotation @ cameras.rotation.mT
    np.testing.assert_allclose(turned[0], np.eye(3), atol=1e-5)


def test_a_heartbeat_is_periodic_and_rests_at_its_beginning():
    beats = draw_heartbeats(SynthesisConfig(), 3, draws())
    times = torch.tensor([0.3, 1.1, 2.0])
    np.testing.assert_allclose(
        beats.contraction(times), beats.contraction(times + 2 * beats.period), atol=1e-4
    )
    rest = -beats.phase * beats.period
    np.testing.assert_allclose(beats.contraction(rest), 0, atol=1e-5)
    points, scene = torch.randn(3, 3) * 100, torch.arange(3)
    np.testing.assert_allclose(beats.move(points, scene, rest), points, atol=1e-3)


def test_contraction_brings_the_heart_together():
    config = SynthesisConfig(heart_motion=1.0)
    beats = draw_heartbeats(config, 1, draws())
    systole = (0.36 - beats.phase) * beats.period
    points = torch.randn(200, 3) * torch.tensor([100.0, 100.0, 120.0])
    moved = beats.move(points, torch.zeros(200, dtype=torch.long), systole)
    assert float(moved.std(dim=0).mean()) < 0.95 * float(points.std(dim=0).mean())


@pytest.mark.parametrize("layer", range(4))
def test_layers_come_from_where_they_go(layer):
    config = SynthesisConfig(heart_motion=1.5, breathing=2.0, table_pan=(20, 40))
    beats = draw_heartbeats(config, 4, draws())
    motion = draw_layer_motions(config, torch.full((4, 2), 250.0), beats, draws(1))
    points = torch.rand(4, 2, 9, 7) * 512
    time = torch.tensor([0.1, 0.7, 1.6, 2.9])
    there = motion.place(layer, motion.rest(layer, points, time), time)
    assert float((there - points).abs().max()) < 5e-3


def test_tissue_moves_as_written():
    config = SynthesisConfig(heart_motion=1.0, breathing=1.0)
    beats = draw_heartbeats(config, 1, draws())
    m = draw_layer_motions(config, torch.tensor([[240.0, 260.0]]), beats, draws(1))
    x, y, t = 200.0, 310.0, 0.8
    time = torch.tensor([t])
    breath = np.sin(2 * np.pi * t / float(m.period) + float(m.phase))
    breath -= np.sin(float(m.phase))
    depth = 0.55 + 0.35 * (y - 256) / 256
    square = (x - 240) ** 2 + (y - 260) ** 2
    drag = np.exp(-square / (2 * float(m.reach) ** 2)) * float(beats.contraction(time))
    for axis, start in enumerate((x, y)):
        wanted = start + float(m.pan[0, axis]) * t
        wanted += breath * float(m.breathing[0, axis]) * depth
        wanted += float(m.pull[0, axis]) * drag
        found = m.place(TISSUE, torch.tensor([[[x], [y]]]), time)[0, axis, 0]
        assert float(found) == pytest.approx(wanted, abs=1e-3)


# contrast


def test_contrast_runs_from_the_ostium_and_fades():
    config = SynthesisConfig(frames=60, frame_rate=15, streaming=(0, 0))
    bolus = draw_boluses(config, torch.zeros(1, dtype=torch.long), 1, draws())
    path = torch.linspace(0, 600, 50)
    zero = torch.zeros(50, dtype=torch.long)

    def at(time):
        return bolus.density(path, zero, zero, torch.tensor([float(time)]))

    early, late = at(bolus.arrival + 0.2), at(bolus.end + 5)
    assert float(early[0]) > float(early[-1])
    assert bool((early.diff() <= 1e-6).all())
    assert float(at(float(bolus.arrival) - 0.01).max()) == 0
    assert float(late[0]) < 0.4


# imaging


@pytest.mark.parametrize("quality", [60, 85, 95])
def test_compression_is_jpeg(quality):
    """What Pillow's encoder and decoder give back, but for their integer transform."""
    rng = np.random.default_rng(quality)
    picture = np.cumsum(rng.normal(0, 3, (75, 93)), axis=1)
    picture = np.clip(120 + picture - picture.mean(), 0, 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        wanted = np.asarray(image).astype(float)
    found = compressed(
        torch.from_numpy(picture)[None] / 255, torch.tensor([float(quality)])
    )
    error = np.abs(found[0].numpy() * 255 - wanted)
    assert error.mean() < 0.25
    assert error.max() <= 4


def test_full_quality_is_eight_bits():
    picture = torch.rand(2, 17, 9)
    found = compressed(picture, torch.tensor([100.0, 100.0]))
    np.testing.assert_allclose(found, (picture * 255).round() / 255, atol=1e-6)


def test_noise_goes_with_the_light():
    """In a linear picture its variance is proportional to the mean."""
    config = SynthesisConfig(
        size=128, intensity="linear", noise=1.0, collimator=0, scatter=(0, 0),
        vignette=(0, 0), sharpen=(0, 0), jpeg=(100, 100), contrast=(0.3, 0.3),
    )  # fmt: skip
    imaging = draw_imagings(config, 1, draws())
    spread = []
    for absorbance in (0.0, 1.0):
        flat = torch.full((1, 128, 128), absorbance)
        frame = imaging.expose(flat, torch.Generator().manual_seed(1))
        spread.append(float(frame.var()))
    # quantisation adds a twelfth of a squared gray value
    light = [v - 1 / (12 * 255**2) for v in spread]
    assert light[1] / light[0] == pytest.approx(np.exp(-1), rel=0.3)


@pytest.mark.parametrize("sigma", [0.4, 1.7, 5.0])
def test_the_blur_is_gaussian(sigma):
    from scipy import ndimage

    picture = np.random.default_rng(0).random((2, 40, 33)).astype(np.float32)
    wanted = np.stack(
        [ndimage.gaussian_filter(p, sigma, mode="nearest", truncate=3) for p in picture]
    )
    found = gaussian(torch.from_numpy(picture), sigma)
    np.testing.assert_allclose(found, wanted, atol=3e-3)


def test_a_wide_blur_is_nearly_gaussian():
    from scipy import ndimage

    picture = np.random.default_rng(0).random((1, 96, 96)).astype(np.float32)
    picture = ndimage.gaussian_filter(picture, (0, 3, 3))
    wanted = ndimage.gaussian_filter(picture[0], 14, mode="nearest")
    found = gaussian(torch.from_numpy(picture), 14.0)[0].numpy()
    assert np.abs(found - wanted)[20:-20, 20:-20].max() < 0.02 * picture.max()


# scenes


def test_hidden_background_is_what_vessels_cover():
    config = SynthesisConfig(
        size=160, bolus=False, heart_motion=1.2, collimator=0, catheter=0, leads=0,
        wires=0, electrodes=0, stents=0, opacity=(0.9, 0.9),
    )  # fmt: skip
    scenes = draw_scenes(config, 2, draws(5))
    now, then = scenes.at(torch.tensor([0.1, 0.4])), scenes.at(torch.tensor([0.2, 0.5]))
    hidden, flow = now.hidden(then), now.flow(then)
    checked = 0
    for scene, row, column in (~now.masks).nonzero()[::97].tolist():
        x = round(column + float(flow[scene, 0, row, column]))
        y = round(row + float(flow[scene, 1, row, column]))
        inside = 0 <= x < 160 and 0 <= y < 160
        wanted = not inside or bool(then.vessel_front[scene, y, x] >= 0)
        assert bool(hidden[scene, row, column]) == wanted
        checked += 1
    assert checked > 100
    assert bool(hidden.any())


def test_masks_of_two_trees():
    config = SynthesisConfig(size=128, bolus=False, second_tree=1.0, opacity=(0.9, 0.9))
    moment = draw_scenes(config, 2, draws(2)).at(torch.zeros(2))
    both = moment.tree_masks
    assert both.shape == (2, 2, 128, 128)
    assert bool((both.any(dim=1) == moment.masks).all())
    assert bool((both.flatten(2).sum(dim=2) > 20).all())


def test_devices_are_no_vessels():
    config = SynthesisConfig(
        size=128, bolus=False, catheter=1, leads=1, wires=1, electrodes=1, stents=1,
        generations=1,
    )  # fmt: skip
    moment = draw_scenes(config, 2, draws(2)).at(torch.zeros(2))
    alphas = moment.alphas
    assert float(alphas["devices"].sum()) > 100
    bare = config.changed(catheter=0, leads=0, wires=0, electrodes=0, stents=0)
    without = draw_scenes(bare, 2, draws(2)).at(torch.zeros(2))
    assert float(without.alphas["devices"].sum()) == 0
    assert bool((moment.masks == (moment.vessel_front >= 0)
                 & moment.scenes.imagings.open_field).all())  # fmt: skip


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_give_pairs(name):
    config = SynthesisConfig.preset(name)
    pairs = training_pairs(3, 96, seed=1, config=config)
    assert pairs.first.shape == pairs.second.shape == (3, 96, 96)
    assert pairs.flow.shape == (3, 2, 96, 96)
    assert bool(pairs.flow.isfinite().all())
    assert float(pairs.first.min()) >= 0
    assert float(pairs.first.max()) <= 1


@pytest.mark.parametrize("name", ["generic-layers", "rotating-cube"])
def test_other_scenes_are_what_their_flow_says(name):
    """Carried back by the flow, the second picture is the first."""
    calm = {"noise": 0.0, "jpeg": (100, 100), "sharpen": (0, 0), "collimator": 0}
    config = SynthesisConfig.preset(name, size=160, **calm)
    scenes = draw_any(config, 3, draws(4))
    now = scenes.at(torch.full((3,), 0.2))
    then = scenes.at(torch.full((3,), 0.25))
    from napari_motionseg.motion import warp

    grain = torch.Generator().manual_seed(0)
    first, second = now.frames(grain), then.frames(grain)
    flow = now.flow(then)
    back = warp(second[:, None], flow)[:, 0]
    moved = (back - first).abs().flatten(1).median(dim=1).values
    left = (second - first).abs()
    moving = flow.norm(dim=1) > 0.7
    assert bool(moving.any())
    assert float((back - first).abs()[moving].median()) < 0.6 * float(
        left[moving].median()
    )
    assert float(moved.max()) < 0.05


def test_the_flow_of_a_face_is_affine():
    config = SynthesisConfig.preset("rotating-cube", size=96)
    scenes = draw_any(config, 2, draws(7))
    now, then = scenes.at(torch.zeros(2)), scenes.at(torch.full((2,), 0.2))
    flow = now.flow(then)
    for face in range(1, 7):
        scene, row, column = (now.labels == face).nonzero(as_tuple=True)
        for one in range(2):
            here = scene == one
            if here.sum() < 50:
                continue
            x = torch.stack((column[here], row[here], torch.ones(int(here.sum()))), 1)
            y = flow[one, :, row[here], column[here]].T
            fit = torch.linalg.lstsq(x.double(), y.double()).solution
            assert float((x.double() @ fit - y).abs().max()) < 1e-2


def test_rotations_are_rotations():
    turn = torch.tensor([[0.0, 0.0, np.pi / 2], [0.0, 0.0, 0.0]])
    made = rotations(turn)
    np.testing.assert_allclose(
        made[0] @ torch.tensor([1.0, 0, 0]), [0, 1, 0], atol=1e-6
    )
    np.testing.assert_allclose(made[1], np.eye(3), atol=1e-6)


def test_an_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="xa-coronary"):
        SynthesisConfig.preset("xa-coronry")
