"""The training commands have no defaults of their own: those of the recipes count."""

import dataclasses
import inspect
import re
import subprocess
import sys
from importlib import import_module
from operator import attrgetter

import pytest

from napari_motionseg.cli import (
    adapt_flow,
    finetune,
    pretrain,
    train_flow,
    train_masks,
    train_propagation,
)
from napari_motionseg.cli.recipe_defaults import RECIPE_DEFAULTS
from napari_motionseg.cli.recipe_options import SOURCE, default_values, fields_of
from napari_motionseg.errors import SettingsError

# of each command: the job that it starts, and what it needs to be given
COMMANDS = {
    "train-flow": (train_flow.train_flow, "training.flow.job.train_flow_job", ()),
    "train-masks": (train_masks.train_masks, "training.masks.job.train_masks_job", ()),
    "train-propagation": (
        train_propagation.train_propagation,
        "training.propagation.job.train_propagation_job",
        (),
    ),
    "adapt-flow": (
        adapt_flow.adapt_flow,
        "training.flow.adaptation.adapt_flow_job",
        ("a.dcm", "--labels", "a.npz"),
    ),
    "pretrain": (pretrain.pretrain, "training.pretrain_job", ("a.dcm",)),
    "finetune": (
        finetune.finetune,
        "segmentation.finetune_job",
        ("a.dcm", "--labels", "a.npz", "--model", "scratch"),
    ),
}
RECIPES = [
    ("train-flow", None), ("adapt-flow", None), ("train-masks", "cameras"),
    ("train-masks", "quiet"), ("train-propagation", "clicks"),
    ("train-propagation", "paper"), ("pretrain", "loops"), ("pretrain", "paper"),
    ("finetune", "quick"), ("finetune", "tuned"), ("finetune", "paper"),
]  # fmt: skip
# an option of each kind of value, and what it must come to
GIVEN = [
    ("train-flow", "--steps 7", {"training.steps": 7}),
    ("train-flow", "--lr 0.5", {"training.learning_rate": 0.5}),
    ("train-flow", "--parts 2", {"training.micro_batches": 2}),
    ("train-flow", "--look-every 9", {"training.preview_every": 9}),
    ("train-flow", "--crop 576", {"crop": 576, "pair_size": 640}),
    ("train-flow", "--tensorboard", {"training.tensorboard": True}),
    ("train-masks", "--width 3", {"network.width": 3}),
    ("train-masks", "--schedule cosine", {"training.schedule": "cosine"}),
    ("train-propagation", "--motions 3", {"motions": 3}),
    ("train-propagation", "--freeze-encoder", {"freeze_encoder": True}),
    ("adapt-flow", "--preview-every 0", {"training.preview_every": 0}),
    ("pretrain", "--steps 7", {"steps": 7, "training.steps": 7}),
    ("pretrain", "--no-flat-field", {"network.flat_field": False}),
    ("pretrain", "--gap 3", {"flow.gap": 3}),
    ("pretrain", "--objective cross-pixel", {"objective": "cross-pixel"}),
    (
        "pretrain",
        "--option moving-apart.sigma=3",
        {"options": {"moving-apart.sigma": 3}},
    ),
    ("pretrain", "--device cpu", {"training.device": "cpu", "flow.device": "cpu"}),
    ("finetune", "--steps 7", {"steps": 7, "growth": 0.0}),
    ("finetune", "--kept 0.25", {"kept": 0.25}),
    ("finetune", "--seed 4", {"training.seed": 4}),
]


@pytest.fixture
def settings_of(motionseg, monkeypatch, tmp_path):
    """Return the settings with which a command starts its job."""

    def run(name, *words):
        command, job, needed = COMMANDS[name]
        seen = []

        def start(*given, **_):
            seen.extend(one for one in given if dataclasses.is_dataclass(one))
            raise SettingsError("that is enough")

        home, _, function = f"napari_motionseg.{job}".rpartition(".")
        monkeypatch.setattr(import_module(home), function, start)
        module = inspect.getmodule(command)
        for reader in ("read_labelled_loops", "loops_of"):
            if hasattr(module, reader):
                monkeypatch.setattr(module, reader, lambda *_: [])
        out = tmp_path / "out.safetensors"
        answer = motionseg(name, *needed, "--out", out, *words)
        assert "that is enough" in answer.err, answer.err
        (settings,) = seen
        return settings

    return run


def flat(settings, prefix=""):
    """Return all fields by name, those of settings within settings too."""
    found = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            found |= flat(value, f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = value
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_of_a_recipe_has_a_default_of_its_own(name):
    command = COMMANDS[name][0]
    fields, parameters = fields_of(command), inspect.signature(command).parameters
    assert {"rate", "device", "seed", "steps"} <= set(fields)
    assert {parameters[option].default for option in fields} == {None}


@pytest.mark.parametrize(("name", "recipe"), RECIPES)
def test_without_options_a_command_uses_its_recipe_field_by_field(
    settings_of, name, recipe
):
    words = () if recipe is None else ("--recipe", recipe)
    expected = getattr(COMMANDS[name][0], SOURCE).recipe(recipe)
    assert flat(settings_of(name, *words)) == flat(expected)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_the_values_of_the_recipe(motionseg, name):
    command = COMMANDS[name][0]
    words = re.sub(r"-\n\s*", "-", motionseg(name, "--help").out)  # wrapped names
    shown = re.sub(r"\s+", " ", words)
    recipe = inspect.signature(command).parameters.get("recipe")
    settings = getattr(command, SOURCE).recipe(recipe and recipe.default)
    assert f"default: {settings.training.learning_rate}" in shown
    for option, field in fields_of(command).items():
        if field.names[0].startswith("pairs.") and settings.pairs is None:
            continue  # a setting of another recipe
        value = attrgetter(field.names[0])(settings)
        if field.shown is not None:
            assert field.convert(field.shown) == value, option
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            assert re.search(rf"default: {re.escape(str(value))}[];]", shown), option


@pytest.mark.parametrize(("name", "words", "changes"), GIVEN)
def test_an_option_changes_its_fields_and_no_other(settings_of, name, words, changes):
    plain, changed = flat(settings_of(name)), flat(settings_of(name, *words.split()))
    assert changed == plain | changes


def test_the_table_for_help_holds_the_values_of_the_recipes():
    found = {}
    for command, *_ in COMMANDS.values():
        found[command.__name__] = default_values(command)
    assert found == RECIPE_DEFAULTS, "run scripts/recipe_defaults.py"


# the help of every command, in a fresh process; groups have commands of their own
HELP_WITHOUT_TORCH = """
import sys
import typer
from napari_motionseg.cli.app import app, execute

def ask(command, words):
    assert execute([*words, "--help"]) == 0, words
    for name, inner in getattr(command, "commands", {}).items():
        ask(inner, [*words, name])

ask(typer.main.get_command(app), [])
slow = {"torch", "napari", "monai", "scipy", "skimage", "matplotlib"}
print("IMPORTED", sorted(slow & set(sys.modules)), file=sys.stderr)
"""


def test_no_help_imports_torch():
    run = subprocess.run(
        [sys.executable, "-c", HELP_WITHOUT_TORCH],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "adapt-flow" in run.stdout
    assert "evaluate masks" in run.stdout
    assert run.stderr.strip() == "IMPORTED []"


def test_every_marked_command_is_tried():
    from napari_motionseg.cli.app import app

    marked = {
        c.callback for c in app.registered_commands if hasattr(c.callback, SOURCE)
    }
    assert marked == {command for command, *_ in COMMANDS.values()}
