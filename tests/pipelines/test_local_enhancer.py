import importlib.util

import pytest
import torch

from openreels.core.errors import CheckpointError, MissingExtraError
from openreels.core.protocols import Enhanced, Enhancer
from openreels.pipelines.local_enhancer import LocalEnhancer

HAVE_TRANSFORMERS = importlib.util.find_spec("transformers") is not None


@pytest.mark.skipif(HAVE_TRANSFORMERS, reason="transformers is installed")
def test_without_the_extra_one_sentence_names_it(tmp_path):
    with pytest.raises(MissingExtraError, match=r"openreels\[full\]") as error:
        LocalEnhancer(tmp_path)
    assert isinstance(error.value, ImportError)
    assert "\n" not in str(error.value)


def test_a_folder_is_needed(tmp_path):
    with pytest.raises(CheckpointError, match="a language model is a folder"):
        LocalEnhancer(tmp_path / "none")


@pytest.fixture
def folder(tmp_path):
    """A real language model of the smallest size, whose weights say ``a ball`` after any word."""
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<unk>", "<end>", "ball", "a"]
    vocabulary = {word: index for index, word in enumerate(words)}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", eos_token="<end>"
    )
    config = transformers.LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=1,
    )
    model = transformers.LlamaForCausalLM(config)
    follows = {"<unk>": "a", "a": "ball", "ball": "<end>", "<end>": "<end>"}
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if "norm" in name else 0.0)  # attention and MLP add nothing
        for word, following in follows.items():
            model.get_input_embeddings().weight[vocabulary[word], vocabulary[word]] = 1.0
            model.lm_head.weight[vocabulary[following], vocabulary[word]] = 1.0
    tokenizer.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    return tmp_path


def test_the_answer_of_the_model_becomes_the_prompt(folder):
    enhancer = LocalEnhancer(folder, max_new_tokens=8)
    assert isinstance(enhancer, Enhancer)
    assert enhancer.enhance("something round") == Enhanced("a ball")


def test_an_answer_that_loses_a_handle_is_not_taken(folder):
    enhanced = LocalEnhancer(folder, max_new_tokens=8).enhance("something like @ann")
    assert enhanced.prompt == "something like @ann"
    assert "names no handle" in enhanced.notes[0]


def test_an_answer_without_an_end_is_not_taken(folder):
    enhanced = LocalEnhancer(folder, max_new_tokens=2).enhance("a cube")
    assert enhanced.prompt == "a cube"
    assert "not at its end after 2 tokens" in enhanced.notes[0]


def test_a_model_that_knows_chats_is_asked_in_its_form(folder):
    enhancer = LocalEnhancer(folder, max_new_tokens=4)
    enhancer.tokenizer.chat_template = "{% for m in messages %}ball {{ m.content }}{% endfor %}"
    plain = LocalEnhancer(folder, max_new_tokens=4)._tokens("a")["input_ids"]
    asked = enhancer._tokens("a")["input_ids"]
    assert asked.tolist() == [[2, 3]]
    assert plain.shape != asked.shape


def test_a_folder_of_something_else_is_refused(tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="must hold a causal language model"):
        LocalEnhancer(tmp_path)
