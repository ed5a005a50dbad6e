"""The flow of an archive is that of the loop alone."""

import json

import numpy as np

from napari_motionseg.batch.estimation_task import FlowTask
from napari_motionseg.batch.records import Draft
from napari_motionseg.jobs import run
from napari_motionseg.motion import FlowSettings, estimate_flow_job

SETTINGS = FlowSettings(gap=2, method="ilk", backward=True, device="cpu")


def test_flow_and_its_facts(small_cine, tmp_path):
    draft = Draft(tmp_path)
    told = FlowTask(SETTINGS).run(small_cine, "f" * 64, draft)
    name, picture = draft.names
    assert (name[-9:], picture[-14:]) == ("_flow.npz", "_thumbnail.png")
    alone = run(estimate_flow_job(small_cine, SETTINGS))
    with np.load(tmp_path / name) as file:
        for way in ("forward", "backward"):
            found = file[way]
            assert found.dtype == np.float16
            np.testing.assert_allclose(found, getattr(alone, way), atol=0.02)
        assert (file["gap"], len(file["missing"])) == (2, 0)
    lengths = np.hypot(*np.moveaxis(np.asarray(alone.forward), 1, 0))
    assert told["median_px"] == round(float(np.median(lengths)), 3)
    assert told["fastest"] == lengths.mean(axis=(1, 2)).argmax()
    assert (told["gap"], told["pairs"]) == (2, len(small_cine) - 2)
    json.dumps(told)


def test_results_depend_on_method_and_weights_and_on_no_device(tmp_path):
    weights = tmp_path / "flow.safetensors"
    weights.write_bytes(b"one")
    first = FlowTask(FlowSettings(weights=str(weights), device="cpu")).settings()
    assert first == FlowTask(FlowSettings(weights=str(weights))).settings()
    weights.write_bytes(b"two")
    assert first != FlowTask(FlowSettings(weights=str(weights))).settings()
    assert FlowTask(FlowSettings(gap=3)).settings() != FlowTask().settings()
    json.dumps(first)
