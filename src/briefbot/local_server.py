"""A GGUF model behind llama.cpp's OpenAI-compatible server, in a child process on loopback that ends with its parent.

Run as a program, this file is that child: it prints the address it listens on, and ends when its standard input does.
"""

from __future__ import annotations

import os
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

from briefbot.child import ChildProcess
from briefbot.errors import ConfigurationError, ModelError

CONTEXT_TOKENS = 4096
"""Tokens of a prompt and its answer together."""

START_SECONDS = 120.0
"""Longest a model may take to load."""

KEY_VARIABLE = "BRIEFBOT_LOCAL_SERVER_KEY"
"""Hands the child the key it asks for, which no other process on the machine is told."""


class LocalServer:
    """A running server of one model; `url` and `key` are for its client. Close it, or it ends with this process."""

    def __init__(self, model: Path, threads: int = 0) -> None:
        """Start the server and wait until it listens.

        Raises `ConfigurationError` where the extra is not installed, `ModelError` where the model cannot be loaded.
        """
        if find_spec("xllamacpp") is None:
            raise ConfigurationError(
                "BRIEFBOT_LLM_GGUF: expected the package xllamacpp; got none; install it with `pip install 'briefbot[local]'`"
            )
        self.key = secrets.token_urlsafe(24)
        self._child = ChildProcess(
            "briefbot.local_server",
            str(model),
            str(threads or os.cpu_count() or 1),
            environment={KEY_VARIABLE: self.key},
        )
        self.url = self._read_address(model)

    def _read_address(self, model: Path) -> str:
        """Where the child listens, which it says after whatever else it prints."""
        try:
            while (line := self._child.receive(START_SECONDS)) is not None:
                if line.startswith("http://"):
                    return f"{line}/v1"
        except TimeoutError:
            pass
        self.close()
        raise ModelError(
            f"expected a GGUF model that llama.cpp can load; got {model.name}, which it cannot (exit {self._child.returncode}); "
            "check that the file is whole and there is memory for it"
        )

    @property
    def is_running(self) -> bool:
        """Whether the child lives."""
        return self._child.returncode is None

    def close(self) -> None:
        """End the child."""
        self._child.close()


def main() -> None:
    """Serve the model named by the first argument with as many threads as the second says, until standard input ends."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.cpuparams.n_threads = int(sys.argv[2])
    params.api_keys = [os.environ[KEY_VARIABLE]]
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the server has no way to be stopped


if __name__ == "__main__":
    main()
