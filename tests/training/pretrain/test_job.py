import dataclasses
import gc
import pickle
import tempfile

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import (
    MotionError,
    SettingsError,
    TrainingError,
    WriteError,
)
from napari_motionseg.jobs import STOP, Progress, run
from napari_motionseg.models import UNet, UNetConfig, load_model
from napari_motionseg.motion import FlowCache, FlowSequence, FlowSettings
from napari_motionseg.training.engine.loop import TrainingSettings
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.pretrain import motion_data
from napari_motionseg.training.pretrain.job import (
    Learner,
    PretrainSettings,
    PretrainTask,
    describe,
    pretrain,
    pretrain_job,
)
from napari_motionseg.training.pretrain.motion_data import (
    FlowFile,
    MovingLoop,
    moving_loops_job,
)

pytestmark = pytest.mark.usefixtures("no_signal_check")
TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


def fake_flow_job(cine, settings, cache=None):
    """Say that column c moves by c px to the right, and row r by r px down."""
    if len(cine) < 2:
        raise MotionError(f"{cine.name} has 1 frame; motion needs two")
    _, height, width = cine.shape
    for t in range(len(cine) - 1):
        yield Progress(t + 1, len(cine) - 1, "pair")
    field = np.stack(np.broadcast_arrays(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    ))  # fmt: skip
    scale = 0.0 if cine.name == "slow" else 1.0
    flow = np.repeat(scale * field[None], len(cine) - 1, axis=0)
    if cine.name == "broken":
        flow[0, 0, 0, 0] = np.nan
    return FlowSequence(flow, None, 1, settings.method)


@pytest.fixture(autouse=True)
def _cheap_flow(monkeypatch):
    monkeypatch.setattr(motion_data, "estimate_flow_job", fake_flow_job)


def loop(frames=4, height=40, width=36, seed=0, **others):
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, height, width))
    return Cine.from_array(pixels.astype(np.uint8), **others)


def settings(steps=3, **others):
    training = others.pop("training", {})
    defaults = {"device": "cpu", "precision": "float32", "preview_every": 2}
    return PretrainSettings(
        steps=steps,
        network=TINY,
        flow=FlowSettings(method="ilk"),
        training=TrainingSettings(steps=1, **(defaults | training)),
        **({"batch": 2, "crop": 32, "points": 20} | others),
    )


def gather(cines):
    told = []
    loops = run(moving_loops_job(cines, FlowSettings(method="ilk")), told.append)
    return loops, [p.message for p in told]


def test_defaults_are_the_papers():
    paper = PretrainSettings()
    assert (paper.batch, paper.objective) == (3, "flow-consistency")
    assert paper.training.learning_rate == 1e-3
    assert paper.training.schedule == "constant"
    objective = paper.make_objective()
    assert objective.points == 250
    assert (objective.neighborhood, objective.sigma, objective.epsilon) == (5, 0.5, 1.0)
    assert paper.network.embedding_dim == 64
    pickle.loads(pickle.dumps(paper))


def test_an_embedding_is_learnt_written_and_its_origin_with_it(tmp_path):
    out, told = tmp_path / "embedding.safetensors", []
    cines = [loop(name="Doe^John"), loop(5, 44, 52, seed=1)]
    assert run(pretrain_job(cines, settings(), out=out), told.append) == out
    flow = [p.message for p in told if "Flow of loop" in p.message]
    assert len(flow) == 3 + 4
    assert flow[0].startswith("Flow of loop 1 of 2 (Doe^John)")
    steps = [p for p in told if "loss" in p.metrics]
    assert [p.step for p in steps] == [1, 2, 3]
    assert steps[0].metrics["divergence"] > 0
    assert all(p.preview is not None for p in steps)  # first, second, last
    assert steps[1].preview.shape == (40, 3 * 36, 3)
    assert steps[1].preview.dtype == np.uint8

    model, card = load_model(out, kind="embedding")
    assert isinstance(model, UNet)
    assert model.config == TINY
    data = card.provenance["pretraining"]
    assert data["loops"] == [cine.content_hash() for cine in cines]
    assert data["gaps"] == [1, 1]
    assert data["flow_weights_sha256"] is None
    assert data["points"] == 20
    assert card.provenance["training"]["steps_done"] == 3
    assert card.provenance["training"]["settings"]["steps"] == 3
    assert "Doe" not in repr(card)


