"""Commands and options of version 0.1.0 still exist, under another name or hidden.

A script of a user calls them. An option that gets a better name keeps its old one; a
line below is removed in a new major version alone.
"""

import pytest
import typer

from napari_motionseg.cli.app import app

OPTIONS = {
    "adapt-flow": """
        --batch --crop --device --frame --json --label-mode --labels
        --largest-crop --learning-rate --look-every --lr --out --parts
        --resume --seed --start --steps --tensorboard
    """,
    "demo": """
        --device --flow-method --frames --gui --json --out --overwrite --seed
        --size --steps
    """,
    "embed": """
        --anchor --cache --device --gap --json --kernel --labels --method
        --model --no-cache --out --overwrite --projection --seed --shift
        --together
    """,
    "evaluate ablation": """
        --cache --data --device --json --labels --no-cache --only --out
        --seeds --steps --stride --test --train
    """,
    "evaluate fewshot": """
        --data --device --json --labels --out --peers --recipe --seeds
        --starts --steps --stride --test --train --within
    """,
    "evaluate masks": """
        --device --images --json --masks --model --out --side --threshold
    """,
    "export": """
        --json --masks --model --out --overwrite --reference --style
    """,
    "finetune": """
        --batch --carry --crop --device --frame --json --kept --label-mode
        --labels --learning-rate --lr --model --out --recipe --seed --steps
        --width
    """,
    "flow": """
        --backward --cache --device --frame --gap --json --method --no-cache
        --out --overwrite --precision --weights
    """,
    "info": """
        --check --json --phi
    """,
    "pretrain": """
        --batch --cache --crop --device --dim --enlarging --flat-field
        --flow-method --flow-weights --gap --head --json --learning-rate
        --look-every --lr --no-cache --no-flat-field --objective --octaves
        --option --out --parts --points --resume --save-every --seed --steps
        --tensorboard --width --workers
    """,
    "project info": """
        --check --json --no-check
    """,
    "project labels": """
        --format --json --out --overwrite
    """,
    "segment": """
        --batch --device --format --json --model --out --overwrite --smallest
        --smooth --threshold --whole-picture
    """,
    "suggest": """
        --device --json --label-mode --labels --model
    """,
    "synth": """
        --cines --frames --json --overwrite --seed --size
    """,
    "train-flow": """
        --batch --crop --device --json --largest-crop --learning-rate
        --look-every --lr --network --out --parts --penalty --pool
        --refresh-every --resume --save-every --scenes --seed --start --steps
        --tensorboard
    """,
    "train-masks": """
        --batch --crop --device --json --learning-rate --look-every --lr --out
        --parts --pool --recipe --refresh-every --resume --save-every
        --schedule --seed --start --steps --tensorboard --width
    """,
}


def command_of(words):
    command = typer.main.get_command(app)
    for word in words.split():
        command = command.commands[word]
    return command


@pytest.mark.parametrize("words", OPTIONS)
def test_every_option_of_the_first_version_is_known(words):
    known = {
        name
        for parameter in command_of(words).params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set(OPTIONS[words].split()) <= known


def test_a_name_that_was_never_there_is_not_known():
    with pytest.raises(KeyError):
        command_of("evaluate everything")


def test_the_old_name_of_an_option_means_the_new_one():
    command = command_of("embed")
    values = {}
    for name in ("--combine", "--together"):
        words = ["loop.dcm", "--anchor", "1,2,3", "--out", "out", name, "mean"]
        context = command.make_context("embed", words)
        values[name] = context.params["combine"]
        context.close()
    assert values == {"--combine": "mean", "--together": "mean"}
