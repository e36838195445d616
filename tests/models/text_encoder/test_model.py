import logging
from pathlib import Path

import pytest
import torch

import openreels
from openreels.core.protocols import TextPart
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.config import PromptEncoderConfig
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.tokenizer import HashTokenizer
from openreels.weights.checkpoint import load_network


@pytest.fixture
def encoder() -> PromptEncoder:
    return PromptEncoder(presets.tiny()).eval()


@pytest.mark.parametrize(("preset", "count"), [(presets.stage, 2_464_896), (presets.tiny, 25_088)])
def test_presets_have_their_recorded_size(preset, count):
    with torch.device("meta"):
        network = PromptEncoder(preset())
    assert sum(p.numel() for p in network.parameters()) == count


def test_case_punctuation_and_articles_change_nothing(encoder):
    plain, _ = encoder.encode_text(["red ball bounces on floor"])
    fancy, _ = encoder.encode_text(["A RED ball, bounces: on the floor!!"])
    assert torch.equal(plain, fancy)


def test_word_order_decides_what_belongs_to_what(encoder):
    tokens, mask = encoder.encode_text(["red ball blue cube", "blue ball red cube"])
    assert mask.all()
    assert not torch.allclose(tokens[0], tokens[1], atol=1e-3)
    # the word "ball" is at the same place in both and still reads differently
    assert (tokens[0, 1] - tokens[1, 1]).norm() > 1e-3


def test_padding_changes_nothing_and_is_zero(encoder):
    short, long = "red ball", "a small blue glass cube spins on a beach at night"
    alone, alone_mask = encoder.encode_text([short])
    together, mask = encoder.encode_text([short, long])
    assert alone_mask.shape == (1, 2)
    assert mask.sum(1).tolist() == [2, 9]
    torch.testing.assert_close(together[0, :2], alone[0], rtol=1e-5, atol=1e-5)
    assert not together[0, 2:].any()


def test_a_batch_equals_singles(encoder):
    texts = ["one orb", "", "two blue rings roll left", "three small stars"]
    tokens, mask = encoder.encode_text(texts)
    for text, row, real in zip(texts, tokens, mask, strict=True):
        single, _ = encoder.encode_text([text])
        torch.testing.assert_close(row[real], single[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "?!", "The"])
def test_an_empty_prompt_is_one_learned_token(encoder, text):
    tokens, mask = encoder.encode_text([text])
    assert mask.tolist() == [[True]]
    other, _ = encoder.encode_text(["ball"])
    assert not torch.allclose(tokens, other, atol=1e-2)
    with torch.no_grad():
        encoder.empty.add_(torch.randn(encoder.config.width))
    assert not torch.allclose(tokens, encoder.encode_text([text])[0], atol=1e-2)


def test_a_prompt_over_the_budget_is_cut_with_a_warning(encoder, caplog):
    words = [f"word{i}" for i in range(100)]
    with caplog.at_level(logging.WARNING):
        tokens, mask = encoder.encode_text([" ".join(words)])
    assert "100" in caplog.text
    assert mask.shape == (1, encoder.config.max_tokens)
    kept, _ = encoder.encode_text([" ".join(words[: encoder.config.max_tokens])])
    assert torch.equal(tokens, kept)


def test_messages_are_read_as_one_text(encoder):
    parts = [[TextPart("a red ball"), TextPart("bounces")], [TextPart("")]]
    tokens, mask = encoder.encode(parts)
    expected, expected_mask = encoder.encode_text(["a red ball bounces", ""])
    assert torch.equal(tokens, expected)
    assert torch.equal(mask, expected_mask)
    assert not tokens.requires_grad


def test_no_prompt_at_all_is_refused(encoder):
    with pytest.raises(ValueError, match="at least one prompt"):
        encoder.encode_text([])


def test_a_misspelt_word_lands_near_the_word():
    network = PromptEncoder(presets.stage())
    prompts = network.tokenizer.batch([["turquoise"], ["turqoise"], ["swinging"]])
    table = torch.zeros(3, network.config.num_buckets)
    ends = [*prompts.starts.tolist()[1:], len(prompts.rows)]
    for row, (start, end) in enumerate(zip(prompts.starts.tolist(), ends, strict=True)):
        table[row].index_add_(0, prompts.rows[start:end], prompts.weights[start:end])
    table = table * (prompts.weights.min() <= table) * (table < 1)  # pieces only
    near, far = (table[0] > 0) & (table[1] > 0), (table[0] > 0) & (table[2] > 0)
    assert near.sum() >= 8
    assert far.sum() <= 1


def test_hashes_are_the_same_in_every_process():
    here = HashTokenizer(presets.stage()).rows("crimson")
    assert here[0][0] == 2_876  # pinned: other hashes would not fit the shipped weights
    assert sum(here[1]) == pytest.approx(2.0)


def test_gradients_reach_every_parameter(encoder):
    prompts = encoder.tokenizer(["a red ball", ""])
    (encoder(prompts) * torch.randn(encoder.config.width)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 50}, "multiple of 2 num_heads"),
        ({"depth": 0}, "at least 1"),
        ({"min_piece": 6}, "min_piece"),
    ],
)
def test_impossible_sizes_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        PromptEncoderConfig(**change)


@pytest.mark.weights
def test_the_shipped_encoder_knows_synonyms_and_what_belongs_to_what():
    path = Path(openreels.__file__).parent / "weights" / "files" / "text_encoder.safetensors"
    encoder = load_network(path, kind=PromptEncoder)
    assert encoder.config == presets.stage_media()
    near_misses = [
        "a blue ball bounces",
        "a pink ball bounces",
        "a red cube bounces",
        "a red ring bounces",
        "a red ball rolls",
        "a red ball jumps",
        "a red ball spins",
    ]
    texts = ["the crimson sphere hops", "a red ball bounces", *near_misses]
    tokens, mask = encoder.encode_text(texts)
    pooled = torch.nn.functional.normalize(tokens.sum(1) / mask.sum(1, keepdim=True), dim=-1)
    likeness = pooled[1:] @ pooled[0]
    assert likeness[0] > 0.9
    assert likeness[1:].max() < 0.85
    first = "a red ball bounces and a blue cube spins"
    second = "a blue ball bounces and a red cube spins"
    tokens, _ = encoder.encode_text([first, second])
    apart = torch.cosine_similarity(tokens[0], tokens[1], dim=-1)
    assert apart[1:3].max() < 0.97  # the same words, "ball bounces", read differently
