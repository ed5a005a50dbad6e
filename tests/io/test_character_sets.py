"""Names are decoded by the character set that was meant."""

import warnings

import pytest
from helpers import dicom_files as files

from napari_motionseg.io import read_cine


@pytest.mark.parametrize(
    ("named", "name", "raw"),
    [
        (b"", "Müller^Jörg", "Müller^Jörg".encode()),
        (b"ISO_IR 999", "Müller", "Müller".encode()),
        (b"iso-ir 192", "Müller", "Müller".encode()),
        (b"iso-ir 144", "Люкceмбypг", "Люкceмбypг".encode("iso8859_5")),
        (b"ISO_IR 100", "MÃ¼ller", "Müller".encode()),  # what the file says is kept
        (b"ISO_IR 100", "Müller", "Müller".encode("latin-1")),
        (b"", "Müller", "Müller".encode("latin-1")),
        (
            b"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        ),
    ],
)  # fmt: skip
def test_names_of_every_character_set(tmp_path, named, name, raw):
    data = files.xa_dataset(
        files.gray_frames(), PatientName="N" * (len(raw) + len(raw) % 2)
    )
    data.SpecificCharacterSet = "S" * (len(named) + len(named) % 2)
    with warnings.catch_warnings():  # pydicom's, of the set that stands in for another
        warnings.simplefilter("ignore")
        path = files.save(data, tmp_path / "a.dcm")
    content = path.read_bytes()
    for old, new in ((b"S", named), (b"N", raw)):
        new += b" " * (len(new) % 2)
        assert not new or content.count(old * len(new)) == 1
        content = content.replace(old * len(new), new) if new else content
    path.write_bytes(content)
    cine = read_cine(path)
    assert cine.patient["PatientName"] == name
