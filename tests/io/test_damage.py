"""What libraries raise on damaged files becomes one kind of error."""

import zipfile

import pytest

from napari_motionseg.errors import LabelError, ReadError
from napari_motionseg.io.damage import damage_named

RAISED = {
    "needs more memory than is free": MemoryError(),
    "cannot be read: Permission denied": PermissionError(13, "Permission denied"),
    "no such file or folder": FileNotFoundError(2, "gone"),
    "damaged or unreadable archive (no magic)": zipfile.BadZipFile("no magic"),
    "damaged or unreadable archive ('key')": KeyError("key"),
}


@pytest.mark.parametrize("words", RAISED)
def test_each_failure_has_its_words(words):
    with pytest.raises(ReadError) as found, damage_named("a.npz", "archive"):
        raise RAISED[words]
    assert str(found.value) == f"a.npz: {words}"
    assert found.value.__cause__ is RAISED[words]


@pytest.mark.parametrize("error", [LabelError("said"), KeyboardInterrupt()])
def test_errors_of_this_program_and_interrupts_go_through(error):
    with pytest.raises(type(error)) as found, damage_named("a.npz", "archive"):
        raise error
    assert found.value is error
