"""The signal of the flow of loops, with flow that is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.evaluation import loop_signal
from napari_motionseg.evaluation.flow_signal import MEASURES
from napari_motionseg.evaluation.loop_signal import (
    SignalLoop,
    SignalSettings,
    flow_signal_job,
    summarize_signal,
)
from napari_motionseg.io import Labels
from napari_motionseg.jobs import STOP, run

SIDE = 64


def bars(frames=8, name="bars", patient=""):
    """A dark bar that moves down, from the third frame on."""
    mask = np.zeros((frames, SIDE, SIDE), bool)
    for t in range(2, frames):
        mask[t, 10 + 2 * t : 16 + 2 * t, 10:50] = True
    grain = np.random.default_rng(0).integers(0, 10, mask.shape)
    pixels = np.where(mask, 60, 180) + grain
    patient = {"PatientID": patient} if patient else {}
    cine = Cine.from_array(pixels.astype(np.uint8), name=name, patient=patient)
    return cine, mask


def labelled(cine, mask, frames=None):
    known = np.isin(
        np.arange(len(mask)), range(len(mask)) if frames is None else frames
    )
    return SignalLoop(cine, Labels(mask.astype(np.uint8), known, "dense"))


@pytest.fixture(autouse=True)
def _known_flow(monkeypatch):
    """The estimator "ilk" sees the bar, and all others see nothing."""

    def lazy_flow(cine, settings, cache=None):
        dark = np.asarray(cine.frames)[:-1] < 120
        flow = np.zeros((len(dark), 2, SIDE, SIDE), np.float32)
        flow[:, 1] = 2.0 * dark if settings.method == "ilk" else 1.0
        assert settings.backward
        return SimpleNamespace(forward=flow, backward=-flow, gap=1)

    monkeypatch.setattr(loop_signal, "lazy_flow", lazy_flow)


def test_each_estimator_is_measured_on_frames_that_show_vessels():
    cine, mask = bars()
    loops = [labelled(cine, mask), labelled(*bars(name="few"), frames=[5])]
    settings = SignalSettings(("ilk", "tvl1"), pairs=3)
    rows = run(flow_signal_job(loops, settings))
    assert {row["loop"] for row in rows} == {"bars", "few"}
    frames = [row["frame"] for row in rows if row["loop"] == "bars"]
    assert frames == [2, 4, 6] * 2
    assert {row["frame"] for row in rows if row["loop"] == "few"} == {5}
    sees, blind = summarize_signal(rows)
    assert (sees["method"], sees["pairs"], sees["loops"]) == ("ilk", 4, 2)
    assert sees["measures"]["auc_length"]["mean"] > 0.99
    assert blind["measures"]["auc_length"]["mean"] == 0.5
    assert set(sees["measures"]) == set(MEASURES)


def test_intervals_come_from_patients_whose_names_stay_inside():
    cines = [bars(name=f"l{n}", patient=f"Doe{n // 2}") for n in range(4)]
    rows = run(flow_signal_job([labelled(*c) for c in cines], SignalSettings(("ilk",))))
    (found,) = summarize_signal(rows)
    assert (found["patients"], list(found["by_patient"])) == (2, ["1", "2"])
    measure = found["measures"]["nats_louder"]
    assert measure["low"] <= measure["mean"] <= measure["high"]
    assert "Doe" not in repr(rows)
    (alone,) = summarize_signal([row for row in rows if row["patient"] == 1])
    assert alone["measures"]["nats_louder"]["low"] is None


def test_a_network_finds_vessels_where_there_are_no_labels():
    cine, mask = bars()
    asked = []

    def predict(frame):
        asked.append(frame)
        return frame < 120 / 255

    loop = SignalLoop(cine, predict=predict)
    vessels = loop.vessels(count=1, gap=1)
    assert len(asked) == 3
    ((t, found),) = vessels.items()
    assert np.array_equal(found, mask[t])


def test_loops_without_contrast_are_left_out_and_named():
    still, nothing = bars(name="empty")[0], np.zeros((8, SIDE, SIDE), bool)
    told = []
    loops = [labelled(still, nothing), labelled(*bars())]
    rows = run(flow_signal_job(loops, SignalSettings(("ilk",))), told.append)
    assert {row["loop"] for row in rows} == {"bars"}
    words = (
        "Loop 1 of 2 is left out: empty: no frame shows vessels filled with contrast"
    )
    assert any(p.message.startswith(words) for p in told)
    with pytest.raises(LabelError, match=r"no loop can be measured\. empty: .*at most"):
        run(flow_signal_job(loops[:1], SignalSettings(("ilk",))))


def test_loops_of_one_name_stay_apart():
    rows = run(
        flow_signal_job([labelled(*bars())] * 2, SignalSettings(("ilk",), pairs=1))
    )
    assert [row["loop"] for row in rows] == ["bars", "bars (2)"]


def test_stop_keeps_what_was_measured():
    job = flow_signal_job([labelled(*bars())], SignalSettings(("ilk",)))
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert len(end.value.value) == 1


def test_what_cannot_be_measured_is_refused():
    cine, mask = bars()
    with pytest.raises(LabelError, match="needs labels, or a network"):
        SignalLoop(cine)
    with pytest.raises(LabelError, match="labels must be dense.*got scribbles"):
        SignalLoop(cine, Labels(mask.astype(np.uint8), mask.any((1, 2)), "scribbles"))
    with pytest.raises(SettingsError, match="at least one loop; got none"):
        run(flow_signal_job([], SignalSettings()))
    with pytest.raises(SettingsError, match="pairs must be at least 1; got 0"):
        SignalSettings(pairs=0)
    with pytest.raises(SettingsError, match="methods must name"):
        SignalSettings(())
    with pytest.raises(SettingsError, match="did you mean 'ilk'"):
        run(flow_signal_job([labelled(cine, mask)], SignalSettings(("ilkk",))))
