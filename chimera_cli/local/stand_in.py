"""The stand-in model as a process: canned answers over the same wire as a real provider, no intelligence."""

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from chimera_cli.local.server import LocalServer

# Started by name: this floor may not import the simulation above it.
MODULE = "chimera_cli.simulation.stand_in_model"
API_KEY = "stand-in-needs-no-key"
MODEL_NAME = "stand-in"
ANSWER_WITHIN_S = 2.0


class StandInServer(LocalServer):
    """The stand-in model on a loopback port."""

    name = "stand-in model"

    def __init__(self, folder: Path, port: int, *, seed: int, options: Sequence[str] = ()) -> None:
        super().__init__(folder, port)
        self._seed = seed
        self._options = tuple(options)

    @property
    def url(self) -> str:
        """Where an OpenAI client connects."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def pidfile(self) -> Path:
        """Written by us, the stand-in writes none."""
        return self.folder / "stand_in.pid"

    @property
    def marks(self) -> Sequence[str]:
        """The module and its port; no two processes can serve one port."""
        return (MODULE, f"--port {self.port}")

    def environment(self) -> Mapping[str, str]:
        """Hand on what Python needs to find the package, and nothing that is a key or an address of ours."""
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "TMPDIR")
        found = {k: v for k, v in os.environ.items() if k in kept or k.startswith(("PYTHON", "COVERAGE_"))}
        return {**found, **self.known_by()}

    def prepare(self) -> Sequence[str | Path]:
        """Return the command line."""
        fixed = (sys.executable, "-m", MODULE, "--port", str(self.port), "--seed", str(self._seed))
        return (*fixed, *self._options)

    def launched(self, pid: int) -> None:
        """Write the pid file."""
        self.pidfile.write_text(f"{pid}\n")

    def answers(self) -> bool:
        """Ask for its health; not through urllib, which would obey a proxy in the environment."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN_S)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
