from dataclasses import replace

import pytest
import torch

from openreels.conditioning.keyframes import keyframe_places, place_code
from openreels.conditioning.refine import refined_num_frames
from openreels.conditioning.stretched import stretched_clip
from openreels.core.errors import CheckpointError
from openreels.core.shapes import ClipShape
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder.model import PromptEncoder
from openreels.nn.low_rank import LowRankConfig
from openreels.nn.patchify import patchify
from openreels.stage.render import render_video
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.batch import BatchMaker, TaskDraw
from openreels.training.config import ClipConfig, ShardData, TaskConfig
from openreels.training.dataset import ShardDataset
from openreels.training.keyframes import CleanKeyframes, encode_keyframes, keyframes_known, spoilt
from openreels.training.loop import STATE_FILE, Limits, build_state, train
from openreels.training.networks import load_frozen
from openreels.training.precompute import precompute
from openreels.training.step import training_step
from openreels.weights.checkpoint import load_network
from openreels.weights.tensors import read_tensors

LONG = ClipConfig(duration_s=2.25, short_side=16)


@pytest.fixture(scope="module")
def root(tmp_path_factory, bucket_config):
    root = tmp_path_factory.mktemp("keyframes")
    config = replace(bucket_config, folder="keys", clip=LONG, count=5, keyframes=True)
    assert precompute(config, root)
    return root


@pytest.fixture(scope="module")
def data(root):
    return ShardDataset(root / "keys")


@pytest.fixture(scope="module")
def config(run_config, root):
    return replace(
        run_config,
        model=replace(run_config.model, keyframes=True),
        data=(ShardData(folder=str(root / "keys")),),
        tasks=replace(run_config.tasks, keyframes=0.5),
        batch_size=2,
    )


@pytest.fixture(scope="module")
def prompts():
    return load_frozen("text_encoder", "random:tiny", kind=PromptEncoder)


def _batch(config, prompts, data, names=("t2av",) * 3, *, share=1.0, step=0, bare=False):
    config = replace(config, tasks=replace(config.tasks, keyframes=share))
    latents = data.read(range(len(names)))
    latents = replace(latents, keyframes=None) if bare else latents
    draw = TaskDraw(names=names, video=True, sound=True, picture=names[0] == "t2i")
    maker = BatchMaker(config=config, encode_text=prompts.encode_text)
    made = maker.make(latents, draw, shape=data.shape, black=data.black, step=step)
    return latents, made


def test_keyframes_are_latents_of_the_whole_refined_clip(encoders):
    shape = LONG.shape
    scene = sample_scene(0, 3, settings=WorldSettings(duration_s=2.25))
    fine = ClipShape(num_frames=refined_num_frames(shape.num_frames), height=64, width=64, fps=32)
    whole = encoders.video.encode(render_video([scene], fine))
    keyframes = encode_keyframes([scene], shape, encoders.video)
    assert keyframe_places(shape) == (0, 8)
    torch.testing.assert_close(keyframes, whole[:, :, [0, 16]])
    assert not torch.equal(keyframes[:, :, 0], keyframes[:, :, 1])


def test_what_is_given_of_a_clip_is_given_of_its_keyframes_but_for_pictures_inside():
    known = torch.zeros(2, 10, 2, 2, dtype=torch.bool)
    known[:, 0] = True
    known[:, 8, :, 1] = True
    got = keyframes_known(known, (0, 8), [False, True])
    assert got[:, 0].all()
    assert got[0, 1, :, 4:].all()
    assert not got[0, 1, :, :4].any()
    assert not got[1, 1].any()