def test_the_loss_falls_where_there_is_something_to_learn(tmp_path, monkeypatch):
    """A bright square moves over a dark ground: a few steps tell them apart."""

    def square_flow_job(cine, settings, cache=None):
        yield Progress(1, 1)
        square = np.stack([cine.frames[t] > 128 for t in range(len(cine) - 1)])
        flow = np.zeros((len(square), 2, *square.shape[1:]), np.float32)
        flow[:, 0] = np.where(square, 4, -4)
        return FlowSequence(flow, None, 1, "truth")

    monkeypatch.setattr(motion_data, "estimate_flow_job", square_flow_job)
    frames = np.random.default_rng(0).integers(40, 70, (6, 40, 40))
    for t in range(6):
        frames[t, 10:25, 5 + 3 * t : 20 + 3 * t] += 150
    cine = Cine.from_array(frames.astype(np.uint8))
    how = settings(60, points=60, training={"learning_rate": 1e-2})
    told = []
    run(pretrain_job([cine], how, out=tmp_path / "e.safetensors"), told.append)
    curve = [p.metrics["divergence"] for p in told if "divergence" in p.metrics]
    assert np.mean(curve[-10:]) < 0.6 * np.mean(curve[:10])


def test_resume_reaches_the_very_weights(tmp_path):
    cines = [loop(), loop(seed=1)]
    whole = pretrain(cines, settings(4), out=tmp_path / "whole.safetensors")
    out = tmp_path / "part.safetensors"
    job = pretrain_job(cines, settings(4), out=out)
    while next(job).metrics.get("loss") is None:
        pass
    job.close()
    assert not out.exists()
    assert (tmp_path / "part.state.safetensors").exists()
    told = []
    run(pretrain_job(cines, settings(4), out=out, resume=True), told.append)
    assert [p.step for p in told if "loss" in p.metrics] == [2, 3, 4]
    first, second = (load_model(path)[0].state_dict() for path in (whole, out))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_resume_on_other_loops_is_refused(tmp_path):
    out = tmp_path / "e.safetensors"
    pretrain([loop()], settings(), out=out)
    with pytest.raises(TrainingError, match=r"pretraining\.loops was"):
        pretrain([loop(seed=5)], settings(), out=out, resume=True)
    with pytest.raises(TrainingError, match=r"pretraining\.points was 20, is 30"):
        pretrain([loop()], settings(points=30), out=out, resume=True)


SMALL_PROPAGATION = {
    "nms_kernel": 5, "grid_stride": 16, "cell": 4, "image_channels": 8, "width": 4,
}  # fmt: skip
OTHERS = [
    ("cross-pixel", {}, 20),
    ("flow-classes", {}, 20),
    ("grouping", {"kind": "affine"}, None),
    ("grouping", {"kind": "entropy"}, None),
    ("conditional-propagation", SMALL_PROPAGATION, None),
]


@pytest.mark.parametrize(("objective", "options", "points"), OTHERS)
def test_any_objective_trains_and_goes_on_where_it_was_cut(
    tmp_path, objective, options, points
):
    """Weights of the objective's own are kept for it, and not in the embedding."""
    how = settings(4, objective=objective, options=options, points=points)
    whole = pretrain([loop()], how, out=tmp_path / "whole.safetensors")
    cut = tmp_path / "cut.safetensors"
    job = pretrain_job([loop()], how, out=cut)
    while next(job).metrics.get("loss") is None:
        pass
    job.close()
    pretrain([loop()], how, out=cut, resume=True)
    one, other = (load_model(path, kind="embedding")[0] for path in (whole, cut))
    assert isinstance(one, UNet)
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name])


def test_the_learned_width_moves(tmp_path):
    how = settings(6, objective="cross-pixel", training={"learning_rate": 0.05})
    told = []
    run(pretrain_job([loop()], how, out=tmp_path / "e.safetensors"), told.append)
    widths = [p.metrics["sigma"] for p in told if "sigma" in p.metrics]
    assert len(set(widths)) == len(widths) == 6


SEVERAL = {"flow-consistency": 1.0, "grouping": 0.5, "temporal-consistency": 0.2}


def test_several_objectives_train_at_once_and_go_on_where_they_were_cut(tmp_path):
    how = settings(3, objective=SEVERAL, options={"grouping.kind": "entropy"})
    whole, told = tmp_path / "whole.safetensors", []
    run(pretrain_job([loop()], how, out=whole), told.append)
    for metrics in (p.metrics for p in told if "loss" in p.metrics):
        total = sum(weight * metrics[f"{n}.loss"] for n, weight in SEVERAL.items())
        assert metrics["loss"] == pytest.approx(total, rel=1e-5)
        assert metrics["flow-consistency.divergence"] > 0
        assert -1 <= metrics["temporal-consistency.carried"] <= 1
    cut = tmp_path / "cut.safetensors"
    job = pretrain_job([loop()], how, out=cut)
    while next(job).metrics.get("loss") is None:
        pass
    job.close()
    pretrain([loop()], how, out=cut, resume=True)
    first, second = (load_model(path)[0].state_dict() for path in (whole, cut))
    assert all(torch.equal(first[name], second[name]) for name in first)
    facts = load_model(whole)[1].provenance["pretraining"]
    assert facts["objective"] == SEVERAL
    other = dataclasses.replace(how, objective=SEVERAL | {"grouping": 0.7})
    with pytest.raises(TrainingError, match=r"objective\.grouping was 0\.5, is 0\.7"):
        pretrain([loop()], other, out=cut, resume=True)


