"""The demo, small: every stage, every file, and the truth it is held against."""

import hashlib
import json
import re

import numpy as np
import pytest

from napari_motionseg.demo import (
    FILES,
    STAGES,
    Demo,
    DemoSettings,
    demo_job,
    liveliest_frame,
    thickest_point,
)
from napari_motionseg.errors import SettingsError
from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.jobs import run
from napari_motionseg.models import read_card
from napari_motionseg.models.model_card import checkpoint_path
from napari_motionseg.segmentation.metrics import dice

SMALL = DemoSettings(
    size=96, frames=6, pretrain_steps=2, finetune_steps=3, width=4, flow_method="ilk"
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    told = []
    result = run(demo_job(SMALL, tmp_path_factory.mktemp("demo")), told.append)
    return result, told


def test_everything_is_written(demo):
    result, _ = demo
    for name in FILES:
        assert result.files[name].exists(), name
    cine = read_cine(result.files["cine"])
    assert cine.shape == (6, 96, 96)
    assert cine.technical["modality"] == "XA"
    assert read_card(result.files["embedding"]).kind == "embedding"
    card = read_card(result.files["vessel"])
    assert card.kind == "segmentation"
    ships = checkpoint_path("default").read_bytes()
    assert card.provenance["start"]["sha256"] == hashlib.sha256(ships).hexdigest()


def test_one_frame_was_labelled_and_is_not_counted(demo):
    result, _ = demo
    labels = read_labels(result.files["labels"], shape=(6, 96, 96))
    assert labels.labelled.sum() == 1
    assert labels.labelled[result.labelled_frame]
    assert result.labelled_frame not in result.evaluation.frames
    assert len(result.evaluation.frames) == 5


def test_dice_is_that_of_the_files(demo):
    result, _ = demo
    with np.load(result.files["masks"]) as stored:
        masks = stored["labels"] == 1
    with np.load(result.files["truth"]) as stored:
        truth = stored["labels"] == 1
    expected = [float(dice(masks[t], truth[t])) for t in result.evaluation.frames]
    np.testing.assert_allclose(result.evaluation.dice, expected)
    filled = truth[result.evaluation.frames].any(axis=(1, 2))
    np.testing.assert_array_equal(result.filled, filled)
    assert result.mean()["dice"] == pytest.approx(np.mean(np.array(expected)[filled]))


def test_each_stage_tells_its_progress_and_time(demo):
    result, told = demo
    assert list(result.times) == [stage.title for stage in STAGES]
    assert all(seconds > 0 for seconds in result.times.values())
    assert sum(progress.step == progress.total for progress in told) >= len(STAGES)


def test_the_report_stands_alone(demo):
    result, _ = demo
    page = result.files["report"].read_text()
    for part in ("Pretraining", "Fine-tuning", "Dice", "not a medical device"):
        assert part in page
    loaded = re.findall(r'(?:src|href)="([^"]{0,40})', page)
    assert loaded
    assert all(link.startswith(("data:", "#")) for link in loaded), loaded
    assert page.count("<svg") >= 2
    assert page.count("data:image/png;base64,") >= 4 + 6


def test_the_result_goes_into_json_and_lines(demo):
    result, _ = demo
    row = json.loads(json.dumps(result.row()))
    assert len(row["frames"]) == 5
    assert 0 <= row["dice"] <= 1
    assert dict(result.lines())["report"].endswith("report.html")


def test_a_demo_can_be_ended_between_steps(tmp_path):
    job = demo_job(SMALL, tmp_path)
    next(job)
    job.close()
    assert not (tmp_path / FILES["report"]).exists()


@pytest.mark.parametrize("change", [{"size": 32}, {"frames": 3}, {"width": 0}])
def test_what_cannot_be_is_refused(change):
    with pytest.raises(SettingsError, match=next(iter(change))):
        DemoSettings(**change)


def test_stages_are_those_of_the_demo():
    assert all(stage.run in vars(Demo).values() for stage in STAGES)


def test_the_thickest_point_of_a_disc_is_its_centre():
    rows, columns = np.mgrid[:21, :31]
    disc = (rows - 8) ** 2 + (columns - 20) ** 2 <= 36
    assert thickest_point(disc) == (8, 20)


def test_the_liveliest_frame_is_well_filled():
    masks = np.zeros((5, 8, 8), bool)
    masks[0, 0, 0] = True  # hardly filled, though it moves most
    masks[1:, 2:6, 2:6] = True
    flow = np.zeros((4, 2, 8, 8), np.float32)
    flow[0], flow[2] = 9, 3
    flow[3, :, 0, 0] = 50  # not on the vessel
    assert liveliest_frame(flow, masks) == 2
