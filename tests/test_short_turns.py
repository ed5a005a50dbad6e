"""Turns are short while anybody wants them, and afterwards as before."""

import sys
from contextlib import ExitStack

import pytest

from napari_motionseg.short_turns import TURN_S, short_turns

USUAL = 0.02


@pytest.fixture(autouse=True)
def usual():
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL)
    yield
    sys.setswitchinterval(before)


def turn():
    return pytest.approx(sys.getswitchinterval(), abs=2e-6)  # kept in whole µs


def test_turns_are_short_in_the_block_alone():
    with short_turns():
        assert turn() == TURN_S
    assert turn() == USUAL


def test_who_leaves_first_does_not_end_the_turns_of_others():
    """Two threads that overlap; the first one to come is the first one to go."""
    first, second = ExitStack(), ExitStack()
    first.enter_context(short_turns())
    second.enter_context(short_turns())
    first.close()
    assert turn() == TURN_S
    second.close()
    assert turn() == USUAL


def test_an_error_restores_them():
    with pytest.raises(KeyError), short_turns(), short_turns():
        raise KeyError
    assert turn() == USUAL


def test_shorter_ones_stay():
    sys.setswitchinterval(TURN_S / 5)
    with short_turns():
        assert turn() == TURN_S / 5
    assert turn() == TURN_S / 5