def test_the_later_frame_is_that_to_which_flow_leads():
    cine = loop(4, 32, 32)
    how = settings(
        objective={"flow-consistency": 1.0, "temporal-consistency": 1.0},
        batch=20,
        jitter=0.0,
    )
    task = make_task([cine], how)
    pictures, _ = task.batch(step_generator(0, 0))
    later = task._later(step_generator(0, 1))
    frames = [torch.from_numpy(cine.normalized(t)) for t in range(4)]
    for now, then in zip(pictures[:, 0], later[:, 0], strict=True):
        (found,) = [
            (t, turned)
            for t in range(3)
            for turned in (False, True)
            if torch.equal(now, frames[t].flip(-1) if turned else frames[t])
        ]
        expected = frames[found[0] + 1]
        assert torch.equal(then, expected.flip(-1) if found[1] else expected)


@pytest.mark.parametrize("objective", ["cross-pixel", "flow-classes"])
def test_a_hypercolumn_is_trained_on_the_drawn_pixels_alone(
    tmp_path, monkeypatch, objective
):
    def refuse(*_):
        raise AssertionError("the whole picture was embedded")

    network = dataclasses.replace(TINY, head="hypercolumn")
    training = {"preview_every": 0}
    how = settings(3, objective=objective, training=training)
    how = dataclasses.replace(how, network=network)
    out = tmp_path / "e.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(UNet, "forward", refuse)
        pretrain([loop()], how, out=out)
    model, card = load_model(out, kind="embedding")
    assert model.config == network
    assert card.provenance["pretraining"]["network"]["head"] == "hypercolumn"
    frame = torch.from_numpy(loop().normalized(0))[None, None]
    with torch.no_grad():
        everywhere = model(frame)
        points = torch.tensor([[[0, 0], [39, 35], [17, 20]]])
        at_points = model.at_points(frame, points)
    assert everywhere.shape == (1, 8, 40, 36)
    expected = everywhere[0, :, points[0, :, 0], points[0, :, 1]].T
    torch.testing.assert_close(at_points[0], expected, rtol=1e-4, atol=1e-5)


def test_a_hypercolumn_serves_objectives_of_whole_pictures_too(tmp_path):
    how = settings(1, objective="grouping", points=None)
    network = dataclasses.replace(TINY, head="hypercolumn")
    pretrain(
        [loop()],
        dataclasses.replace(how, network=network),
        out=tmp_path / "e.safetensors",
    )


def test_a_decoder_embeds_no_few_pixels():
    with pytest.raises(SettingsError, match="head must be 'hypercolumn'"):
        UNet(TINY).at_points(torch.zeros((1, 1, 8, 8)), torch.zeros((1, 2, 2)))


def test_loops_of_any_size_and_depth_train_together(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 4096, (3, 50, 33))
    deep = Cine.from_array(pixels.astype(np.uint16), bits_stored=12)
    told = []
    job = pretrain_job([loop(), deep], settings(3), out=tmp_path / "e.safetensors")
    run(job, told.append)
    assert all(np.isfinite(p.metrics.get("loss", 0)) for p in told)


def test_a_loop_with_fewer_frames_than_the_gap_is_left_out_by_name(monkeypatch):
    monkeypatch.undo()  # the flow itself says so
    short, still = loop(3, name="short"), loop(1, name="single")
    flow = FlowSettings(method="ilk", gap=5)
    with pytest.raises(TrainingError, match=r"(?s)short: .*3 frames.*single: ") as told:
        run(moving_loops_job([short, still], flow))
    assert "gap" in str(told.value)


def test_a_loss_that_is_none_names_the_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(Learner, "forward", lambda *_: (torch.tensor(torch.nan), {}))
    cines = [loop(), loop(seed=1)]
    job = pretrain_job(cines, settings(batch=3), out=tmp_path / "e.safetensors")
    words = r"the loss of step 1 is nan.* Its pictures: loop [12] frame [123] from row"
    with pytest.raises(TrainingError, match=words) as told:
        run(job)
    assert str(told.value).count("frame") == 3


