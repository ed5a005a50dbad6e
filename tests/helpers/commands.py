"""Provide what tests of several commands share."""

SMALL = ("--crop", 48, "--batch", 1)


def refused(answer, *words):
    """Assert that an answer refuses bad input in one line that holds `words`."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    (line,) = answer.err.strip().splitlines()
    for word in words:
        assert word in line
    return True
