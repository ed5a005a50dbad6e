"""Series are found page by page, whatever the archive says of their number."""

import json

import pytest
from helpers import dicom_files as files
from helpers import seg_loops
from helpers.archives import connected
from helpers.web_archive import serving

from napari_motionseg.errors import ArchiveError, PartialReadWarning, SettingsError
from napari_motionseg.io import archive_search
from napari_motionseg.io.archive_search import Wanted, find_instances, find_series

DATES = ("20200102", "20210304", "20220506")


@pytest.fixture
def web(tmp_path):
    """Three studies; the second has two more series, one of them no cine."""
    with serving() as archive:
        for number, date in enumerate(DATES):
            data = seg_loops.dataset(
                seed=number, StudyDate=date, PatientID=f"P{number}", Modality="XA"
            )
            archive.add(files.save(data, tmp_path / "a.dcm"))
            for other in ("US", "SEG") if number == 1 else ():
                more = seg_loops.dataset(seed=9, StudyDate=date, PatientID="P1")
                more.StudyInstanceUID, more.Modality = data.StudyInstanceUID, other
                archive.add(files.save(more, tmp_path / "b.dcm"))
        yield archive


def dates(web, *, page=100, **wanted):
    with connected(web, page=page) as archive:
        return [(x.date, x.modality) for x in find_series(archive, Wanted(**wanted))]


def test_the_newest_series_of_cine_loops_come_first(web):
    found = dates(web)
    assert found[0] == ("20220506", "XA")
    assert sorted(found[1:3]) == [("20210304", "US"), ("20210304", "XA")]
    assert found[3:] == [("20200102", "XA")]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"patient": "P0"}, 1),
        ({"patient": "nobody"}, 0),
        ({"date": "2021-03-04"}, 2),
        ({"date": "2021-03-05:"}, 1),
        ({"date": ":20210304"}, 3),
        ({"date": "20200102-20220505"}, 3),
        ({"modalities": ("us",)}, 1),
        ({"modalities": ()}, 5),
        ({"patient": "P1", "date": "20200102"}, 0),
    ],
)
def test_filters_are_sent(web, wanted, count):
    assert len(dates(web, **wanted)) == count


def test_a_study_and_a_series_are_found_by_their_uids(web):
    with connected(web) as archive:
        every = find_series(archive, Wanted())
        one = every[1]
        assert [x.series for x in find_series(archive, Wanted(series=one.series))] == [
            one.series
        ]
        same = find_series(archive, Wanted(study=one.study))
        assert {x.study for x in same} == {one.study}
        assert len(same) == 2


@pytest.mark.parametrize("page", [1, 2, 3])
def test_pages_are_put_together(web, page):
    assert dates(web, page=page) == dates(web)


def test_an_archive_that_sends_fewer_rows_than_asked_is_asked_on(web):
    every = dates(web)
    web.page = 1
    assert dates(web) == every


def test_an_archive_that_repeats_its_first_page_ends(web):
    web.ignores_offset, web.page = True, 2
    assert len(dates(web)) == 2 + 1  # two studies, one of them with two series


def test_more_matches_than_are_listed_are_told(web, monkeypatch):
    monkeypatch.setattr(archive_search, "MOST_STUDIES", 2)
    with pytest.warns(PartialReadWarning, match="first 2 studies are listed"):
        assert len(dates(web, modalities=("XA",))) == 2


def test_a_uid_that_leads_elsewhere_is_left_out(web):
    evil = {"0020000E": {"vr": "UI", "Value": ["../../etc"]}}

    def fault(handler):
        if not handler.path.partition("?")[0].endswith("/series"):
            return False
        handler.answer(200, "application/json", json.dumps([evil]).encode())
        return True

    web.fault = fault
    with pytest.warns(PartialReadWarning, match="1 matches without a valid UID"):
        assert dates(web) == []


def test_a_wrong_number_of_objects_is_told(web):
    with connected(web) as archive:
        one = find_series(archive, Wanted(patient="P0"))[0]
        assert one.instances == 1
        (instance,) = find_instances(archive, one)
        assert instance.frames == seg_loops.SHAPE[0]
        web.promised = 7
        lying = find_series(archive, Wanted(patient="P0"))[0]
        with pytest.warns(PartialReadWarning, match="promises 7 objects .* lists 1"):
            assert len(find_instances(archive, lying)) == 1
        web.objects.clear()
        with pytest.raises(ArchiveError, match="lists no object"):
            find_instances(archive, one)


def test_spaces_and_signs_of_an_id_are_encoded(web):
    assert dates(web, patient="a b+c&d=é/%*") == []
    assert "PatientID=a%20b%2Bc%26d%3D%C3%A9%2F%25*" in web.requests[0][0]


def test_an_archive_that_decodes_nothing_is_asked_with_a_wildcard(web, tmp_path):
    for patient in ("A B", "A.B"):
        data = seg_loops.dataset(PatientID=patient, Modality="XA")
        web.add(files.save(data, tmp_path / "c.dcm"))
    web.decodes = False
    with connected(web) as archive:
        found = find_series(archive, Wanted(patient="a b"))
        assert [x.patient_id for x in found] == ["A B"]
        assert any("PatientID=a?b" in path for path, _ in web.requests)


@pytest.mark.parametrize("value", [None, [], [None], ["x"], ["-3"], [10**30], {}])
def test_absurd_values_are_no_numbers(value):
    row = {"00280008": {"vr": "IS", "Value": value}}
    assert archive_search._count(row, "00280008") is None


def test_patients_are_in_no_text(web):
    with connected(web) as archive:
        one = find_series(archive, Wanted(patient="P0"))[0]
        assert one.patient_id == "P0"
        assert one.patient_name
        assert "P0" not in repr(one)
        assert one.patient_name not in repr(one)
        assert "P0" not in repr(Wanted(patient="P0"))


@pytest.mark.parametrize("date", ["yesterday", "2021-13-01", "20210230", ":", "1:2:3"])
def test_what_is_no_date_is_refused(date):
    with pytest.raises(SettingsError, match="give a day such as"):
        Wanted(date=date)


@pytest.mark.parametrize("uid", ["1.2/../x", "1.2?x", "9" * 65])
def test_what_is_no_uid_is_refused(uid):
    with pytest.raises(SettingsError, match="no UID"):
        Wanted(study=uid)