def test_points_of_an_objective_without_any_are_refused():
    with pytest.raises(SettingsError, match="'grouping' has no option 'points'"):
        settings(objective="grouping", points=20)


def test_stop_writes_what_was_learnt(tmp_path):
    job = pretrain_job([loop()], settings(50), out=tmp_path / "e.safetensors")
    while next(job).metrics.get("loss") is None:
        pass
    job.send(STOP)
    with pytest.raises(StopIteration) as end:
        next(job)
    _, card = load_model(end.value.value)
    assert card.provenance["training"]["steps_done"] == 1


def test_stop_before_anything_was_learnt(tmp_path):
    out = tmp_path / "e.safetensors"
    job = pretrain_job([loop()], settings(), out=out)
    next(job)
    with pytest.raises(TrainingError, match="stopped while flow was estimated"):
        job.send(STOP)
    assert not out.exists()


def test_cancel_reaches_the_flow_job(monkeypatch):
    ended = []

    def endless_job(cine, settings, cache):
        try:
            while True:
                yield Progress(1, 0)
        finally:
            ended.append(True)

    monkeypatch.setattr(motion_data, "estimate_flow_job", endless_job)
    job = moving_loops_job([loop()], FlowSettings(method="ilk"))
    next(job)
    job.close()
    assert ended == [True]


def test_loops_that_teach_nothing_are_left_out_and_named():
    others = [
        (loop(1, name="single"), "has 1 frame; motion needs two"),
        (loop(name="slow"), "nothing in it moves by 0.05 px"),
        (loop(name="broken"), "its flow is not finite"),
    ]
    cines = [cine for cine, _ in others] + [loop(name="good")]
    loops, messages = gather(cines)
    assert [one.cine.name for one in loops] == ["good"]
    for number, (cine, reason) in enumerate(others, start=1):
        left_out = f"Loop {number} of 4 is left out: {cine.name}: "
        assert any(m.startswith(left_out) and reason in m for m in messages)
    with pytest.raises(
        TrainingError, match=r"(?s)no loop has motion.*slow: nothing in it moves"
    ):
        gather(cines[:-1])


def test_flow_is_kept_in_half_precision_and_silent_outside_the_valid_area():
    valid = np.zeros((40, 36), bool)
    valid[5:30, 4:20] = True
    (one,), _ = gather([loop(valid_area=valid)])
    assert one.flow[:].dtype == np.float16
    assert one.flow.shape == (3, 2, 40, 36)
    assert not one.flow[:, :, ~valid].any()
    assert one.flow[0, 0, 10, 10] == 10


def make_task(cines, how):
    return PretrainTask(
        Learner(UNet(TINY), how.make_objective()), gather(cines)[0], how
    )


def test_windows_carry_their_own_flow():
    """The fake flow says where a pixel lies, so every window can be checked."""
    cine = loop(4, 40, 36)
    task = make_task([cine], settings(batch=30, jitter=0.0))
    pictures, flow = task.batch(step_generator(0, 0))
    assert pictures.shape == (30, 1, 32, 32)
    assert flow.shape == (30, 2, 32, 32)
    frames = np.stack([cine.normalized(t) for t in range(3)])
    mirrored = 0
    for picture, (x, y) in zip(pictures[:, 0].numpy(), flow.numpy(), strict=True):
        if x[0, 0] < 0:  # columns run backwards, and so do the vectors
            mirrored += 1
            picture, x, y = picture[:, ::-1], -x[:, ::-1], y[:, ::-1]
        top, left = int(y[0, 0]), int(x[0, 0])
        windows = frames[:, top : top + 32, left : left + 32]
        assert any(np.array_equal(picture, window) for window in windows)
        np.testing.assert_array_equal(x[0], np.arange(left, left + 32))
    assert 5 < mirrored < 25


def test_no_mirror_and_whole_frames_when_asked():
    task = make_task([loop()], settings(batch=8, mirror=False, crop=None))
    pictures, flow = task.batch(step_generator(0, 0))
    assert pictures.shape == (8, 1, 40, 36)
    assert (flow[:, 0, 0] == torch.arange(36)).all()


@pytest.mark.parametrize("shape", [(40, 36), (20, 50)])
def test_zoomed_windows_are_turned_and_keep_their_size(shape):
    how = settings(batch=40, crop=32, jitter=0.0, zoom=(0.5, 2.0))
    task = make_task([loop(3, *shape)], how)
    pictures, flow = task.batch(step_generator(0, 0))
    side = min(shape[0], 32)
    assert pictures.shape == (40, 1, side, 32)
    # flow tells the place in the loop, so it rises by 1 px with each px in every pose
    across, down = flow[:, 0].diff(dim=-1).median(), flow[:, 0].diff(dim=-2).median()
    assert float(down.abs()) < 0.01 < 0.9 < float(across) < 1.1
    poses = {window.place.pose.quarters for window in task._last}
    assert poses == ({0, 1, 2, 3} if side == 32 else {0, 2})