def test_shards_keep_them_and_a_folder_without_is_not_mixed_with_it(
    root, data, encoders, bucket_config
):
    read = data.read([4, 0])
    expected = encode_keyframes(read.scenes, data.shape, encoders.video)
    torch.testing.assert_close(read.keyframes, expected.half().float(), atol=2e-3, rtol=2e-3)
    assert read.keyframes.shape[2:] == read.stretched.shape[2:] == (2, 8, 8)
    start = bucket_config.start
    clips = spoilt(read.video, bucket_config.seed, [start + 4, start])
    larger = stretched_clip(encoders.video, clips, (0, 8))
    torch.testing.assert_close(read.stretched, larger, atol=2e-2, rtol=2e-2)
    plain = replace(bucket_config, folder="keys", clip=LONG, count=5)
    with pytest.raises(ValueError, match="already holds latents with another keyframes"):
        precompute(plain, root)
    with pytest.raises(ValueError, match="keyframes stand beside clips of plain scenes"):
        replace(plain, keyframes=True, clip=ClipConfig(duration_s=1 / 16))


def test_clip_and_sound_of_a_joint_prediction_are_those_without_keyframes(config, prompts, data):
    names = ("t2av", "last", "extend")
    _, plain = _batch(config, prompts, data, names, share=0.0)
    _, bare = _batch(config, prompts, data, names, bare=True)
    _, joint = _batch(config, prompts, data, names)
    assert plain.keyframe_targets is None
    assert bare.keyframe_targets is None
    count = plain.inputs.video.tokens.shape[1]
    for other in (bare, joint):
        assert torch.equal(other.inputs.video.tokens[:, :count], plain.inputs.video.tokens)
        assert torch.equal(other.targets.video, plain.targets.video)
        assert torch.equal(other.inputs.audio.tokens, plain.inputs.audio.tokens)
        assert torch.equal(other.sigma, plain.sigma)
    assert bare.inputs.video.tokens.shape[1] == count
    assert joint.inputs.video.tokens.shape[1] == count + 2 * 16


def test_a_window_is_a_part_of_every_keyframe_where_the_whole_has_it(config, prompts, data):
    _, whole = _batch(config, prompts, data)
    part = replace(config, tasks=replace(config.tasks, window_share=1.0))
    found = set()
    for step in range(12):
        _, whole = _batch(config, prompts, data, step=step)
        _, windowed = _batch(part, prompts, data, step=step)
        own, seen = whole.inputs.video, windowed.inputs.video
        count = own.tokens.shape[1] - 32
        assert own.beside == (2, 4, 4)
        assert seen.beside == (2, 2, 2)
        assert torch.equal(seen.tokens[:, :count], own.tokens[:, :count])
        assert torch.equal(windowed.targets.video, whole.targets.video)
        places = seen.positions[0, count:].view(2, 2, 2, 3)
        top, left = places[0, 0, 0, 1:].tolist()
        found.add((top, left))
        wide = own.positions[0, count:]
        inside = ((wide[:, 1:] >= wide.new_tensor([top, left])).all(1)) & (
            (wide[:, 1:] <= places[0, 1, 1, 1:]).all(1)
        )
        assert torch.equal(seen.positions[0, count:], wide[inside])
        assert torch.equal(seen.tokens[:, count:], own.tokens[:, count:][:, inside])
        assert torch.equal(windowed.keyframe_targets, whole.keyframe_targets[:, inside])
    assert len(found) > 3


def test_where_keyframes_lag_the_clip_and_its_sound_are_clearer(config, prompts, data):
    levels = replace(config.sigma, keyframe_lag=4.0, lag_share=1.0, max_lag=2.0)
    changes = replace(config, init="shipped", lora=LowRankConfig())
    lagging = replace(changes, sigma=levels)
    even = replace(config, sigma=replace(levels, keyframe_lag=1.0))
    _, batch = _batch(lagging, prompts, data)
    _, same = _batch(even, prompts, data)
    assert torch.equal(batch.sigma, same.sigma)
    assert torch.equal(batch.inputs.video.tokens[:, -32:], same.inputs.video.tokens[:, -32:])
    ahead = batch.sigma / (4 - 3 * batch.sigma)
    assert (batch.audio_sigma < same.audio_sigma).all()
    assert (batch.audio_sigma >= ahead).all()
    count = batch.targets.video.shape[1]
    noisy, other = (
        one.inputs.video.tokens[:, :count].unflatten(-1, (4, 33))[..., :16].flatten(2)
        for one in (batch, same)
    )
    # Both lie on the path from clean to noise, the lagging one nearer to what is clean.
    clean = other - same.sigma[:, None, None] * same.targets.video
    torch.testing.assert_close(noisy, clean + ahead[:, None, None] * batch.targets.video)
    _, bare = _batch(lagging, prompts, data, bare=True)
    _, plain = _batch(even, prompts, data, bare=True)
    assert torch.equal(bare.inputs.video.tokens, plain.inputs.video.tokens)


