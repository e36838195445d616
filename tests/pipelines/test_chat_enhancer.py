"""Against a real server on the loopback interface."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from openreels.core.protocols import Enhancer
from openreels.pipelines.chat_enhancer import KEY_VARIABLE, MAX_ANSWER_BYTES, ChatEnhancer
from openreels.pipelines.rewriting import INSTRUCTION


def completion(text, **more):
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}} | more]})


@contextmanager
def serving(answer):
    """An endpoint that answers with what ``answer`` writes; yields its address and its requests."""
    seen, stopped = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, dict(self.headers), json.loads(body)))
            answer(self, stopped)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", seen
        finally:
            stopped.set()
            server.shutdown()
            thread.join()


def saying(body, status=200, **headers):
    def answer(handler, stopped):
        data = body.encode() if isinstance(body, str) else body
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


@pytest.fixture(autouse=True)
def _no_proxy_and_no_key(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def test_the_answer_becomes_the_prompt(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, " secret\n")
    with serving(saying(completion("A red ball bounces. <sfx>a thud</sfx>"))) as (url, seen):
        enhancer = ChatEnhancer(base_url=url, model="small")
        assert isinstance(enhancer, Enhancer)
        enhanced = enhancer.enhance("a ball")
    assert enhanced.prompt == "A red ball bounces. <sfx>a thud</sfx>"
    assert enhanced.notes == ()
    ((path, headers, body),) = seen
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body["model"] == "small"
    assert body["temperature"] == 0
    assert body["messages"] == [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": "a ball"},
    ]


def test_without_a_key_none_is_sent_and_another_task_can_be_set():
    with serving(saying(completion("a cube"))) as (url, seen):
        ChatEnhancer(base_url=f"{url}/", model="m", instruction="Say cube.").enhance("a ball")
    assert "Authorization" not in seen[0][1]
    assert seen[0][0] == "/v1/chat/completions"
    assert seen[0][2]["messages"][0]["content"] == "Say cube."


FAILURES = {
    "server error": (saying("no", status=500), "answered with status 500"),
    "no key": (saying("{}", status=401), "answered with status 401"),
    "elsewhere": (saying("", status=302, Location="http://127.0.0.1:9/"), "answered with status 3"),
    "elsewhere, the same way": (saying("", status=307, Location="/v2"), "answered with status 307"),
    "no JSON": (saying("<html>"), "did not answer as a chat endpoint does"),
    "no text": (saying(b"\xff\xfe\xfa"), "did not answer as a chat endpoint does"),
    "other JSON": (saying('{"choices": []}'), "did not answer as a chat endpoint does"),
    "null": (saying(completion(None)), "did not answer as a chat endpoint does"),
    "deep": (saying("[" * 200_000), "did not answer as a chat endpoint does"),
    "endless": (saying("x" * (MAX_ANSWER_BYTES + 1)), "did not answer as a chat endpoint does"),
    "cut": (saying(completion("a red", finish_reason="length")), "the rewritten one is empty"),
    "empty": (saying(completion("")), "the rewritten one is empty"),
    "broken rule": (saying(completion("<sfx>a")), "the rewritten one breaks a rule"),
    "other handle": (saying(completion("@ann")), "names @ann, not those of the prompt"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_leaves_the_prompt_with_a_note(monkeypatch, name):
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    answer, note = FAILURES[name]
    with serving(answer) as (url, seen):
        enhanced = ChatEnhancer(base_url=url, model="m", timeout_s=20).enhance("a ball")
    assert len(seen) == 1
    assert enhanced.prompt == "a ball"
    assert note in enhanced.notes[0]
    assert "secret" not in enhanced.notes[0]
    assert "\n" not in enhanced.notes[0]


def silent(handler, stopped):
    stopped.wait(10)


def dripping(handler, stopped):
    handler.send_response(200)
    handler.end_headers()
    while not stopped.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def hanging_up(handler, stopped):
    handler.connection.close()


def breaking_off(handler, stopped):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (silent, "did not answer in 0.3 s"),
        (dripping, "did not answer in 0.3 s"),
        (hanging_up, "the prompt was not enhanced: 127.0.0.1:"),
        (breaking_off, "the prompt was not enhanced: 127.0.0.1:"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_slow_or_broken_answer_is_not_waited_for(answer, note, capfd):
    with serving(answer) as (url, _):
        enhanced = ChatEnhancer(base_url=url, model="m", timeout_s=0.3).enhance("a ball")
    assert enhanced.prompt == "a ball"
    assert note in enhanced.notes[0]


def test_nobody_there():
    with serving(saying("")) as (url, _):
        pass
    enhanced = ChatEnhancer(base_url=url, model="m", timeout_s=5).enhance("a ball")
    assert enhanced.prompt == "a ball"
    assert "cannot be reached" in enhanced.notes[0]


def test_a_key_that_cannot_be_sent_is_not_told(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "sec\nret")
    with serving(saying(completion("a cube"))) as (url, seen):
        enhanced = ChatEnhancer(base_url=url, model="m").enhance("a ball")
    assert not seen
    assert enhanced.prompt == "a ball"
    assert "ret" not in enhanced.notes[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"base_url": "file:///etc/passwd"}, "begins with http:// or https://"),
        ({"base_url": "localhost:11434/v1"}, "begins with http:// or https://"),
        ({"base_url": "http:///v1"}, "begins with http:// or https://"),
        ({"base_url": "http://me:secret@host/v1"}, "holds no password"),
        ({"base_url": "http://host/v1?key=secret"}, "holds no password, query or fragment"),
        ({"model": " "}, "needs the name of a model"),
        ({"timeout_s": 0}, "timeout_s must be positive, got 0"),
        ({"timeout_s": float("nan")}, "timeout_s must be positive, got nan"),
    ],
)
def test_a_wrong_address_is_refused(fields, message):
    with pytest.raises(ValueError, match=message) as error:
        ChatEnhancer(**({"base_url": "http://host/v1", "model": "m"} | fields))
    if fields.get("base_url", "").count("secret"):
        assert "secret" not in str(error.value)
