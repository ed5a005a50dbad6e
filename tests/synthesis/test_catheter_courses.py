"""Catheters come down the aorta and point into the vessel."""

import pytest
import torch

from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.catheter_courses import aortic_course
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any

CONFIG = SynthesisConfig(
    anatomy="coronary", second_tree=0.0, view=False, catheter=1.0, bolus=False, size=96
)


def draws(seed):
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))


@pytest.mark.parametrize("tree", ["left", "right"])
def test_a_catheter_reaches_the_ostium_along_the_vessel_and_comes_from_above(tree):
    for seed in range(6):
        scenes = draw_any(CONFIG.changed(tree=tree), 1, draws(seed))
        trees, cameras = scenes.trees, scenes.cameras
        ahead = torch.nn.functional.normalize(trees.points[8] - trees.points[0], dim=0)
        course = aortic_course(trees.points[0], ahead, cameras, 0, draws(seed))
        scene = torch.zeros(1, dtype=torch.long)
        ostium = cameras.project(trees.points[:1], scene)[0]
        away = torch.linalg.vector_norm(course - ostium, dim=1)
        assert float(away[0]) < 20  # the tip is at most 3 mm in
        assert float(away.min()) < 5
        # it leans on the wall of the aorta on the other side of the ostium
        point = trees.points[:1] + 20 * ahead
        along = cameras.project(point, scene)[0] - ostium
        inside = (away > 30) & (away < 100)
        assert float(((course - ostium)[inside] @ along).mean()) < 0
        # the ascending aorta is above the ostium
        assert float(course[:, 1].min()) < float(ostium[1]) - 300
        # the course is smooth: it turns by little between two of its 400 points
        step = torch.nn.functional.normalize(course.diff(dim=0), dim=1)
        assert float((step[1:] * step[:-1]).sum(dim=1).min()) > 0.7


def test_the_catheter_of_a_scene_ends_at_the_ostium():
    scenes = draw_any(CONFIG, 3, draws(4))
    devices = scenes.devices
    ostia = scenes.trees.first_samples(3)
    seen = scenes.cameras.project(scenes.trees.points[ostia], torch.arange(3))
    for number, scene in zip(devices.catheters.tolist(), range(3), strict=True):
        own = devices.tethered.branch == number
        assert devices.tethered.scene[own].unique().tolist() == [scene]
        tip = devices.tethered.rest[own][0]
        assert float(torch.linalg.vector_norm(tip - seen[scene])) < 20
        assert float(devices.tethered.follow[own][0]) == pytest.approx(1, abs=0.05)
