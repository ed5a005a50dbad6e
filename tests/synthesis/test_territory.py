"""What a territory derives from its table."""

import dataclasses

import torch

from napari_motionseg.synthesis.territories import TERRITORIES
from napari_motionseg.synthesis.territory import Segment, in_px

CPU = torch.device("cpu")
SMALL = dataclasses.replace(
    TERRITORIES["renal"],
    segments=(
        Segment("A", None, sheet=(0.0, 0.0, 2.0), twigs=0.0),
        Segment("B", "A", calibre=(0.2, 0.4)),
        Segment("C", "A"),
        Segment("D", "B", twigs=0.5),
    ),
)


def test_names_parents_and_generations():
    assert SMALL.names == ("A", "B", "C", "D")
    assert SMALL.generations == [[0], [1, 2], [3]]
    assert [SMALL.parent_index(row) for row in SMALL.segments] == [0, 0, 0, 1]
    assert SMALL.paired
    assert {SMALL.side_of(name) for name in SMALL.names} == {"either"}
    heart = TERRITORIES["coronary"]
    assert not heart.paired
    assert heart.side_of("D1") == "left"
    assert heart.side_of("PL1") == "right"
    # two rows of one name are one segment
    assert len(heart.names) < len(heart.segments)


def test_values_of_rows():
    calibre = SMALL.per_row(lambda row: row.calibre, CPU)
    torch.testing.assert_close(calibre[1], torch.tensor([0.2, 0.4]))
    assert SMALL.twig_shares.tolist() == [0.0, 1.0, 1.0, 0.5]
    assert in_px((1.0, 2.0, 3.0), 2.5) == (2.5, 5.0, 7.5)


def test_only_segments_of_a_sheet_get_its_normal():
    up = torch.nn.functional.normalize(torch.rand(3, 5, 3), dim=-1)
    found = SMALL.off_sheets(torch.tensor([1, 0, 3]), up)
    assert torch.equal(found[[0, 2]], up[[0, 2]])
    assert torch.equal(found[1], torch.tensor([0.0, 0.0, 1.0]).expand(5, 3))
    flat = SMALL.off_sheets(torch.tensor([0, 1]), up[:2, 0])
    assert torch.equal(flat[1], up[1, 0])
    assert flat[0].tolist() == [0, 0, 1]


def test_the_rotation_takes_axes_of_the_organ_to_those_of_the_patient():
    turned = dataclasses.replace(
        SMALL, axes=((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    )
    first = turned.rotation(CPU) @ torch.tensor([1.0, 0.0, 0.0])
    assert first.tolist() == [0, 1, 0]
    assert torch.equal(
        dataclasses.replace(SMALL, axes=((1, 0, 0), (0, 1, 0), (0, 0, 1))).rotation(
            CPU
        ),
        torch.eye(3),
    )
