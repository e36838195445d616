"""The pages of tasks: each shows one command and the same in Python, and both mean its request."""

import ast
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawing import save_reduced
from PIL import Image
from task_facts import Facts, Heard, read_facts, write_facts
from task_index import INDEX, PAGES_BY_NAME
from task_pages import index_text, page_text
from task_sheets import LIMIT_BYTES, draw, given_frames, shown_moments
from task_sources import clip_of, write_frames, write_part, write_region
from task_text import PAGES, Bench, command_of, snippet_of, what_fails
from typer.testing import CliRunner

from openreels.cli.generate import read_request
from openreels.cli.main import app
from openreels.conditioning.material import gather
from openreels.core.request import (
    GenerationRequest,
    Keyframe,
    Reference,
    TaggedFile,
    validate,
)
from openreels.core.shapes import ClipShape
from openreels.evaluation.config import ALL_PARTS, ROWS
from openreels.media.clip import Clip, read_clip
from openreels.media.image import read_image, write_image
from openreels.media.mask import read_mask
from openreels.media.video import probe

FACTS = read_facts(PAGES / "runs.json")
RECORDS = {"Keyframe": Keyframe, "Reference": Reference, "TaggedFile": TaggedFile}


def block(text: str, language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)[0]


def asked_by_command(command: str, folder: Path) -> GenerationRequest:
    """What the command line asks for: it is written before a model that is not there is loaded."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "openreels"
    extra = ["--preset", str(folder / "nowhere"), "--save-request", str(folder / "asked.json")]
    result = CliRunner().invoke(app, [*words[1:], *extra])
    assert result.exception is not None
    assert "nowhere" in str(result.exception)
    return read_request(folder / "asked.json")


def asked_by_python(code: str) -> GenerationRequest:
    """What the call of ``model.generate`` asks for."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    call = next(c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "generate")
    prompt, *others = call.args
    assert not others
    fields = {word.arg: value_of(word.value) for word in call.keywords}
    return GenerationRequest(prompt=ast.literal_eval(prompt), **fields)


def value_of(node: ast.expr) -> object:
    if isinstance(node, ast.Tuple):
        return tuple(value_of(one) for one in node.elts)
    if isinstance(node, ast.Call):
        return RECORDS[node.func.id](**{word.arg: value_of(word.value) for word in node.keywords})
    return ast.literal_eval(node)


@pytest.mark.parametrize("name", PAGES_BY_NAME)
def test_command_and_python_mean_the_same_valid_request(name, tmp_path, monkeypatch):
    page = PAGES_BY_NAME[name]
    made = PAGES / f"{name}.md"
    command, code = command_of(page.request, page.out), snippet_of(page.request, page.out)
    if made.exists():
        text = made.read_text(encoding="utf-8")
        assert command + "\n" == block(text, "bash")
        assert code + "\n" == block(text, "python")
    monkeypatch.chdir(tmp_path)
    for path in page.request.paths:
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(b"some file")
    by_python = asked_by_python(code)
    assert asked_by_command(command, tmp_path) == by_python == page.request
    assert validate(by_python)
    assert f'save("{page.out}")' in code


def test_a_prompt_with_signs_of_the_shell_comes_through(tmp_path):
    request = GenerationRequest(prompt='words "A $HOME" and `b`', sound=False, steps=5)
    assert asked_by_command(command_of(request, "a.mp4"), tmp_path) == request
    assert asked_by_python(snippet_of(request, "a.mp4")) == request


def test_pages_say_what_the_program_would_write():
    bench, fails = Bench.newest(), what_fails()
    told = "run python docs/make_tasks.py --text"
    for name, facts in FACTS.items():
        text = page_text(PAGES_BY_NAME[name], facts, bench, fails.get(name, ("", "")))
        assert (PAGES / f"{name}.md").read_text(encoding="utf-8") == text, told
    assert (PAGES / "README.md").read_text(encoding="utf-8") == index_text(bench, set(FACTS)), told


def test_every_task_has_a_page_and_a_word_on_what_fails():
    assert set(FACTS) == set(what_fails()) == set(PAGES_BY_NAME)
    for name, page in PAGES_BY_NAME.items():
        told = "not trained for it" in (PAGES / f"{name}.md").read_text(encoding="utf-8")
        assert told != page.trained, name
    assert {path.stem for path in PAGES.glob("*.md")} == {*FACTS, "README", "what-fails"}
    assert {path.stem for path in (PAGES / "img").glob("*.png")} == set(FACTS)


def test_sheets_are_small():
    sizes = [path.stat().st_size for path in (PAGES / "img").glob("*.png")]
    assert max(sizes) <= LIMIT_BYTES
    assert sum(sizes) < 1_500_000


def test_pages_and_index_name_rows_and_figures_of_the_bench():
    for page in PAGES_BY_NAME.values():
        assert set(page.bench) <= {*ALL_PARTS, *ROWS}, page.name
    bench = Bench.newest()
    measured = {row["task"] for row in bench.rows}
    named = [(row.bench, row.figure) for rows in INDEX.values() for row in rows if row.bench]
    named += [(t, f) for p in PAGES_BY_NAME.values() for t in p.bench for f in p.figures]
    assert named
    for task, figure in named:
        assert task in {*ALL_PARTS, *ROWS}
        assert task not in measured or bench.of((task,), (figure,)), (task, figure)


def test_the_index_shows_every_page():
    shown = {row.page for rows in INDEX.values() for row in rows}
    assert shown == set(PAGES_BY_NAME)


