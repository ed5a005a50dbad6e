"""The few-shot protocol on tiny loops and with a method that cheats."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.evaluation import (
    FewShotSettings,
    ReferenceLoop,
    fewshot_job,
    summarize,
)
from napari_motionseg.evaluation.fewshot import draw_frames, trials_of
from napari_motionseg.evaluation.fitted import Fitted
from napari_motionseg.evaluation.paired_statistics import bootstrap_interval
from napari_motionseg.evaluation.record import Record, as_table
from napari_motionseg.jobs import STOP, Progress, run

SIDE = 64


def loop(name, frames=5, seed=0):
    """A dark bar that moves; the first frame shows none."""
    masks = np.zeros((frames, SIDE, SIDE), bool)
    for t in range(1, frames):
        masks[t, :, 8 * (t % 6) + 2 : 8 * (t % 6) + 8] = True
    noise = np.random.default_rng(seed).normal(0, 2, masks.shape)
    pixels = np.clip(180 - 90 * masks + noise, 0, 255).astype(np.uint8)
    valid = np.ones(frames, bool)
    return ReferenceLoop(name, name[:2], Cine.from_array(pixels), masks, valid)


class Cheat:
    """Finds what is darker than half; remembers what it was given."""

    needs_labels = True

    def __init__(self):
        self.given = []

    def fit_job(self, examples, seed):
        self.given.append((len(examples), seed))
        yield Progress(1, 2, "half-way")
        return lambda picture: picture < 0.5


class Untaught(Cheat):
    needs_labels = False

    def fit_job(self, examples, seed):
        yield Progress(1, 2)
        return lambda picture: np.zeros(picture.shape, bool)


TRAIN = [loop("p1_a"), loop("p1_b", seed=1), loop("p2_a", seed=2)]
TEST = [loop("p3_a", seed=3), loop("p4_a", seed=4)]


def test_every_method_gets_the_same_draws_and_tests():
    settings = FewShotSettings(labels=(0, 1, 4), seeds=2)
    cheat = Cheat()
    rows = run(fewshot_job({"a": cheat, "b": Untaught()}, TRAIN, TEST, settings))
    assert cheat.given == [(1, 0), (1, 1), (3, 0), (3, 1)]  # of as many loops
    keys = {(r["method"], r["labels"], r["seed"]) for r in rows}
    wanted = {(m, k, s) for m in "ab" for k in (1, 4) for s in (0, 1)}
    assert keys == wanted | {("b", 0, 0)}
    for key in keys:
        mine = [r for r in rows if (r["method"], r["labels"], r["seed"]) == key]
        assert [(r["loop"], r["frame"]) for r in mine] == [
            (name, t) for name in ("p3_a", "p4_a") for t in (1, 2, 3, 4)
        ]
    assert all(r["dice"] == 1 for r in rows if r["method"] == "a")
    assert all(r["dice"] == 0 for r in rows if r["method"] == "b")


def test_within_a_loop_labelled_frames_are_not_tested():
    settings = FewShotSettings(labels=(2,), seeds=1, protocol="within")
    trials = list(trials_of({"a": Cheat()}, [], TEST, settings))
    assert len(trials) == 2
    for trial in trials:
        ((cine, labels),) = trial.examples
        ((tested, frames),) = trial.tests
        assert cine is tested.cine
        assert len(labels.frames) == 2
        assert not set(labels.frames) & set(frames)
        assert len(frames) == 2


def test_draws_differ_by_seed_and_grow_no_bias_to_long_loops():
    loops = [loop("p1_a", 40), loop("p2_a", 4)]
    draws = [draw_frames(loops, 2, seed) for seed in range(8)]
    assert all(len(draw) == 2 for draw in draws)
    assert len({tuple(draw[0]) for draw in draws}) > 3
    assert draw_frames(loops, 2, 3) == draw_frames(loops, 2, 3)


def test_what_is_known_is_not_run_again():
    settings = FewShotSettings(labels=(1,), seeds=2)
    rows = run(fewshot_job({"a": Cheat()}, TRAIN, TEST, settings))
    cheat = Cheat()
    again = run(fewshot_job({"a": cheat}, TRAIN, TEST, settings, known=rows[:6]))
    # of the first draw two frames lack
    assert cheat.given == [(1, 0), (1, 1)]
    assert sorted(map(str, again)) == sorted(map(str, rows))


def test_stop_keeps_the_trials_so_far():
    settings = FewShotSettings(labels=(1,), seeds=3)
    job = fewshot_job({"a": Cheat()}, TRAIN, TEST, settings)
    while not next(job).preview:
        pass
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert {row["seed"] for row in end.value.value} == {0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ()}, "labels must be"),
        ({"labels": (-1,)}, "labels must be"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"first": -1}, "first must be at least 0"),
        ({"protocol": "witin"}, "did you mean 'within'"),
    ],
)
def test_settings_that_cannot_be(change, words):
    with pytest.raises(SettingsError, match=words):
        FewShotSettings(**change)


def test_nobody_is_on_both_sides():
    settings = FewShotSettings(labels=(1,))
    with pytest.raises(
        SettingsError, match="group p1 must not be both trained and tested"
    ):
        run(fewshot_job({"a": Cheat()}, TRAIN, [loop("p1_c")], settings))


def test_each_patient_is_left_out_in_turn():
    settings = FewShotSettings(labels=(3,), seeds=1, protocol="leave-one-out")
    trials = list(trials_of({"a": Cheat()}, TRAIN, TRAIN + TEST, settings))
    tested = [{loop.group for loop, _ in trial.tests} for trial in trials]
    assert tested == [{"p1"}, {"p2"}, {"p3"}, {"p4"}]
    for trial, groups in zip(trials, tested, strict=True):
        learnt = {id(cine) for cine, _ in trial.examples}
        own = {id(one.cine) for one in TRAIN + TEST if one.group in groups}
        assert len(learnt) == 3
        assert not learnt & own
    rows = run(fewshot_job({"a": Cheat()}, [], TRAIN + TEST, settings))
    assert {row["group"] for row in rows} == {"p1", "p2", "p3", "p4"}


def test_one_patient_alone_is_refused_with_what_to_do():
    settings = FewShotSettings(labels=(1,), protocol="leave-one-out")
    with pytest.raises(SettingsError, match=r"all loops are of one patient.*--within"):
        run(fewshot_job({"a": Cheat()}, TRAIN[:2], TRAIN[:1], settings))


def test_only_the_wanted_draws_are_returned():
    settings = FewShotSettings(labels=(1,), seeds=2)
    chosen = run(fewshot_job({"a": Cheat()}, TRAIN, TEST, settings))
    later = FewShotSettings(labels=(1,), seeds=2, first=2)
    reported = run(fewshot_job({"a": Cheat()}, TRAIN, TEST, later, known=chosen))
    assert {row["seed"] for row in reported} == {2, 3}


class Learner(Cheat):
    """Is right after two steps, and wrong before and after."""

    def fit_job(self, examples, seed):
        yield Progress(1, 2)

        def nothing(picture):
            return np.zeros(picture.shape, bool)

        def right(picture):
            return picture < 0.5

        kept = {1: nothing, 2: right, 3: nothing}
        return Fitted(nothing, lambda picture: -picture, kept)


def test_best_and_last_epoch_and_the_area_under_the_curve():
    settings = FewShotSettings(labels=(1,), seeds=1)
    methods = {"scratch": Learner(), "other": Learner(), "bare": Cheat()}
    rows = run(fewshot_job(methods, TRAIN, TEST, settings))
    (row, *_) = rows
    assert (row["dice"], row["best_dice"], row["best_step"]) == (0, 1, 2)
    assert row["auc"] == 1
    first, other, bare = summarize(rows)
    assert (first["dice"], first["best_dice"], first["auc"]) == (0, 1, 1)
    assert (other["gain"], other["best_dice_gain"], other["auc_gain"]) == (0, 0, 0)
    assert "best_dice" not in bare
    assert "best_dice_gain" not in bare
    table = as_table([first, other, bare])
    assert "| best epoch | gain at best | AUC | gain in AUC |" in table
    assert {line.count("|") for line in table.splitlines()} == {12}


def test_more_labels_than_there_are():
    with pytest.raises(LabelError, match="9 labelled frames are wanted"):
        draw_frames([loop("p1_a")], 9, 0)


# summary


def rows_of(method, scores, labels=1):
    """Rows from Dice by draw, loop and frame."""
    return [
        {
            "method": method, "labels": labels, "seed": s, "loop": str(i), "frame": t,
            "dice": score, "cldice": score / 2, "hd95_px": 9.0,
        }
        for s, loops in enumerate(scores)
        for i, frames in enumerate(loops)
        for t, score in enumerate(frames)
    ]  # fmt: skip


def test_means_are_of_frames_then_loops_then_draws():
    rows = rows_of("scratch", [[[0.2, 0.4], [0.6]], [[0.5], [0.7]]])
    (row,) = summarize(rows)
    assert row["dice"] == pytest.approx((0.45 + 0.6) / 2)
    assert row["spread"] == pytest.approx(np.std([0.45, 0.6], ddof=1))
    assert row["cldice"] == pytest.approx(row["dice"] / 2)
    assert "gain" not in row


def test_gain_is_paired():
    base = [[[0.2], [0.8]], [[0.1], [0.9]]]
    better = [[[s + 0.05 for s in f] for f in loops] for loops in base]
    rows = rows_of("scratch", base) + rows_of("new", better)
    row = summarize(rows)[1]
    for name in ("gain", "gain_low", "gain_high"):
        assert row[name] == pytest.approx(0.05)
    assert "+0.050" in as_table([row])


def test_the_interval_covers_the_mean_of_noise():
    rng = np.random.default_rng(1)
    values = {(s, str(i)): rng.normal(0.1, 0.05) for s in range(3) for i in range(9)}
    low, high = bootstrap_interval(values)
    assert low < np.mean(list(values.values())) < high
    assert 0.005 < high - low < 0.15


def test_loops_of_one_patient_are_resampled_together():
    """Ten loops of two patients are two observations, not ten."""
    values = {(0, f"{p}{n}"): 0.1 * p for p in (0, 1) for n in range(5)}
    groups = {loop: loop[0] for _, loop in values}
    low, high = bootstrap_interval(values, groups)
    assert (low, high) == pytest.approx((0.0, 0.1))
    apart = bootstrap_interval(values)
    assert low < apart[0] < apart[1] < high
    alone = {key: value for key, value in values.items() if key[1][0] == "1"}
    assert bootstrap_interval(alone, groups) == pytest.approx((0.1, 0.1))


def test_probes_are_compared_with_the_probe_of_scratch():
    rows = [
        *rows_of("scratch", [[[0.9]]]),
        *rows_of("probe:scratch", [[[0.3]]]),
        *rows_of("probe:x", [[[0.5]]]),
    ]
    assert summarize(rows)[2]["gain"] == pytest.approx(0.2)


# record


def test_rows_are_kept_and_a_cut_line_is_left_out(tmp_path):
    record = Record(tmp_path / "r", {"seed": 1})
    record.add(rows_of("a", [[[0.5, 0.6]]]))
    with (tmp_path / "r" / "rows.jsonl").open("a") as stream:
        stream.write('{"method": "a", "la')
    again = Record(tmp_path / "r", {"seed": 1})
    assert [row["dice"] for row in again.rows()] == [0.5, 0.6]


def test_another_evaluation_is_not_mixed_in(tmp_path):
    Record(tmp_path, {"seed": 1, "steps": 3})
    with pytest.raises(SettingsError, match="another steps"):
        Record(tmp_path, {"seed": 1, "steps": 4})
