"""The connection: one HTTP client, and errors that say where."""

from __future__ import annotations

import os
from typing import Any, Iterator

import httpx


class EmberError(Exception):
    """What the server refuses, with the place in what was sent and a hint.

    ``status`` is that of HTTP, ``place`` as in "text:10" or "definition.all[1]", "" where
    there is none.
    """

    def __init__(self, status: int, detail: str, hint: str = "", place: str = "") -> None:
        self.status, self.detail, self.hint, self.place = status, detail, hint, place
        where = f"{place}: " if place else ""
        super().__init__(f"{where}{detail}" + (f" ({hint})" if hint else ""))


def _error(response: httpx.Response) -> EmberError:
    """The error of an OperationOutcome, or of a body that is none."""
    try:
        issue = response.json()["issue"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return EmberError(response.status_code, f"HTTP {response.status_code}")
    places = issue.get("expression") or issue.get("location") or [""]
    return EmberError(response.status_code, issue.get("details", {}).get("text", ""), issue.get("diagnostics", ""), places[0])


class Ember:
    """A server. It is safe to use from several threads; close it, or use it in ``with``."""

    def __init__(self, url: str | None = None, token: str | None = None, *, timeout: float = 60.0, transport: httpx.BaseTransport | None = None) -> None:
        url = url or os.environ.get("EMBER_URL", "http://127.0.0.1:8080")
        token = token or os.environ.get("EMBER_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout, transport=transport)

    def __enter__(self) -> "Ember":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request; what is refused raises :class:`EmberError`."""
        response = self._http.request(method, path, **how)
        if response.status_code >= 400:
            raise _error(response)
        return response

    def json(self, method: str, path: str, **how: Any) -> Any:
        """The JSON of an answer; None where there is none."""
        response = self.request(method, path, **how)
        return response.json() if response.content else None

    def stream(self, method: str, path: str, **how: Any) -> Iterator[bytes]:
        """The bytes of an answer as they come."""
        with self._http.stream(method, path, **how) as response:
            if response.status_code >= 400:
                response.read()
                raise _error(response)
            yield from response.iter_bytes()

    def load(self, lines: str | bytes) -> dict[str, Any]:
        """Store resources, as NDJSON; gives the OperationOutcome."""
        content = lines.encode() if isinstance(lines, str) else lines
        outcome: dict[str, Any] = self.json("POST", "/fhir", content=content, headers={"Content-Type": "application/fhir+ndjson"})
        return outcome

    def wait(self) -> None:
        """Return when everything that was stored is indexed."""
        self.json("GET", "/readyz", params={"wait": "index"})


_default: Ember | None = None


def default() -> Ember:
    """The server of the environment, made once."""
    global _default
    if _default is None:
        _default = Ember()
    return _default
