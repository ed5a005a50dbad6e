"""Work beside saving: errors are told, and nothing begins after the end."""

from napari_motionseg.project.background_work import Chores


def test_a_network_is_kept(project, tmp_path):
    model = tmp_path / "net.safetensors"
    model.write_bytes(b"weights")
    chores = Chores()
    chores.add_model(model, "segmentation", "vessel")
    chores.do(project, [])
    assert chores.wait(20)
    assert [record.title for record in project.manifest.models] == ["vessel"]
    assert chores.error == ""


def test_a_failure_is_told_and_tried_again(project, tmp_path):
    model = tmp_path / "net.safetensors"
    chores = Chores()
    chores.add_model(model, "segmentation", "vessel")
    chores.do(project, [])
    assert chores.wait(20)
    assert "net.safetensors" in chores.error
    assert project.manifest.models == ()
    model.write_bytes(b"weights")
    chores.do(project, [])
    assert chores.wait(20)
    assert chores.error == ""
    assert len(project.manifest.models) == 1


def test_nothing_begins_after_the_end(project, tmp_path):
    model = tmp_path / "net.safetensors"
    model.write_bytes(b"weights")
    chores = Chores()
    chores.close(1)
    chores.add_model(model, "segmentation", "vessel")
    chores.do(project, [])
    assert chores.wait(20)
    assert project.manifest.models == ()