def test_a_page_tells_when_other_weights_were_looked_at():
    page = PAGES_BY_NAME["first"]
    facts = Facts(weights="abc", steps=1, size="")
    bench = Bench(file="", rows=())
    assert "other weights" not in page_text(page, facts, bench, ("abc", "It fails."))
    assert "other weights (xyz)" in page_text(page, facts, bench, ("xyz", "It fails."))
    assert "Not looked at yet" in page_text(page, facts, bench, ("", ""))


def test_facts_come_back(tmp_path):
    heard = (Heard(time_s=0.5, sounds_like="large metal"),)
    facts = {"first": Facts(weights="a", steps=3, size="1 s", heard=heard, seen_s=(0.25,))}
    write_facts(tmp_path / "runs.json", facts)
    assert json.loads((tmp_path / "runs.json").read_text())["first"]["steps"] == 3
    assert read_facts(tmp_path / "runs.json") == facts


def test_the_given_row_is_the_source_where_the_mask_keeps_it(tmp_path):
    write_region(tmp_path, scene=17, margin=4, moving=True)
    clip, mask = tmp_path / "clip.mp4", tmp_path / "mask.mp4"
    request = GenerationRequest(prompt="a ball", edit=str(clip), edit_region=str(mask))
    material = gather(request)
    given, source = given_frames(request, material), read_clip(clip).frames
    region = material.region.numpy()
    assert region.any(axis=(1, 2)).all()
    assert (given == source)[~region].all()
    assert (given != source)[region].any(axis=-1).mean() > 0.95
    assert read_mask(mask, source=probe(clip), shape=shape_of(source)).shape == region.shape


def shape_of(frames):
    return ClipShape(num_frames=len(frames), height=frames.shape[1], width=frames.shape[2])


def test_the_given_row_of_an_extension_is_the_clip_and_then_stripes(tmp_path):
    write_part(tmp_path, scene=50, start=0, stop=17)
    request = GenerationRequest(prompt="it", extend=str(tmp_path / "clip.mp4"), duration_s=1)
    given, source = given_frames(request, gather(request)), read_clip(tmp_path / "clip.mp4").frames
    assert (given[:17] == source).all()
    assert set(np.unique(given[17:])) == {222, 246}


def test_the_given_row_of_an_instruction_is_the_whole_clip(tmp_path):
    write_part(tmp_path, scene=50, start=0, stop=17)
    clip = str(tmp_path / "clip.mp4")
    request = GenerationRequest(prompt="make the ring blue", edit=clip)
    assert (given_frames(request, gather(request)) == read_clip(clip).frames).all()
    moves = GenerationRequest(prompt="as @a", ref_video=TaggedFile(tag="@a", path=clip))
    assert (given_frames(moves, gather(moves)) == read_clip(clip).frames).all()


def test_keyframes_are_among_the_moments_that_are_shown(tmp_path):
    write_frames(tmp_path, scene=3, a=0.5)
    picture = str(tmp_path / "a.png")
    assert (read_image(picture) == clip_of(3).frames[8]).all()
    request = GenerationRequest(
        prompt="it", keyframes=(Keyframe(image=picture, time_s=0.5),), duration_s=2
    )
    shown = shown_moments(request, clip_of(3))
    assert shown[0] == 0
    assert shown[-1] == 32
    assert 8 in shown
    assert shown == sorted(shown)
    given = given_frames(request, gather(request))
    assert (given[5:9] == read_image(picture)).all()
    assert set(np.unique(given[:5])) == {222, 246}


def test_moments_of_a_refined_clip_are_the_same_seconds():
    request = GenerationRequest(
        prompt="it", keyframes=(Keyframe(image="a.png", time_s=0.5),), duration_s=2
    )
    frames = np.zeros((65, 256, 256, 3), np.uint8)
    shown = shown_moments(request, Clip(frames=frames, fps=32))
    assert 16 in shown
    assert shown[-1] == 64
    wide = np.zeros((33, 64, 112, 3), np.uint8)
    assert len(shown_moments(request, Clip(frames=wide))) == 4


def test_a_sheet_has_a_row_for_each_kind_of_picture(tmp_path):
    frames = clip_of(3).frames
    write_image(tmp_path / "a.png", frames[0])
    facts = Facts(weights="", steps=1, size="")
    plain = GenerationRequest(prompt="it", duration_s=2, sound=False)
    silent = replace(clip_of(3), waveform=None)
    named = replace(plain, references=(Reference(tag="@a", images=(str(tmp_path / "a.png"),)),))
    heights = []
    for request, clip in ((plain, silent), (named, silent), (plain, clip_of(3))):
        size = draw(request, [clip], facts, tmp_path / "sheet.png")
        assert size == (tmp_path / "sheet.png").stat().st_size <= LIMIT_BYTES
        heights.append(len(read_image(tmp_path / "sheet.png")))
    assert heights[1] == 2 * heights[0]
    assert heights[2] > heights[0] + 200


def test_sound_alone_and_pictures_have_sheets(tmp_path):
    facts = Facts(weights="", steps=1, size="")
    sound = Clip(frames=None, waveform=clip_of(3).waveform)
    request = GenerationRequest(prompt="it", kind="audio", duration_s=2)
    assert draw(request, [sound], facts, tmp_path / "sound.png") > 1000
    pictures = [Clip(frames=clip_of(3).frames[i : i + 1]) for i in (0, 8)]
    draw(GenerationRequest(prompt="it", kind="image"), pictures, facts, tmp_path / "two.png")
    assert read_image(tmp_path / "two.png").shape[1] == 2 * 132


def test_a_picture_that_cannot_be_small_enough_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    small = save_reduced(Image.fromarray(noise), tmp_path / "a.png", colours=256, limit_bytes=3000)
    assert small <= 3000
    with pytest.raises(ValueError, match=r"a\.png may have 100 bytes"):
        save_reduced(Image.fromarray(noise), tmp_path / "a.png", colours=256, limit_bytes=100)
