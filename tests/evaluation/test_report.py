import math
from html.parser import HTMLParser

import pytest

from openreels.evaluation.clips import PlayedClip
from openreels.evaluation.report import write_report


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.sources: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_shows_every_row_and_clip_without_a_network(tmp_path):
    rows = [
        {"task": "text", "figure": "colour", "ours": 0.9, "ceiling": 1.0, "floor": 0.1},
        {"task": "text", "figure": "pan", "ours": math.nan, "ceiling": None, "floor": 0.0},
    ]
    clips = [PlayedClip(title="a <b> & c", file="clips/text-000.mp4", note="Seen: nothing.")]
    write_report(tmp_path / "index.html", {"suite": "stage", "rows": rows}, clips)
    page = Page()
    page.feed((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert page.sources == ["clips/text-000.mp4"]
    assert "a <b> & c" in page.text
    assert "0.900" in page.text
    assert "nan" not in "".join(page.text)
    assert page.tags.count("tr") == 3


def test_a_result_without_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="rows"):
        write_report(tmp_path / "index.html", {"suite": "stage"} | {"rows": 3}, [])
