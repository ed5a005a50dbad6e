import pytest

from napari_motionseg.viewmodel.recent_models import MOST, RecentModels


@pytest.fixture
def files(tmp_path):
    made = [tmp_path / f"{i}.safetensors" for i in range(MOST + 2)]
    for path in made:
        path.touch()
    return made


def test_the_latest_comes_first_and_the_oldest_goes(tmp_path, files):
    recent = RecentModels(tmp_path / "list" / "recent.json")
    assert recent.paths() == []
    for path in files:
        recent.add(path)
    recent.add(files[4])
    kept = RecentModels(recent.path).paths()
    assert kept[:2] == [files[4], files[-1]]
    assert len(kept) == len(set(kept)) == MOST


def test_files_that_are_gone_are_not_offered(tmp_path, files):
    recent = RecentModels(tmp_path / "recent.json")
    recent.add(files[0])
    recent.add(files[1])
    files[1].unlink()
    assert recent.paths() == [files[0]]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[1, null]"])
def test_a_damaged_list_is_an_empty_one(tmp_path, files, text):
    path = tmp_path / "recent.json"
    path.write_text(text)
    recent = RecentModels(path)
    assert recent.paths() == []
    recent.add(files[0])
    assert recent.paths() == [files[0]]


def test_nothing_is_remembered_where_caches_are_off(monkeypatch, tmp_path, files):
    monkeypatch.setenv("MOTIONSEG_CACHE", "off")
    recent = RecentModels.default()
    recent.add(files[0])
    assert recent.paths() == []
    monkeypatch.setenv("MOTIONSEG_CACHE", str(tmp_path))
    RecentModels.default().add(files[0])
    assert RecentModels.default().paths() == [files[0]]
    (tmp_path / "file").write_text("")
    RecentModels(tmp_path / "file" / "list.json").add(files[0])
