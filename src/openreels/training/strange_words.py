"""Words that no lesson has, in the place of words that say nothing of the result. Ours.

Instructions of the Stage world have some hundred sentences, and a network that has read only those
takes a verb that it does not know for the nearest that it does: it removes where it should repaint.
With strange words among its lessons it learns to read what the others say.
"""

import re
from random import Random

from openreels.conditioning.references import SOURCE
from openreels.core.protocols import Message, TextPart

SAYS_NOTHING = frozenset(
    """
    again all and apply based be but change clip copy cut edit everything film for from give go
    guide happen here i is it keep let make move new now on only paint please present put redraw
    remake repaint replace scale scene set shall shift shoot should show so starting the then
    thing this through to turn use want whole with work
    """.split()  # noqa: SIM905 - a list of words is read more easily than a list of quotes
)
"""What may be replaced in an instruction whose other words still say what becomes of what."""
DECIDED_BY_VERBS = frozenset({"edit remove", "edit overlay", "edit add", "add by reference"})
"""Rows where only the words up to the name of the source may be: a verb is all that tells taking
away from putting in."""
COMMON_WORDS = tuple(
    """
    apply bake bend bless bring call carry cast catch check choose clean climb cook count craft
    cross deal dig dress drive drop enjoy explain fetch find fix fold follow gather grab grant
    greet grow guess hang help hope hunt imagine invent join judge kick knit know lead learn
    lend lift list load maybe measure mend mix modify need note offer pack pass pick pour press
    prove pull push quick quote raise reach read really recall record report rest review rewrite
    rub sail save seek sell send serve sew share sign simply slice sort speak spell start stir
    study suppose teach tell think throw tie trade train treat trust try update vary version
    visit wait walk wash watch wear whatever wish wonder
    """.split()  # noqa: SIM905
)
"""Half of the strange words; the others are letters in random order."""
_WORD = re.compile(r"[A-Za-z]+")
_LETTERS = "aaabcddeeeefghiiijklmnnooprrsstttuvwxyz"


def strange_word(rng: Random) -> str:
    """Draw a word that says nothing of a scene.

    Args:
        rng: Source of the draws.

    Returns:
        A common word, or 3 to 8 letters.
    """
    if rng.random() < 0.5:
        return rng.choice(COMMON_WORDS)
    return "".join(rng.choice(_LETTERS) for _ in range(rng.randint(3, 8)))


def with_strange_words(message: Message, name: str, rng: Random) -> Message:
    """Replace words of an instruction by strange ones.

    Args:
        message: The instruction as the prompt encoder gets it.
        name: Row of the table of the Stage world that it is of.
        rng: Source of the draws.

    Returns:
        A message with one to four words replaced, fewer where it has fewer that may be; pictures
        and names of references stay as they are.
    """
    places = list[tuple[int, int, int]]()
    texts: dict[int, str] = {}
    for number, part in enumerate(message):
        if not isinstance(part, TextPart):
            continue
        if part.tag == SOURCE and name in DECIDED_BY_VERBS:
            break
        if part.tag:
            continue
        for mark in _WORD.finditer(part.text):
            if mark[0].lower() in SAYS_NOTHING:
                places.append((number, mark.start(), mark.end()))
                texts[number] = part.text
    chosen = rng.sample(places, min(rng.randint(1, 4), len(places)))
    for number, first, last in sorted(chosen, reverse=True):
        texts[number] = f"{texts[number][:first]}{strange_word(rng)}{texts[number][last:]}"
    return tuple(
        TextPart(texts[number]) if number in texts else part for number, part in enumerate(message)
    )
