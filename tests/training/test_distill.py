"""Distillation: the teacher is the sampler, a perfect student has nothing to learn."""

import json
from dataclasses import replace

import pytest
import torch

from openreels.conditioning.build import build
from openreels.conditioning.material import Material
from openreels.conditioning.tasks import TASKS
from openreels.core.errors import CheckpointError
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest
from openreels.diffusion.path import add_noise
from openreels.diffusion.sample import hold_known
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder.model import PromptEncoder
from openreels.nn.patchify import patchify, unpatchify
from openreels.pipelines.components import Components
from openreels.pipelines.denoise import branch_inputs, denoise, draw_noise
from openreels.pipelines.fast import FAST_FILE, Distilled, mark_of
from openreels.pipelines.settings import Sampling
from openreels.training.batch import BatchMaker, TaskDraw, TrainingBatch
from openreels.training.dataset import ShardDataset
from openreels.training.distill import (
    Distiller,
    ends_of,
    load_distiller,
    placed,
    velocity_field,
    without_prompt,
)
from openreels.training.distill_config import DistillConfig
from openreels.training.loop import train
from openreels.training.networks import load_frozen
from openreels.training.step import training_step
from openreels.weights.checkpoint import save_network


@pytest.fixture(scope="module")
def prompts(run_config):
    return load_frozen("text_encoder", run_config.codecs.text_encoder, kind=PromptEncoder)


def random_network(config, seed=0):
    network = MMDiT(config, generator=torch.Generator().manual_seed(seed))
    draw = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    return network


@pytest.fixture(scope="module")
def teacher(model_config):
    return random_network(model_config).eval().requires_grad_(False)


@pytest.fixture
def distiller(teacher, prompts):
    def make(**fields):
        plain = {"audio_lag": 1.0, "sync": 1.0, "guidance": (4.0, 4.0)}
        fields = {"num_steps": 4, "teacher_steps": 3, "visited_share": 0.0} | plain | fields
        config = DistillConfig(**fields)
        return Distiller(config=config, teacher=teacher, encode_text=prompts.encode_text, seed=5)

    return make


@pytest.fixture(scope="module")
def make_batch(run_config, prompts, data_root):
    dataset = ShardDataset(data_root / "bucket")

    def make(*names, step=0):
        task = TASKS[names[0]]
        maker = BatchMaker(
            config=replace(run_config, tasks=replace(run_config.tasks, text_dropout=0.0)),
            encode_text=prompts.encode_text,
        )
        draw = TaskDraw(names=names, video=task.video, sound=task.sound, picture=task.single_frame)
        rows = dataset.read(range(len(names)))
        return maker.make(rows, draw, shape=dataset.shape, black=dataset.black, step=step), rows

    return make


def loss_of(network, batch):
    with torch.no_grad():
        return float(training_step(network, batch).total)


def masks_of(branch, count):
    return branch.tokens[:, -count:].unflatten(-1, (4, -1))[..., -1].bool()


