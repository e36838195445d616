import pytest

from openreels.core.config import from_dict, to_dict
from openreels.models.video_vae import presets as video_presets
from openreels.training.batch import patch_of
from openreels.training.config import PrecomputeConfig, ShardData, TrainConfig
from openreels.training.recipes import LONG, PICTURES, RECIPES, SHORT
from openreels.training.refining import PAIRS


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes_are_whole_configs_that_fit_the_autoencoder(name):
    for part in RECIPES[name]():
        assert from_dict(type(part), to_dict(part)) == part
        if isinstance(part, TrainConfig):
            assert patch_of(part.model, video_presets.stage().latent_channels) in (1, 2)


def test_every_bucket_that_is_trained_is_precomputed():
    folders = {part.folder: part for part in (PICTURES, *SHORT, *LONG, *PAIRS)}
    assert len(folders) == 1 + len(SHORT) + len(LONG) + len(PAIRS)
    makers = ("schedule_data", "ablation_data", "stage_data_keyframes", "stage_data_references")
    makers += ("stage_data_heard", "stage_data_world", "stage_data_shots", "stage_data_weather")
    for name in makers:
        folders |= {part.folder: part for part in RECIPES[name]()}
    for recipe in RECIPES.values():
        for part in recipe():
            if isinstance(part, TrainConfig):
                used = {data.folder for data in part.data if isinstance(data, ShardData)}
                assert used <= folders.keys()


def test_stage_makes_its_latents_before_it_trains():
    ready, trained = set(), []
    for part in RECIPES["stage"]():
        if isinstance(part, PrecomputeConfig):
            ready.add(part.folder)
        else:
            assert {data.folder for data in part.data} <= ready
            assert part.init is None or part.init == f"{trained[-1]}/mmdit.safetensors"
            trained.append(part.name)
    assert trained == ["stage_pictures", "stage_near", "stage_mixed", "stage_sound"]
