"""Undo and redo of a value, and drags that are one step."""

from napari_motionseg.viewmodel.undo_stack import TOGETHER_S, UndoStack


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_changes_are_undone_and_made_again():
    stack = UndoStack(0)
    assert not stack.undo()
    assert not stack.redo()
    for value in (1, 2, 2, 3):
        stack.change(value)
    assert [stack.undo() and stack.value for _ in range(3)] == [2, 1, 0]
    assert not stack.can_undo
    assert stack.redo()
    assert stack.value == 1
    stack.change(9)
    assert not stack.can_redo, "what was undone is gone after a change"
    assert stack.undo()
    assert stack.value == 1


def test_a_drag_is_one_step_and_a_pause_or_another_kind_ends_it():
    clock = Clock()
    stack = UndoStack(0, clock)
    for value in (1, 2, 3):
        clock.now += TOGETHER_S / 2
        stack.change(value, "marker")
    stack.hold(True)
    for value in (30, 31, 32):
        clock.now += 10 * TOGETHER_S  # a busy computer
        stack.change(value, "point")
    stack.hold(False)
    stack.change(4, "border")
    clock.now += 2 * TOGETHER_S
    stack.change(5, "border")
    stack.change(6)
    stack.change(7)  # no kind: steps of their own
    seen = []
    while stack.undo():
        seen.append(stack.value)
    assert seen == [6, 5, 4, 32, 3, 0]