@pytest.mark.parametrize(
    ("lag", "pull", "sync"),
    [(1.0, 2.0, 1.0), (4.0, 2.0, 1.0), (1.0, 2.0, 3.0), (4.0, 1.0, 3.0)],
)
def test_the_teacher_is_the_sampler(tiny_networks, lag, pull, sync):
    """A chain of one step of many is a run of the sampler, guidance and masks included."""
    networks = {name: network.eval() for name, network in tiny_networks().items()}
    with torch.no_grad():
        for parameter in networks["mmdit"].parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    components = Components(**networks)
    draw = torch.Generator().manual_seed(1)
    clip = torch.randint(0, 256, (17, 64, 64, 3), generator=draw, dtype=torch.uint8)
    region = torch.zeros(17, 64, 64, dtype=torch.bool)
    region[:, 16:48, 16:48] = True
    request = GenerationRequest(prompt="a red ball", edit="a", edit_region="m")
    with torch.no_grad():
        conditions = build(request, components, Material(clip=clip, region=region))
        sampling = Sampling(num_steps=3, stepper="adams", guidance=Joint(3.0, pull), shift=2.0)
        sampling = replace(sampling, audio_lag=lag, sync=sync)
        expected = denoise(components, conditions, sampling, seed=4)
        noise = draw_noise(components, conditions, 4)
        given = conditions.given
        assert given is not None
        channels = noise.video.shape[1]
        start = Joint(patchify(noise.video, components.patch), noise.audio.mT)
        # What is given stands for the data; the rest of the path does not matter from noise.
        clean = Joint(patchify(given.latents, components.patch), torch.zeros_like(start.audio))
        batch = TrainingBatch(
            inputs=branch_inputs(components, conditions, noise),
            targets=start.zip(clean, lambda x, y: x - y),
            truths=Joint(None, None),
            context=conditions.context[:1],
            context_mask=conditions.context_mask[:1],
            sigma=torch.ones(1),
            tasks=("inpaint_fixed",),
        )
        config = DistillConfig(num_steps=1, teacher_steps=3, shift=2.0, guidance=(3.0, pull))
        config = replace(config, audio_lag=lag, sync=sync)
        teaches = Distiller(
            config=config,
            teacher=components.mmdit,
            encode_text=components.text_encoder.encode_text,
            seed=0,
        )
        ends = ends_of(batch, channels, audio_lag=lag)
        assert ends.held is not None
        torch.testing.assert_close(ends.noise.video, start.video)
        torch.testing.assert_close(ends.noise.audio, lag * start.audio)
        got = teaches.advance(batch, ends.noise, 0, ends.impose)
    wanted = Joint(patchify(expected.video, components.patch), expected.audio.mT)
    for name in ("video", "audio"):
        torch.testing.assert_close(getattr(got, name), getattr(wanted, name), atol=2e-4, rtol=2e-4)
    assert torch.equal(got.video[ends.held], wanted.video[ends.held])


@pytest.mark.parametrize(
    "names",
    [
        ("t2av", "first", "keyframes", "extend", "inpaint_moving", "outpaint"),
        ("t2v", "last", "extend_before", "inpaint_fixed"),
        ("t2a", "t2a"),
        ("t2i", "t2i", "t2i"),
    ],
)
def test_a_student_that_already_does_it_has_no_loss(make_batch, distiller, teacher, names):
    """With one unguided step of the teacher a step, the teacher itself is the perfect student."""
    batch, _ = make_batch(*names)
    one = {"teacher_steps": 1, "stepper": "euler", "guidance": (1.0, 1.0)}
    perfect = distiller(**one)
    for lag, share in ((4.0, 0.0), (4.0, 1.0)):
        late = distiller(**one, audio_lag=lag, visited_share=share)
        taught = late.teach(batch, teacher, 2)
        assert loss_of(teacher, taught) < 1e-9
        assert (taught.audio_sigma is not None) == (TASKS[names[0]].name == "t2av")
    for step in range(4):
        assert loss_of(teacher, perfect.teach(batch, teacher, step)) < 1e-9
    other = random_network(teacher.config, seed=7)
    assert loss_of(other, perfect.teach(batch, other, 0)) > 1e-3
    guided = distiller(guidance=(4.0, 4.0)).teach(batch, teacher, 1)
    assert loss_of(teacher, guided) > 1e-6
    follows = distiller(**one | {"sync": 3.0}).teach(batch, teacher, 1)
    assert (loss_of(teacher, follows) > 1e-6) == (names[0] == "t2av")


