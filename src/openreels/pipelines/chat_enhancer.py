"""A prompt enhancer behind any chat endpoint of the usual form (``/chat/completions``)."""

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit

from openreels.core.protocols import Enhanced
from openreels.pipelines.rewriting import INSTRUCTION, accept, unchanged

KEY_VARIABLE = "OPENREELS_ENHANCER_KEY"
"""Environment variable of the key; without it no key is sent."""
MAX_ANSWER_BYTES = 1_000_000
"""Longest body of an answer; reasoning models send their thoughts along."""
MAX_ANSWER_TOKENS = 2048
"""Tokens that the endpoint may write."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a key must not travel to another host."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]
        del args, kwargs


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatEnhancer:
    """Asks a chat endpoint to rewrite prompts; implements ``core.protocols.Enhancer``.

    Whatever goes wrong, the prompt stays as it is and a note says why: a clip is made either way.

    Raises:
        ValueError: If the address is not plain http or https, no model is named, or the time is
            not positive.
    """

    base_url: str
    """Address up to the version, e.g. ``http://localhost:11434/v1``."""
    model: str
    """Name of the model at the endpoint."""
    instruction: str = INSTRUCTION
    """What the model is told to do."""
    key_variable: str = KEY_VARIABLE
    """Environment variable with the key; it is read at every call and never stored."""
    timeout_s: float = 30.0
    """Seconds to wait for the answer, > 0."""

    def __post_init__(self) -> None:
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(
                f"the address of a chat endpoint begins with http:// or https://, got "
                f"{self.base_url!r}; write e.g. http://localhost:11434/v1"
            )
        if address.username or address.query or address.fragment:
            raise ValueError(
                "the address of a chat endpoint holds no password, query or fragment; put the key "
                f"into {self.key_variable}"
            )
        if not self.model.strip():
            raise ValueError("a chat endpoint needs the name of a model, got none; name one")
        if not self.timeout_s > 0:
            raise ValueError(f"timeout_s must be positive, got {self.timeout_s}; 30 is usual")

    def enhance(self, prompt: str) -> Enhanced:
        """Ask for a rewritten prompt.

        Args:
            prompt: A valid prompt.

        Returns:
            The answer if it can be used, else the prompt with a note.
        """
        host = urlsplit(self.base_url).netloc
        try:
            answer = self._ask(prompt)
        except urllib.error.HTTPError as error:
            error.close()
            return unchanged(prompt, f"{host} answered with status {error.code}")
        except TimeoutError:
            return unchanged(prompt, f"{host} did not answer in {self.timeout_s:g} s")
        except urllib.error.URLError as error:
            late = isinstance(error.reason, TimeoutError)
            told = f"did not answer in {self.timeout_s:g} s" if late else "cannot be reached"
            return unchanged(prompt, f"{host} {told}")
        except (OSError, HTTPException):
            return unchanged(prompt, f"{host} broke the connection")
        except (ValueError, RecursionError):
            return unchanged(prompt, f"{host} did not answer as a chat endpoint does")
        return accept(prompt, answer)

    def _ask(self, prompt: str) -> str:
        request = urllib.request.Request(
            self.base_url.rstrip("/") + "/chat/completions",
            data=json.dumps({
                "model": self.model,
                "messages": [
                    {"role": "system", "content": self.instruction},
                    {"role": "user", "content": prompt},
                ],
                "temperature": 0,
                "max_tokens": MAX_ANSWER_TOKENS,
            }).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        key = os.environ.get(self.key_variable, "").strip()
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        deadline = time.monotonic() + self.timeout_s
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(request, timeout=self.timeout_s) as response:
            body = _read(response, deadline)
        return _content(json.loads(body))


def _read(response: HTTPResponse, deadline: float) -> bytes:
    """Read a body of bounded length until a deadline, however slowly it comes."""
    body = bytearray()
    while True:
        if time.monotonic() > deadline:
            raise TimeoutError("the answer came too slowly")
        part = response.read1(65_536)
        if not part:
            return bytes(body)
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError(f"an answer may have {MAX_ANSWER_BYTES} bytes, got more")


def _content(answer: object) -> str:
    """The text of a chat completion that came to its end."""
    match answer:
        case {"choices": [{"finish_reason": "length"}, *_]}:
            return ""
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            return text
    raise ValueError("a chat completion has choices with a message, got none")
