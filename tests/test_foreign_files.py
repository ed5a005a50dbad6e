"""Files of others survive every command and every writer, whatever they are called.

Each case plants files and folders of others: some beside the results, and some at every
name that the command would write to. Nothing of them may change, not even a time. A
command that is missing in the tables fails `test_every_command_is_in_a_table`.
"""

import dataclasses
import os

import numpy as np
import pytest
import typer
import typer.main
from helpers.foreign_files import IN_THE_WAY, plant, require_untouched, state

from napari_motionseg.batch.records import BatchFolder
from napari_motionseg.cli.app import app, execute
from napari_motionseg.contributions import write_labels
from napari_motionseg.demo.result import FILES
from napari_motionseg.embedding.figure import save_figure
from napari_motionseg.errors import MotionSegError, OccupiedError
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.flow_files import write_flo, write_kitti
from napari_motionseg.io.output_folder import LOCK, MANIFEST
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNet,
    UNetConfig,
    save_model,
)
from napari_motionseg.motion import FlowSequence, save_flow
from napari_motionseg.project import Autosaver, Project
from napari_motionseg.report.exporting import Result, overlay_job, report_job
from napari_motionseg.training.engine.checkpointing import TrainingState, write_state

# they write nothing that a folder of the user could hold
READERS = {
    "info", "suggest", "project info", "doctor",
    "archive find", "archive put", "archive login", "archive logout", "batch status",
    "worker", "vessel-graph",
}  # fmt: skip
# needs an archive: `test_a_file_of_others_is_not_touched` in test_archive_retrieval.py;
# has no --out: `test_a_page_is_replaced_only_if_it_is_of_this_program` in
# test_index_pages.py
TESTED_ELSEWHERE = {"archive get", "batch index"}
FLOW_WORDS = ("--method", "ilk", "--gap", "1", "--no-cache")
CONFIG = UNetConfig(width=2, depth=2, embedding_dim=4)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Paths of what commands read."""

    loop: object
    labels: object
    embedding: object
    vessel: object
    project: object
    references: object
    batch: object


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, small_cine, synthetic):
    folder = tmp_path_factory.mktemp("inputs")
    masks = synthetic.masks.astype(np.uint8)
    write_xa(folder / "loop.dcm", small_cine)
    np.savez(folder / "labels.npz", labels=masks, labelled=masks.any(axis=(1, 2)))
    config = dataclasses.asdict(CONFIG)
    card = ModelCard("embedding", "UNet", config, {})
    save_model(folder / "embedding.safetensors", UNet(CONFIG), card)
    net = SegmentationNet(CONFIG, 2)
    card = ModelCard("segmentation", "SegmentationNet", config | {"classes": 2}, {})
    save_model(folder / "vessel.safetensors", net, card)
    saver = Autosaver(Project.create(folder / "study"))
    saver.close()
    references = folder / "references"
    references.mkdir()
    write_xa(references / "p1_c1.dcm", small_cine)
    batch = BatchFolder(folder / "batch", {"task": "segment"})
    valid = masks.any(axis=(1, 2))
    np.savez(references / "p1_c1_mask.npz", mask=masks > 0, valid=valid)
    return Inputs(
        folder / "loop.dcm", folder / "labels.npz", folder / "embedding.safetensors",
        folder / "vessel.safetensors", saver.project.folder, references,
        batch.folder,
    )  # fmt: skip


def _training(out, command, *words):
    """Return a case of a command that trains: checkpoint, state and curves."""
    stem = out.removesuffix(".safetensors")
    beside = (f"{stem}.state.safetensors", f"{stem}.log/curves.csv")
    return Case((command, *words, "--out", out), beside)


@dataclasses.dataclass(frozen=True)
class Case:
    """A command, and names in the way that it derives by itself.

    Parameters
    ----------
    words
        Of the command. A word that begins with ``@`` is a field of `Inputs`; the word
        after ``--out``, and ``OUT``, lie in a folder of the test.
    derived
        Names that the user has not chosen: a file of others is planted at each, one
        after the other.
    runs
        Whether the command is quick enough to run to its end here.
    """

    words: tuple
    derived: tuple = ()
    runs: bool = False


SEGMENT = ("segment", "@loop", "--model", "@vessel", "--out", "o")
EXPORT = ("export", "@loop", "--masks", "@labels", "--out")
EMBED = (
    "embed", "@loop", "--model", "@embedding", "--anchor", "2,40,50",
    *FLOW_WORDS, "--out", "o",
)  # fmt: skip
FLOW = ("flow", "@loop", *FLOW_WORDS, "--out")
CASES = {
    "synth": Case(
        ("synth", "OUT", "--size", "64", "--frames", "4"),
        ("cine_000.dcm", "cine_000_truth.npz"), runs=True,
    ),
    "flow": Case((*FLOW, "o.zarr"), runs=True),
    "flow as a movie": Case((*FLOW, "o.mp4"), runs=True),
    "flow as a field": Case((*FLOW, "o.flo"), runs=True),
    "embed": Case(EMBED, ("o/figure3.png", "o/frame002_embedding.npz"), runs=True),
    "segment": Case(SEGMENT, ("o/loop_masks.npz",), runs=True),
    "segment as PNG": Case(
        (*SEGMENT, "--format", "png"), ("o/loop_masks/frame_0000.png",), runs=True
    ),
    "batch segment": Case(
        ("batch", "segment", "@loop", "--model", "@vessel", "--out", "o"),
        ("o/motionseg-batch.json", "o/results/loop_masks.npz"),
    ),
    "batch flow": Case(
        ("batch", "flow", "@loop", "--method", "ilk", "--out", "o"),
        ("o/motionseg-batch.json", "o/results/loop_flow.npz"),
    ),
    "batch measure": Case(
        ("batch", "measure", "@loop", "--model", "@vessel", "--out", "o"),
        ("o/motionseg-batch.json", "o/results/loop_measurement.json"),
    ),
    "batch embed": Case(
        ("batch", "embed", "@loop", "--model", "@embedding", "--out", "o"),
        ("o/motionseg-batch.json", "o/results/loop_embedding.npz"),
    ),
    "batch table": Case(("batch", "table", "@batch", "--out", "o.csv"), runs=True),
    "export": Case((*EXPORT, "o.nii.gz"), runs=True),
    "export as PNG": Case((*EXPORT, "o"), runs=True),
    "export as TIFF": Case((*EXPORT, "o.tiff"), runs=True),
    "export as GIF": Case((*EXPORT, "o.gif"), runs=True),
    "export as a page": Case((*EXPORT, "o.html")),
    "project labels": Case(("project", "labels", "@project", "--out", "o"), runs=True),
    "pretrain": _training("o.safetensors", "pretrain", "@loop"),
    "finetune": Case(
        ("finetune", "@loop", "--labels", "@labels", "--model", "@embedding",
         "--steps", "1", "--crop", "48", "--batch", "1", "--out", "o.safetensors"),
        runs=True,
    ),
    "train-flow": _training("o.safetensors", "train-flow"),
    "train-masks": _training("o.safetensors", "train-masks"),
    "train-propagation": _training("o.safetensors", "train-propagation"),
    "click": Case(("click", "@loop", "--positive", "48,48", "--out", "o.npz")),
    "guide": Case(("guide", "@loop", "--arrow", "48,48,2,2", "--out", "o.gif")),
    "adapt-flow": _training(
        "o.safetensors", "adapt-flow", "@loop", "--labels", "@labels"
    ),
    "demo": Case(
        ("demo", "--out", "o", "--size", "64", "--frames", "4"),
        tuple(f"o/{name}" for name in FILES.values() if name != "flow.zarr")
        + ("o/flow.zarr/zarr.json", "o/embedding.log/curves.csv"),
    ),
    "evaluate fewshot": Case(
        ("evaluate", "fewshot", "--data", "@references", "--test", "p1", "--labels",
         "0", "--starts", "scratch", "--peers", "", "--out", "o"),
        tuple(f"o/{n}" for n in ("settings.json", "rows.jsonl", "summary.json")),
    ),
    "measure": Case(
        ("measure", "@loop", "--from", "6,48,30", "--to", "48,60", "--out", "o"),
        tuple(f"o/{n}" for n in ("measurement.json", "profile.csv", "profile.png")),
    ),
    "time-density": Case(
        ("time-density", "@loop", "--regions", "@labels", "--frame", "2", "--out",
         "o.csv"),
        runs=True,
    ),
    "import": Case(("import", "@labels", "--of", "@loop", "--out", "o.npz")),
    "deidentify": Case(
        ("deidentify", "@loop", "--out", "o"), ("o/loop.dcm",), runs=True
    ),
    "evaluate masks": Case(
        ("evaluate", "masks", "--images", "@labels", "--masks", "@labels", "--model",
         "@vessel", "--out", "o.json"),
    ),
    "evaluate flow-signal": Case(
        ("evaluate", "flow-signal", "@loop", "--methods", "ilk", "--no-cache", "--out",
         "o.json"),
    ),
    "evaluate ablation": Case(
        ("evaluate", "ablation", "objective", "--data", "@references", "--train", "p1",
         "--test", "p1", "--no-cache", "--out", "o"),
        ("o/flow-consistency.safetensors", "o/flow-consistency.state.safetensors"),
    ),
}  # fmt: skip


def test_every_command_is_in_a_table():
    names = {
        (command.name or command.callback.__name__).replace("_", "-")
        for command in app.registered_commands
    }
    for group in app.registered_groups:
        names |= {
            f"{group.name} {command.name or command.callback.__name__}"
            for command in group.typer_instance.registered_commands
        }
    assert isinstance(app, typer.Typer)
    written = {name.split(" as ")[0] for name in CASES}
    assert names == READERS | TESTED_ELSEWHERE | written


def _words(case, inputs, folder):
    """Return the words of a command with paths in them."""
    words = []
    for word in case.words:
        if word.startswith("@"):
            word = str(getattr(inputs, word[1:]))
        elif word == "OUT":
            word = str(folder)
        elif words and words[-1] == "--out":
            word = str(folder / word)
        words.append(word)
    return words


def _target(case, folder):
    words = list(case.words)
    if "--out" not in words:
        return folder
    return folder / words[words.index("--out") + 1]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.runs])
def test_files_beside_results_stay(name, inputs, tmp_path, capsys):
    case = CASES[name]
    plant(tmp_path)
    if _target(case, tmp_path).suffix == "" and case.derived:
        (tmp_path / "o").mkdir(exist_ok=True)
        plant(tmp_path / "o")
    before = state(tmp_path)
    for _ in range(2):  # the second replaces what the first wrote
        assert execute(_words(case, inputs, tmp_path)) == 0, capsys.readouterr().err
        require_untouched(before, tmp_path)


def _options(words):
    """Return the options of the command that words name."""
    command = typer.main.get_command(app)
    for word in words:
        found = getattr(command, "commands", {}).get(word)
        if found is None:
            break
        command = found
    return {name for one in command.params for name in one.opts}


DERIVED = [
    (name, way, overwrite)
    for name, case in CASES.items()
    for way in case.derived
    for overwrite in (False, True)
    if not overwrite or "--overwrite" in _options(case.words)
]


@pytest.mark.parametrize(("name", "way", "overwrite"), DERIVED)
def test_files_at_derived_names_stay(name, way, overwrite, inputs, tmp_path, capsys):
    case = CASES[name]
    words = _words(case, inputs, tmp_path)
    if overwrite and case.runs:
        words.append("--overwrite")
    (tmp_path / way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / way).write_text("mine")
    before = state(tmp_path)
    code = execute(words)
    said = capsys.readouterr().err
    require_untouched(before, tmp_path)
    # another name where the command chooses names freely, else one line
    assert code == (0 if case.runs else 2), said
    if code:
        assert len(said.strip().splitlines()) == 1, said


def _ways(name):
    """Return what may be in the way at the target of a command."""
    folder = CASES[name].words[list(CASES[name].words).index("--out") + 1]
    collects = any(word.startswith(f"{folder}/") for word in CASES[name].derived)
    if collects or name == "project labels":  # results go into a used folder
        return ["a loop of others"]
    return list(IN_THE_WAY)


TARGETS = [
    (name, way)
    for name, case in CASES.items()
    if "--out" in case.words
    for way in _ways(name)
]


@pytest.mark.parametrize(("name", "way"), TARGETS)
def test_what_is_at_the_target_stays(name, way, inputs, tmp_path, capsys):
    case = CASES[name]
    target = _target(case, tmp_path)
    IN_THE_WAY[way](target)
    before = state(tmp_path)
    code = execute(_words(case, inputs, tmp_path))
    said = capsys.readouterr().err
    require_untouched(before, tmp_path)
    assert code in (1, 2)
    assert len(said.strip().splitlines()) == 1, said


@pytest.mark.parametrize(
    "name", [n for n, case in CASES.items() if "@loop" in case.words and "." in
             case.words[list(case.words).index("--out") + 1]],
)  # fmt: skip
def test_no_command_writes_what_it_reads(name, inputs, tmp_path, capsys):
    """Neither by its own name nor by another name of the same file."""
    case = CASES[name]
    words = _words(case, inputs, tmp_path)
    at = words.index("--out") + 1
    os.link(inputs.loop, tmp_path / "same")
    before = state(inputs.loop.parent)
    read = [str(getattr(inputs, w[1:])) for w in case.words if w.startswith("@")]
    for out in (*read, str(tmp_path / "same")):
        given = os.path.splitext(words[at])[1]
        words[at] = out
        assert execute(words) == 2, given
        assert "--out" in capsys.readouterr().err
        require_untouched(before, inputs.loop.parent)


# what the window calls: its exports, and the writer of napari


def _figure(path):
    from matplotlib.figure import Figure

    save_figure(Figure(figsize=(1, 1)), path)


def _drained(job):
    for _ in job:
        pass


@pytest.fixture(scope="module")
def writers(small_cine, synthetic):
    """Return every writer of the window by the name that its file gets."""
    masks = synthetic.masks.astype(np.uint8)
    result = Result(cine=small_cine, masks=masks)
    field = np.zeros((2, *masks.shape[1:]), np.float32)
    flow = FlowSequence(
        np.zeros((len(masks) - 1, *field.shape), np.float32), None, 1, "ilk"
    )
    card = ModelCard("embedding", "UNet", dataclasses.asdict(CONFIG), {})
    return {
        "masks.npz": lambda path: write_labels(str(path), masks, {}),
        "masks.tiff": lambda path: write_labels(str(path), masks, {}),
        "masks.nii.gz": lambda path: write_labels(str(path), masks, {}),
        "frame.png": lambda path: write_labels(str(path), masks[0], {}),
        "series": lambda path: write_labels(f"{path}.png", masks, {}),
        "overlay.mp4": lambda path: _drained(overlay_job(result, path)),
        "report.html": lambda path: _drained(report_job(result, path)),
        "flow.zarr": lambda path: save_flow(path, small_cine, flow),
        "flow.flo": lambda path: write_flo(path, field),
        "kitti.png": lambda path: write_kitti(path, field),
        "figure.png": _figure,
        "figure.pdf": _figure,
        "model.safetensors": lambda path: save_model(path, UNet(CONFIG), card),
        "s.state.safetensors": lambda path: write_state(path, TrainingState(1, {})),
        "loop.dcm": lambda path: write_xa(path, small_cine),
    }


NAMES = (
    "masks.npz", "masks.tiff", "masks.nii.gz", "frame.png", "series", "overlay.mp4",
    "report.html", "flow.zarr", "flow.flo", "kitti.png", "figure.png", "figure.pdf",
    "model.safetensors", "s.state.safetensors", "loop.dcm",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_writers_of_the_window_replace_nothing_of_others(name, writers, tmp_path):
    assert set(writers) == set(NAMES)
    for number, (way, put) in enumerate(IN_THE_WAY.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        put(folder / name)
        before = state(folder)
        with pytest.raises(MotionSegError) as caught:
            writers[name](folder / name)
        assert isinstance(caught.value, OccupiedError), way
        require_untouched(before, folder)
        assert set(state(folder)) == set(before)


@pytest.mark.parametrize("name", NAMES)
def test_writers_of_the_window_leave_what_lies_beside(name, writers, tmp_path):
    (tmp_path / "used").mkdir()
    plant(tmp_path / "used")
    before = state(tmp_path)
    for _ in range(2):
        writers[name](tmp_path / "used" / name)
    require_untouched(before, tmp_path)
    new = {path.name for path in (tmp_path / "used").iterdir()}
    planted = {path.name for path in before if path.parent == tmp_path / "used"}
    assert new - planted - {MANIFEST, LOCK} == {name}