def test_lessons_with_references_are_distilled_too(
    run_config, lessons_root, prompts, distiller, teacher
):
    dataset = ShardDataset(lessons_root)
    rows = dataset.read(range(12))
    names = tuple(lesson.task for lesson in rows.lessons)
    tasks = replace(run_config.tasks, text_dropout=0.0, reference_dropout=0.0)
    maker = BatchMaker(
        config=replace(run_config, tasks=tasks),
        encode_text=prompts.encode_text,
        conditioner=prompts,
    )
    draw = TaskDraw(names=names, video=True, sound=True, picture=False)
    batch = maker.make(rows, draw, shape=dataset.shape, black=dataset.black, step=0)
    taught = distiller(teacher_steps=1, stepper="euler", guidance=(1.0, 1.0), visited_share=1.0)
    for step in range(4):
        assert loss_of(teacher, taught.teach(batch, teacher, step)) < 1e-9
    masked = [lesson.known is not None for lesson in rows.lessons]
    assert any(masked)
    held = ends_of(batch, 16).held.flatten(1).any(1)
    assert held.tolist() == masked
    video = taught.teach(batch, teacher, 0).inputs.video
    before = batch.inputs.video.grid_start
    assert before > 0
    assert torch.equal(video.tokens[:, :before], batch.inputs.video.tokens[:, :before])
    guided = distiller().teach(batch, teacher, 0)
    assert loss_of(teacher, guided) > 1e-6


def test_errors_where_the_sampler_puts_back_do_not_count(make_batch, distiller, teacher):
    batch, _ = make_batch("extend", "inpaint_fixed")
    taught = distiller().teach(batch, teacher, 0)
    held = ends_of(batch, 16).held
    assert torch.equal(taught.counted.video, ~held)
    assert taught.counted.audio is None
    expected = loss_of(teacher, taught)
    for where, changes in ((held, False), (~held, True)):
        targets = Joint(taught.targets.video + 9.0 * where, taught.targets.audio)
        assert (loss_of(teacher, replace(taught, targets=targets)) != expected) == changes


def test_both_ends_of_a_path_and_what_is_held(make_batch):
    names = ("t2av", "first", "last", "extend", "inpaint_fixed")
    batch, rows = make_batch(*names)
    ends = ends_of(batch, 16)
    count = batch.targets.video.shape[1]
    known = masks_of(batch.inputs.video, count)
    assert known[1:].flatten(1).any(1).all()
    held = ends.held.unflatten(-1, (4, -1)).all(-1)
    # A clip's own latents are put back; of pictures only that of the first frame is one.
    for row in (1, 3, 4):
        assert torch.equal(held[row], known[row])
    assert not held[[0, 2]].any()
    torch.testing.assert_close(ends.clean.video, patchify(rows.video, 2), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        ends.clean.video - ends.noise.video, -batch.targets.video, atol=1e-5, rtol=1e-5
    )
    for level in (0.0, 0.3, 1.0):
        sigma = torch.full((5,), level)
        expected = add_noise(ends.clean.video, ends.noise.video, sigma)
        assert torch.equal(ends.at(level).video, expected)
        stray = ends.noise.map(lambda x: x + 1)
        kept = ends.impose(stray, level)
        assert torch.equal(kept.video[ends.held], expected[ends.held])
        assert torch.equal(kept.video[~ends.held], stray.video[~ends.held])
        assert kept.audio is stray.audio
    # The same as the sampler's own rule on latents.
    frames, height, width = batch.inputs.video.grid

    def back(x):
        return unpatchify(x, grid=(frames, height * 2, width * 2), patch=2)

    rule = hold_known(
        back(ends.clean.video), back(ends.noise.video), back(ends.held.float())[:, 0] > 0
    )
    expected = rule(Joint(back(stray.video), None), 0.4).video
    torch.testing.assert_close(back(ends.impose(stray, 0.4).video), expected)


