import torch

from napari_motionseg.synthesis import SynthesisConfig, training_stills
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any

CONFIG = SynthesisConfig.preset("xa-coronary", bolus=False, noise=0.0)


def test_stills_are_pictures_with_the_masks_of_their_vessels():
    made = training_stills(5, 96, 3, CONFIG)
    assert made.pictures.shape == made.masks.shape == (5, 96, 96)
    assert made.masks.dtype == torch.bool
    assert float(made.pictures.min()) >= 0
    assert float(made.pictures.max()) <= 1
    for picture, mask in zip(made.pictures, made.masks, strict=True):
        wide = torch.nn.functional.max_pool2d(mask[None].float(), 9, 1, 4)[0] > 0
        ring = wide & ~mask
        assert float(picture[mask].mean()) < float(picture[ring].mean())


def test_a_seed_says_it_all():
    one, same, other = (training_stills(3, 64, seed, CONFIG) for seed in (1, 1, 2))
    assert torch.equal(one.pictures, same.pictures)
    assert torch.equal(one.masks, same.masks)
    assert not torch.equal(one.masks, other.masks)


def test_people_outline_the_dark_middle_of_clear_vessels():
    draws = Draws(torch.Generator().manual_seed(1), torch.device("cpu"))
    scenes = draw_any(CONFIG.changed(size=192, opacity=(0.5, 0.5)), 2, draws)
    moment = scenes.at(torch.tensor([0.5, 1.0]))
    masks, outlined = moment.masks, moment.outlined
    assert bool(outlined.any())
    assert not bool((outlined & ~masks).any())
    assert int(outlined.sum()) < 0.8 * int(masks.sum())
    picture = moment.frames(torch.Generator().manual_seed(0))
    assert float(picture[outlined].mean()) < float(picture[masks & ~outlined].mean())


def test_catheters_are_dark_tubes_apart_from_the_vessels():
    config = CONFIG.changed(
        size=192, catheter=1.0, catheter_density=(0.8, 1.0), opacity=(0.6, 0.9)
    )
    made = training_stills(6, 192, 4, config)
    assert not bool((made.catheters & made.masks).any())
    assert int((made.catheters.flatten(1).sum(dim=1) > 50).sum()) >= 3
    for picture, mask, vessels in zip(
        made.pictures, made.catheters, made.masks, strict=True
    ):
        if not mask.any():
            continue
        wide = torch.nn.functional.max_pool2d(mask[None].float(), 9, 1, 4)[0] > 0
        ring = wide & ~mask & ~vessels
        assert float(picture[mask].mean()) < float(picture[ring].mean())
    without = training_stills(6, 192, 4, config.changed(catheter=0.0))
    assert not bool(without.catheters.any())


def test_other_scenes_have_no_catheters():
    for preset in ("generic-layers", "rotating-cube"):
        made = training_stills(1, 64, 1, SynthesisConfig.preset(preset))
        assert made.catheters.shape == made.masks.shape
        assert not bool(made.catheters.any())


def test_vessels_taper_and_lose_side_branches_without_other_draws():
    plain = training_stills(2, 96, 3, CONFIG)
    tapered = training_stills(2, 96, 3, CONFIG.changed(taper=(0.3, 0.3)))
    bare = training_stills(2, 96, 3, CONFIG.changed(side_branches=(0.0, 0.0)))
    assert 0 < int(tapered.masks.sum()) < int(plain.masks.sum())
    assert 0 < int(bare.masks.sum()) < int(plain.masks.sum())
