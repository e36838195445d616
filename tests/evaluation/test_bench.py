from openreels.evaluation.bench import describe, table
from openreels.evaluation.onsets import Onset
from openreels.evaluation.score import Reading
from openreels.evaluation.tracks import DetectedObject


def test_a_table_has_a_line_for_every_row():
    text = table([{"task": "text", "figure": "colour", "ours": 0.5, "ceiling": 1.0}])
    lines = text.splitlines()
    assert len(lines) == 3
    assert lines[2] == "| text | colour | 0.500 | 1.000 |  |  |"


def test_a_reading_in_words():
    seen = DetectedObject(
        colour="red",
        shape="ball",
        size="small",
        action="bounce",
        presence=1.0,
        contacts_s=(0.5,),
        contact_x=(0.0,),
    )
    reading = Reading(
        objects=(seen,),
        onsets=(Onset(time_s=0.52, strength_db=9.0, pan=0.0),),
        sounds=(("wood", "small"),),
        flicker=1.0,
    )
    assert describe(reading) == (
        "Seen: small red ball (bounce, contacts at 0.50 s). Heard: 0.52 s wood."
    )
    empty = Reading(objects=(), onsets=(), sounds=(), flicker=0.0)
    assert describe(empty) == "Seen: nothing. Heard: nothing."
