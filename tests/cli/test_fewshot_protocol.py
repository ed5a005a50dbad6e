"""The options of both few-shot commands become one protocol."""

import pytest
from helpers.reference_loops import moving_bar

from napari_motionseg.cli.fewshot_protocol import (
    draw_range,
    finetune_settings,
    label_counts,
    protocol_settings,
)
from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation import FewShotSettings


def test_both_commands_build_the_protocol_in_one_way():
    loops = [moving_bar("p1_a")]
    across = protocol_settings("0,1", loops, "1-2", 3)
    assert across == FewShotSettings((0, 1), 2, "across", 3)
    within = protocol_settings("0,1", loops, "1-2", 3, "within")
    assert within == FewShotSettings((0, 1), 2, "within", 3)


def test_all_labels_are_as_many_as_there_are():
    loops = [moving_bar("p1_a"), moving_bar("p1_b", frames=3)]
    shown = sum(len(one.shown) for one in loops)
    assert shown > 0
    assert label_counts("1, all", loops) == (1, shown)
    with pytest.raises(SettingsError, match="or all; got '1,some'"):
        label_counts("1,some", loops)
    with pytest.raises(SettingsError, match="needs loops to learn from"):
        label_counts("all", [])


def test_variants_are_chosen_on_some_draws_and_reported_on_others():
    loops = [moving_bar("p1_a")]
    chosen = protocol_settings("1", loops, "1-8", 1)
    reported = protocol_settings("1", loops, "9-24", 1)
    assert (list(chosen.draws), list(reported.draws)) == ([*range(8)], [*range(8, 24)])
    assert draw_range("3") == (2, 1)
    for text in ("0-3", "5-4", "a-b", "1-"):
        if text == "1-":
            assert draw_range(text) == (0, 1)
            continue
        with pytest.raises(SettingsError, match=f"from 1 such as 9-24; got '{text}'"):
            draw_range(text)


def test_early_stopping_is_off_on_request():
    assert finetune_settings("tuned", None).early_stopping_every > 0
    fixed = finetune_settings("tuned", 40, early_stopping=False)
    assert (fixed.early_stopping_every, fixed.steps_for(10)) == (0, 40)