def test_noisy_keyframes_lie_between_clean_and_target(config, prompts, data):
    latents, batch = _batch(config, prompts, data, ("t2av", "extend", "last"))
    own = batch.inputs.video.tokens[:, -32:].unflatten(-1, (4, 33))
    noisy, given, mask = own[..., :16].flatten(2), own[..., 16:32].flatten(2), own[..., 32]
    clean = patchify(latents.keyframes, 2)
    level = batch.sigma[:, None, None]
    torch.testing.assert_close(noisy - level * batch.keyframe_targets, clean)
    seconds = batch.inputs.video.positions[:, -32:, 0]
    assert (seconds == torch.tensor([0.0] * 16 + [2.0] * 16)).all()
    # Nothing of the first sample, the start of the second and no picture of the third is given.
    assert mask[:, :16].mean((1, 2)).tolist() == [0.0, 1.0, 0.0]
    assert mask[2].sum() == 0
    wide = mask[..., None].expand(-1, -1, -1, 16).flatten(2).bool()
    assert torch.equal(given, torch.where(wide, clean, patchify(place_code(latents.keyframes), 2)))


def test_a_residual_is_what_the_clip_lacks_and_nothing_where_keyframes_are_given(
    config, prompts, data
):
    model = replace(config.model, residual=0.25)
    changes = replace(config, model=model, init="shipped", lora=LowRankConfig())
    latents, batch = _batch(changes, prompts, data, ("t2av", "extend", "last"))
    own = batch.inputs.video.tokens[:, -32:].unflatten(-1, (4, 33))
    noisy, shown, mask = own[..., :16].flatten(2), own[..., 16:32].flatten(2), own[..., 32]
    clean, stretched = patchify(latents.keyframes, 2), patchify(latents.stretched, 2)
    wide = mask[..., None].expand(-1, -1, -1, 16).flatten(2).bool()
    assert wide.any()
    assert torch.equal(shown, torch.where(wide, clean, stretched))
    level = batch.sigma[:, None, None]
    expected = torch.where(wide, 0.0, 4 * (clean - stretched))
    torch.testing.assert_close(noisy - level * batch.keyframe_targets, expected)
    fine = CleanKeyframes(latents=latents.keyframes, stretched=None, residual=0.25)
    noise, sigma = torch.randn_like(fine.latents), torch.rand(3)
    known = torch.zeros(3, 2, 8, 8, dtype=torch.bool)
    with pytest.raises(ValueError, match="got none of them"):
        fine.noised(noise, sigma, known=known, places=(0, 8))


def test_clips_that_keyframes_begin_from_err_as_a_base_does():
    clips = torch.randn(64, 4, 5, 2, 2)
    indices = range(100, 164)
    got = spoilt(clips, 1, indices)
    assert torch.equal(spoilt(clips[7:9], 1, indices[7:9]), got[7:9])
    away = (got - clips).flatten(1).std(1)
    assert 20 < int((away == 0).sum()) < 44
    assert 0.2 < float(away.max()) < 0.4


def test_a_share_of_the_batches_is_joint_and_pictures_never_are(config, prompts, data):
    found = [
        _batch(config, prompts, data, ("t2av",), share=0.3, step=step)[1].keyframe_targets
        for step in range(60)
    ]
    assert 8 <= sum(one is not None for one in found) <= 28
    picture = _batch(config, prompts, data, ("t2i",))[1]
    assert picture.keyframe_targets is None
    assert picture.inputs.video.grid[0] == 1


