"""Changes of the base for references: which requests run on them, and that no other is touched."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.core.request import GenerationRequest, Reference
from openreels.media.image import write_image
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.pipelines.low_rank import (
    NAMES,
    REFERENCES_FILE,
    WORLD_LORA_FILE,
    add_lora,
    merge_files,
)
from openreels.weights.checkpoint import load_network
from openreels.weights.lora import read_lora, save_lora

CONFIG = LowRankConfig(rank=2, alpha=2.0, layers=("video.",), whole=(NAMES,))
WORLD = replace(CONFIG, whole=())
PLAIN = GenerationRequest(prompt="a red ball bounces", duration_s=1.0, seed=3, steps=2)


@pytest.fixture
def folder(components, model_folder, write_changes):
    base = replace(components.mmdit.config, num_tags=10)
    write_changes(model_folder / REFERENCES_FILE, base, CONFIG)
    return model_folder


@pytest.fixture
def request_with_picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    write_image(tmp_path / "hero.png", pixels)
    hero = Reference(tag="@hero", images=(str(tmp_path / "hero.png"),))
    return replace(PLAIN, prompt="@hero bounces", references=(hero,))


def test_requests_without_references_run_on_the_base_alone(folder):
    both = Components.load(folder)
    assert [one.config.num_tags for one in both.bases] == [0, 10]
    (folder / REFERENCES_FILE).unlink()
    bare = Components.load(folder)
    assert bare.referenced is None
    ours, theirs = generate(both, PLAIN), generate(bare, PLAIN)
    assert np.array_equal(ours.clip.frames, theirs.clip.frames)
    assert np.array_equal(ours.clip.waveform, theirs.clip.waveform)


def test_what_the_changes_leave_alone_is_shared_with_the_base(folder):
    both = Components.load(folder)
    base, changed = (dict(one.named_parameters()) for one in (both.mmdit, both.referenced))
    shared = {name for name, value in base.items() if changed[name] is value}
    assert {name for name in base if name.startswith("audio.")} <= shared
    tensors, _ = read_lora(folder / REFERENCES_FILE)
    own = {name.rsplit(".lora_")[0] + ".weight" for name in tensors if ".lora_" in name}
    assert own == base.keys() - shared
    assert all(not torch.equal(base[name], changed[name]) for name in own)


def test_requests_with_references_run_with_the_changes(folder, request_with_picture):
    both = Components.load(folder)
    changed = generate(both, request_with_picture)
    assert not any("without references" in note for note in changed.metadata["notes"])
    alone = generate(replace(both, referenced=None), request_with_picture)
    assert (changed.metadata["referenced"], alone.metadata["referenced"]) == (True, False)
    assert any("without references" in note for note in alone.metadata["notes"])
    assert not np.array_equal(changed.clip.frames, alone.clip.frames)
    merged = generate(replace(both, mmdit=both.referenced), request_with_picture)
    assert np.array_equal(changed.clip.frames, merged.clip.frames)


def test_what_the_changes_were_not_trained_for_is_told(folder, request_with_picture):
    path = folder / REFERENCES_FILE
    assert Components.load(folder).taught == ()
    tensors, _ = read_lora(path)
    base = load_network(folder / "mmdit.safetensors", kind=MMDiT)
    save_lora(path, base, tensors, CONFIG, metadata={"taught": ["edit"]})
    both = Components.load(folder)
    assert both.taught == ("edit",)
    notes = generate(both, request_with_picture).metadata["notes"]
    assert any("not trained for the task references" in note for note in notes)
    assert generate(both, PLAIN).metadata["notes"] == []


def test_a_named_file_changes_the_base_and_what_references_have(folder, components):
    both = Components.load(folder, loras=((folder / REFERENCES_FILE, 0.5),))
    assert both.mmdit.config.num_tags == 10
    once = Components.load(folder)
    name = "video.blocks.0.modality.attention.qkv.weight"
    before, half, all_, more = (
        network.state_dict()[name]
        for network in (components.mmdit, both.mmdit, once.referenced, both.referenced)
    )
    torch.testing.assert_close(half - before, 0.5 * (all_ - before), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(more - before, 1.5 * (all_ - before), rtol=1e-4, atol=1e-5)


def test_the_world_is_in_requests_without_references_and_in_no_other(
    folder, components, write_changes, request_with_picture
):
    plain = Components.load(folder)
    write_changes(folder / WORLD_LORA_FILE, components.mmdit.config, WORLD)
    both = Components.load(folder)
    named = Components.load(folder, loras=((folder / WORLD_LORA_FILE, 1.0),))
    (folder / WORLD_LORA_FILE).rename(folder / "world.safetensors")
    merged = Components.load(folder, loras=((folder / "world.safetensors", 1.0),))
    with_world, without = generate(both, PLAIN), generate(plain, PLAIN)
    assert not np.array_equal(with_world.clip.frames, without.clip.frames)
    assert np.array_equal(with_world.clip.frames, generate(merged, PLAIN).clip.frames)
    assert not np.array_equal(with_world.clip.frames, generate(named, PLAIN).clip.frames)
    ours, theirs = generate(both, request_with_picture), generate(plain, request_with_picture)
    assert np.array_equal(ours.clip.frames, theirs.clip.frames)


def test_a_merge_is_the_base_with_its_changes(folder, components, write_changes):
    write_changes(folder / WORLD_LORA_FILE, components.mmdit.config, WORLD)
    base, merged = folder / "mmdit.safetensors", folder / "merged.safetensors"
    parts = ((folder / WORLD_LORA_FILE, 0.5), (folder / REFERENCES_FILE, 1.0))
    merge_files(base, parts, merged)
    by_hand = load_network(base, kind=MMDiT)
    for path, scale in parts:
        add_lora(by_hand, path, scale=scale)
    found = load_network(merged, kind=MMDiT)
    assert found.config.num_tags == 10
    for name, value in by_hand.state_dict().items():
        assert torch.equal(value, found.state_dict()[name]), name
    with pytest.raises(ValueError, match="at least one file"):
        merge_files(base, (), folder / "none.safetensors")
    with pytest.raises(CheckpointError):
        merge_files(base, ((folder / "no.safetensors", 1.0),), folder / "none.safetensors")
    assert not (folder / "none.safetensors").exists()


def test_what_the_world_leaves_alone_is_shared(folder, components, write_changes):
    write_changes(folder / WORLD_LORA_FILE, components.mmdit.config, WORLD)
    both = Components.load(folder)
    world, referenced = (dict(one.named_parameters()) for one in (both.mmdit, both.referenced))
    shared = {name for name in world if world[name] is referenced[name]}
    assert {name for name in world if name.startswith("audio.")} <= shared
    assert not any(name.startswith("video.") and name.endswith("qkv.weight") for name in shared)


def test_changes_of_another_base_are_refused(folder, components):
    other = MMDiT(replace(components.mmdit.config, mlp_width=40))
    with pytest.raises(CheckpointError, match="does not fit the network"):
        add_lora(other, folder / REFERENCES_FILE)
    (folder / REFERENCES_FILE).write_bytes(b"x")
    with pytest.raises(CheckpointError):
        Components.load(folder)


def test_names_are_made_once(components):
    network = MMDiT(components.mmdit.config)
    network.make_names(4)
    assert (network.config.num_tags, network.tag_table.abs().sum()) == (4, 0)
    with pytest.raises(ValueError, match="must have no names, it has 4"):
        network.make_names(4)
