from dataclasses import dataclass, replace

import pytest

from openreels.core.errors import CheckpointError, MissingExtraError
from openreels.core.protocols import Enhanced
from openreels.core.request import GenerationRequest, Keyframe, Reference, TaggedFile
from openreels.pipelines.chat_enhancer import ChatEnhancer
from openreels.pipelines.enhance import STAGE_INSTRUCTION, enhanced, enhancer_named
from openreels.stage.enhance import StageEnhancer
from openreels.stage.reading import read

REQUEST = GenerationRequest(prompt="a ball", seed=3)


@dataclass(frozen=True)
class Saying:
    """An enhancer with one answer."""

    text: str

    def enhance(self, prompt):
        return Enhanced(self.text, ("rewritten",))


def test_only_the_prompt_of_a_request_changes():
    request, notes = enhanced(REQUEST, Saying("a red ball"))
    assert request == replace(REQUEST, prompt="a red ball")
    assert notes == ("rewritten",)
    assert enhanced(REQUEST, Saying("a ball")) == (REQUEST, ("rewritten",))


@pytest.mark.parametrize(
    "change",
    [
        {"enhance": False},
        {"first_frame": "a.png"},
        {"last_frame": "a.png"},
        {"keyframes": (Keyframe(image="a.png", time_s=1),)},
        {"extend": "a.mp4"},
        {"edit": "a.mp4"},
        {"ref_video": TaggedFile(tag="@a", path="a.mp4")},
        {"grid": TaggedFile(tag="@a", path="a.png")},
    ],
)
def test_where_the_scene_is_given_or_nothing_is_wanted_it_is_left(change):
    request = replace(REQUEST, **change)
    assert enhanced(request, Saying("a red ball")) == (request, ())
    assert enhanced(REQUEST, None) == (REQUEST, ())


def test_references_do_not_keep_a_prompt_from_being_rewritten():
    reference = Reference(tag="@ann", images=("a.png",))
    request = replace(REQUEST, prompt="@ann", references=(reference,))
    assert enhanced(request, Saying("@ann waves"))[0].prompt == "@ann waves"


def test_the_shipped_enhancer_knows_which_handles_are_pictures():
    song = (TaggedFile(tag="@song", path="a.wav"),)
    hero = (Reference(tag="@hero", images=("a.png",)),)
    request = replace(REQUEST, prompt="@hero jumps with @song", references=hero, audio_refs=song)
    same, (note,) = enhanced(request, StageEnhancer())
    assert same is request
    assert "what @song gives was not understood" in note
    told, _ = enhanced(
        replace(request, prompt="@hero jumps with music like @song"), StageEnhancer()
    )
    assert told.prompt == (
        "@hero jumps in a meadow by day. The camera is still. Music like @song plays."
    )


@pytest.mark.parametrize("text", ["<sfx>a", "@ann waves", "x" * 5000, " "])
def test_a_rewritten_prompt_that_breaks_a_rule_is_not_used(text):
    request, (note,) = enhanced(REQUEST, Saying(text))
    assert request is REQUEST
    assert note.startswith("the enhanced prompt was not used, as it breaks a rule: ")


def test_enhancers_have_names(tmp_path):
    assert enhancer_named("stage") == StageEnhancer()
    assert enhancer_named("http://localhost:1/v1#small") == ChatEnhancer(
        base_url="http://localhost:1/v1", model="small", instruction=STAGE_INSTRUCTION
    )
    with pytest.raises(ValueError, match="is written URL#MODEL, got 'http://localhost:1/v1'"):
        enhancer_named("http://localhost:1/v1")
    with pytest.raises(ValueError, match="begins with http"):
        enhancer_named("file:///etc#m")
    with pytest.raises(ValueError, match="an enhancer is stage, URL#MODEL"):
        enhancer_named("none")
    with pytest.raises((MissingExtraError, CheckpointError)):
        enhancer_named(str(tmp_path))


def test_the_task_for_the_shipped_model_shows_true_captions():
    shown = " ".join(STAGE_INSTRUCTION.split("from these lists:")[1].split())
    for part in shown.replace(". A ", ".\nA ").split("\n"):
        assert read(part).in_captions