def test_a_target_at_keyframes_trains_their_tokens_through_the_clip(config, prompts, data):
    torch.manual_seed(3)
    network = MMDiT(replace(config.model, truth_block=0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    _, batch = _batch(config, prompts, data)
    video = batch.inputs.video
    tokens = video.tokens.clone().requires_grad_(True)
    batch = replace(batch, inputs=replace(batch.inputs, video=replace(video, tokens=tokens)))
    loss = training_step(network, batch)
    (grad,) = torch.autograd.grad(loss.keyframes.sum(), tokens, retain_graph=True)
    assert grad[:, -32:].abs().amax((1, 2)).min() > 0
    assert grad[:, :-32].abs().amax((1, 2)).min() > 0
    (grad,) = torch.autograd.grad(loss.parts.video.sum(), tokens)
    assert grad[:, -32:].abs().amax((1, 2)).min() > 0


def test_keyframes_can_be_learnt(config, prompts, data):
    torch.manual_seed(1)
    network = MMDiT(config.model)
    _, batch = _batch(config, prompts, data, ("t2av",))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = training_step(network, batch)
        loss.total.backward()
        optimizer.step()
        losses.append(float(loss.keyframes.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_an_interrupted_joint_run_is_bitwise_the_uninterrupted_one(config, tmp_path):
    lines = []
    whole = train(
        replace(config, log_every=1),
        tmp_path / "whole",
        report=lambda _, values: lines.append(values),
        tensorboard=False,
    )
    joint = [line for line in lines if "keyframes/loss" in line]
    assert 0 < len(joint) < len(lines)
    for stop_at in (2, 5):
        limits = Limits(stop=lambda step, at=stop_at: step >= at)
        train(config, tmp_path / "parts", limits=limits, tensorboard=False)
    last = train(config, tmp_path / "parts", tensorboard=False)
    assert last.step == whole.step == 6
    expected, _ = read_tensors(tmp_path / "whole" / "test" / STATE_FILE)
    got, _ = read_tensors(tmp_path / "parts" / "test" / STATE_FILE)
    assert all(torch.equal(got[name], expected[name]) for name in expected)
    assert load_network(last.export, kind=MMDiT).config.keyframes


def test_it_starts_from_weights_that_know_no_keyframes(config, run_config, tmp_path):
    one = train(replace(run_config, steps=1), tmp_path, tensorboard=False)
    before = load_network(one.export, kind=MMDiT)
    assert not before.config.keyframes
    state = build_state(replace(config, init="test/mmdit.safetensors"), tmp_path)
    for name, value in state.network.state_dict().items():
        assert torch.equal(value, before.state_dict()[name])
    wrong = replace(config.model, mlp_width=128)
    with pytest.raises(CheckpointError, match="but for keyframes"):
        build_state(replace(config, init="test/mmdit.safetensors", model=wrong), tmp_path)


def test_impossible_runs_are_refused(config, run_config, tmp_path):
    with pytest.raises(ValueError, match="needs a base whose model has keyframes set"):
        replace(run_config, tasks=TaskConfig(keyframes=0.5))
    with pytest.raises(ValueError, match="keyframe_weight must be at least 0, got -1"):
        replace(run_config, keyframe_weight=-1.0)
    with pytest.raises(ValueError, match="keyframe_lag and residual need lora"):
        replace(run_config, sigma=replace(run_config.sigma, keyframe_lag=2.0))
    with pytest.raises(ValueError, match="keyframe_lag and residual need lora"):
        replace(config, model=replace(config.model, residual=0.25))
    with pytest.raises(ValueError, match="keyframe_lag must be at least 1"):
        replace(run_config.sigma, keyframe_lag=0.5)
    with pytest.raises(ValueError, match="precomputed with keyframes, got none"):
        build_state(replace(config, data=run_config.data), tmp_path)
