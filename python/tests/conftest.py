"""A real server for the tests: the program at EMBER_BIN serves a small synthetic hospital."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Iterator

import httpx
import pytest

from ember import Ember, EmberError


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server over 400 synthetic patients."""
    program = os.environ.get("EMBER_BIN") or shutil.which("ember")
    if not program:
        pytest.skip("no program: set EMBER_BIN")
    folder: Path = tmp_path_factory.mktemp("hospital")
    run = lambda *args: subprocess.run([program, "--quiet", *args], cwd=folder, check=True, capture_output=True)  # noqa: E731
    run("synth", "--patients", "400", "--profile", "lean", "--seed", "4", "hospital")
    run("load", "hospital")
    port = _free_port()
    process = subprocess.Popen([program, "--quiet", "serve", "--addr", f"127.0.0.1:{port}"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with Ember(url) as e:
                    e.wait()
                break
            except (EmberError, httpx.TransportError):  # not up yet
                if process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture()
def client(server: str) -> Iterator[Ember]:
    with Ember(server) as e:
        yield e
