"""The options of both few-shot commands become one protocol."""

import pytest
from helpers.reference_loops import moving_bar

from napari_motionseg.cli.fewshot_protocol import label_counts, protocol_settings
from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation import FewShotSettings


def test_both_commands_build_the_protocol_in_one_way():
    loops = [moving_bar("p1_a")]
    across = protocol_settings("0,1", loops, seeds=2, stride=3)
    assert across == FewShotSettings((0, 1), 2, "across", 3)
    within = protocol_settings("0,1", loops, seeds=2, stride=3, within=True)
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
