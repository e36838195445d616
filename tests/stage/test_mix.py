import pytest
import torch
from pydantic import TypeAdapter
from test_ambience import ambience
from test_instruments import strike
from test_music import music
from test_sound import contact
from test_speech import say
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.mix import Soundtrack, duck, render_soundtracks
from openreels.stage.sound import render_audio

LENGTH = 2 * SAMPLE_RATE_HZ
SPEECH = say("ba", "mo", "li", "ta", start_s=0.6)


def render(seed=0, **tracks) -> Tensor:
    return render_soundtracks([Soundtrack(**tracks)], LENGTH, [seed])[0]


def everything() -> Soundtrack:
    return Soundtrack(
        contacts=(contact(0.2, speed=1.0), contact(0.7, material="rubber", x=0.5)),
        strikes=(strike(0.7, instrument="drum", speed=1.0), strike(0.9, speed=1.0)),
        utterances=(SPEECH, say("la", "mo", voice="high", start_s=0.6, length=0.4, notes=[64, 67])),
        music=(music(),),
        ambience=(ambience("rain"), ambience("wind"), ambience("night")),
    )


def test_contacts_alone_sound_as_before_and_nothing_is_silence():
    items = (contact(0.1, speed=1.0), contact(0.3, material="glass", x=-0.5))
    want = render_audio([items], LENGTH, [3])[0]
    assert torch.equal(render(seed=3, contacts=items), want)
    assert not render().any()


def test_music_steps_back_behind_speech():
    voice = render(utterances=(SPEECH,))
    both = render(utterances=(SPEECH,), music=(music(),), ambience=(ambience(loudness=0.5),))
    behind = both - voice
    alone = render(music=(music(),), ambience=(ambience(loudness=0.5),))
    inside = slice(round(0.6 * SAMPLE_RATE_HZ), round(1.6 * SAMPLE_RATE_HZ))

    def level(wave):
        return float(wave[:, inside].square().mean().sqrt())

    assert level(behind) == pytest.approx(0.34 * level(alone), rel=0.01)
    assert level(voice) > 3 * level(behind)
    early = slice(0, round(0.45 * SAMPLE_RATE_HZ))
    assert torch.allclose(behind[:, early], alone[:, early], atol=1e-6)


def test_the_gain_is_smooth_and_deeper_behind_speech_than_behind_song():
    gain = duck([SPEECH], LENGTH)
    assert gain.diff().abs().max() < 0.001
    assert gain[round(0.6 * SAMPLE_RATE_HZ) + 1].item() == pytest.approx(0.34, abs=1e-4)
    assert gain[0] == 1
    assert gain[-1].item() == pytest.approx(1, abs=0.01)
    song = duck([say("la", start_s=0.6, notes=[60])], LENGTH)
    assert song.min().item() == pytest.approx(0.6)
    assert torch.equal(duck([], LENGTH), torch.ones(LENGTH))


def test_everything_at_once_does_not_clip():
    wave = render_soundtracks([everything()] * 2, LENGTH, [1, 2])
    assert 0.3 < wave.abs().max() <= 1
    assert (wave.abs() > 0.8).float().mean() < 0.01
    assert torch.equal(wave, render_soundtracks([everything()] * 2, LENGTH, [1, 2]))
    alone = render_soundtracks([everything()], LENGTH, [2])
    assert torch.allclose(wave[1:], alone, atol=1e-5)


def test_soundtracks_are_written_and_read():
    adapter = TypeAdapter(Soundtrack)
    assert adapter.validate_json(adapter.dump_json(everything())) == everything()
    with pytest.raises(ValueError, match="a seed a clip"):
        render_soundtracks([Soundtrack()], 10, [])