def test_the_student_s_own_states_are_those_of_its_steps(make_batch, distiller, teacher):
    batch, _ = make_batch("t2av", "inpaint_fixed")
    visits = distiller(visited_share=1.0)
    student = random_network(teacher.config, seed=3).requires_grad_(False)
    seen = {}
    for step in range(4):
        index, visited = visits.place(step)
        assert visited
        taught = visits.teach(batch, student, step)
        seen[index] = taught
        assert (taught.sigma == float(visits.levels[index * 3])).all()
    assert sorted(seen) == [0, 1, 2, 3]
    # From the noise, by hand: Euler steps of the student between its levels.
    ends, coarse = ends_of(batch, 16), visits.levels[::3]
    field, now = velocity_field(student, batch), ends.noise
    for index in range(4):
        now = ends.impose(now, float(coarse[index]))
        inputs = batch.inputs.zip(now, placed)
        torch.testing.assert_close(seen[index].inputs.video.tokens, inputs.video.tokens)
        torch.testing.assert_close(seen[index].inputs.audio.tokens, inputs.audio.tokens)
        level = torch.full((2,), float(coarse[index]))
        slope = field(now, level)
        length = float(coarse[index + 1] - coarse[index])
        now = now.zip(slope, lambda x, v, h=length: x + h * v)


def test_without_a_prompt_references_are_hidden_and_masks_stay(make_batch, prompts):
    batch, _ = make_batch("first", "extend")
    count = batch.inputs.video.tokens.shape[1]
    tags = torch.zeros(2, count, dtype=torch.long)
    tags[:, :3] = 1
    shown = torch.ones(2, count, dtype=torch.bool)
    video = replace(batch.inputs.video, tags=tags, attendable=shown)
    batch = replace(batch, inputs=Joint(video, batch.inputs.audio))
    bare = without_prompt(batch, prompts.encode_text(["", ""]))
    assert not bare.inputs.video.attendable[:, :3].any()
    assert bare.inputs.video.attendable[:, 3:].all()
    assert torch.equal(bare.inputs.video.tokens, video.tokens)
    assert not torch.equal(bare.context_mask, batch.context_mask)


@pytest.fixture
def distill_config(run_config, teacher, tmp_path):
    save_network(tmp_path / "base.safetensors", teacher)
    return replace(
        run_config,
        init="base.safetensors",
        distill=DistillConfig(teacher="base.safetensors", num_steps=4, teacher_steps=2),
        tasks=replace(run_config.tasks, text_dropout=0.0),
        truth_weight=0.0,
    )


def test_an_interrupted_distillation_is_bitwise_the_whole_one(
    distill_config, whole_and_parts, tmp_path
):
    result, config = whole_and_parts(distill_config)
    assert result.export == tmp_path / "parts" / FAST_FILE
    assert mark_of(result.export) == Distilled(
        num_steps=4,
        shift=3.0,
        guidance_scale=4.0,
        audio_guidance_scale=1.5,
        sync_guidance_scale=4.0,
        audio_lag=8.0,
    )
    changed = replace(distill_config.distill, num_steps=2)
    with pytest.raises(CheckpointError, match="another distill"):
        train(replace(config, distill=changed), tmp_path, tensorboard=False)


def test_the_student_comes_closer_to_its_teacher(distill_config, tmp_path):
    """On the same four batches again and again; the loss of each step is another level's."""
    config = replace(
        distill_config,
        optim=replace(distill_config.optim, lr=3e-3, warmup_steps=1),
        steps=48,
        log_every=8,
        seed=2,
    )
    train(config, tmp_path, tensorboard=False)
    lines = (tmp_path / "test" / "log.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert losses[-1] < 0.7 * losses[0]


def test_distilled_weights_do_not_teach(distill_config, tmp_path, teacher, prompts):
    path = tmp_path / "fast.safetensors"
    mark = {"num_steps": 4, "shift": 1.0, "guidance_scale": 4.0, "audio_guidance_scale": 4.0}
    mark |= {"sync_guidance_scale": 1.0, "audio_lag": 1.0}
    save_network(path, teacher, metadata={"distilled": mark})
    config = replace(distill_config.distill, teacher="fast.safetensors")
    with pytest.raises(CheckpointError, match="must hold a base"):
        load_distiller(config, tmp_path, prompts.encode_text, seed=0, bf16=False)