def test_small_loops_make_small_windows():
    task = make_task([loop(), loop(3, 20, 50)], settings(crop=32))
    pictures, _ = task.batch(step_generator(0, 0))
    assert pictures.shape == (2, 1, 20, 32)


def test_every_loop_has_the_same_chance_whatever_its_length():
    dark = Cine.from_array(np.arange(2 * 32 * 32).reshape(2, 32, 32) % 3 / 255)
    task = make_task([dark, loop(30, 32, 32)], settings(batch=200, jitter=0.0))
    pictures, _ = task.batch(step_generator(0, 0))
    share = (pictures.amax(dim=(1, 2, 3)) < 0.1).float().mean()
    assert 0.4 < share < 0.6


def test_a_halved_batch_is_a_smaller_batch():
    task = make_task([loop()], settings(batch=4))
    task.batch_size = 1
    assert task.batch(step_generator(0, 0))[0].shape[0] == 1


def test_the_description_names_no_file_and_no_path():
    how = dataclasses.replace(
        settings(), flow=FlowSettings(method="ilk", weights="/home/doe")
    )
    described = describe([MovingLoop(loop(), np.zeros((3, 2, 40, 36)), 1)], how)
    assert "doe" not in repr(described)
    assert described["flow"]["method"] == "ilk"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"steps": 0}, "steps must be at least 1; got 0"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"points": 0}, "points must be at least 1"),
        ({"crop": 8, "points": 65}, r"as many pixels as points \(65\); got 8 x 8"),
        ({"objective": "flow"}, "unknown objective 'flow'.*flow-consistency"),
        (
            {"options": {"sigm": 1.0}},
            "has no option 'sigm'; it has background, changes",
        ),
        ({"options": {"sigma": 0.0}}, "sigma must be positive"),
        ({"jitter": -0.1}, "jitter must be at least 0"),
        ({"objective": "temporal-consistency"}, "cannot be used alone"),
        ({"objective": {"temporal-consistency": 1.0}}, "cannot be used alone"),
        ({"objective": {}}, "at least one objective"),
        ({"objective": {"luck": 1.0}}, "unknown objective 'luck'"),
        ({"objective": {"grouping": -1.0}}, "weight of grouping must be positive"),
        (
            {"objective": {"grouping": 1.0}, "options": {"kind": "affine"}},
            r"must be OBJECTIVE\.NAME.* got 'kind'",
        ),
        (
            {"objective": {"grouping": 1.0}, "options": {"grouping.luck": 1}},
            "objective 'grouping' has no option 'luck'",
        ),
    ],
)
def test_settings_that_cannot_be(wrong, words):
    with pytest.raises(SettingsError, match=words):
        PretrainSettings(**wrong)


def test_no_loop_at_all(tmp_path):
    with pytest.raises(SettingsError, match="at least one loop; got none"):
        pretrain([], settings(), out=tmp_path / "e.safetensors")


def test_flow_lies_in_files_that_go_with_the_loops(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (one, two), _ = gather([loop(), loop(seed=1)])
    files = list(tmp_path.glob("motionseg-flow-*"))
    assert len(files) == 2
    assert isinstance(one.flow, FlowFile)
    sent = pickle.loads(pickle.dumps(one.flow))
    np.testing.assert_array_equal(sent[1], one.flow[1])
    assert sent.shape == one.flow.shape
    del sent
    assert len(list(tmp_path.glob("motionseg-flow-*"))) == 2
    del one, two
    gc.collect()
    assert not list(tmp_path.glob("motionseg-flow-*"))


def test_no_room_for_flow_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(WriteError, match=r"\(0 MiB\) cannot be written.*TMPDIR"):
        FlowFile(np.zeros((1, 2, 8, 8), np.float16))


def test_flow_is_kept_for_the_next_training(tmp_path, monkeypatch):
    monkeypatch.undo()
    cache = FlowCache(tmp_path / "cache")
    flow = FlowSettings(method="ilk")
    first = run(moving_loops_job([loop()], flow, cache))[0].flow[:]
    told = []
    again = run(moving_loops_job([loop()], flow, cache), told.append)[0].flow[:]
    np.testing.assert_array_equal(again, first)
    assert any("was kept from before" in p.message for p in told)
