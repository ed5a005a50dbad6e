"""Which files of a project's folder of labels are the program's own."""

import os

import pytest

from napari_motionseg.project.journal import MAGIC
from napari_motionseg.project.label_files import is_own_label_file


@pytest.mark.parametrize("content", [b"", MAGIC, MAGIC + b"more", MAGIC[:2]])
def test_own_files_begin_with_the_magic_or_are_cut_within_it(tmp_path, content):
    file = tmp_path / "000001.journal"
    file.write_bytes(content)
    assert is_own_label_file(file)


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"notes of somebody", b"\x89PNG"])
def test_files_of_others_are_not_own(tmp_path, content):
    file = tmp_path / "000001.journal"
    file.write_bytes(content)
    assert not is_own_label_file(file)


@pytest.mark.parametrize("name", ["1.journal", "000001.txt", "x000001.journal"])
def test_other_names_are_not_own(tmp_path, name):
    (tmp_path / name).write_bytes(MAGIC)
    assert not is_own_label_file(tmp_path / name)


def test_a_link_is_not_own_although_it_leads_to_a_journal(tmp_path):
    (tmp_path / "elsewhere").write_bytes(MAGIC)
    os.symlink(tmp_path / "elsewhere", tmp_path / "000001.journal")
    assert not is_own_label_file(tmp_path / "000001.journal")
