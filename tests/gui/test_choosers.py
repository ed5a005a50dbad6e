"""Models that ship are offered by name, the default network first."""

from napari_motionseg.widgets.common.choosers import shipped_models


def test_the_default_network_is_the_first_that_ships():
    titles = [model.title for model in shipped_models()]
    assert titles[0] == "vessels-xa (shipped)"
    assert "motion-xa (shipped)" in titles
    assert not any("pwcnet" in title for title in titles)
