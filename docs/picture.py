"""Makes `board.svg`, the live board of a real run: a private stack, real processes, one snapshot through the program's own view.

`make picture` runs it; it takes about half a minute. The stand-in model is slowed down, so that there is something to see.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from chimera_cli.adapters.schema import upgrade
from chimera_cli.bootstrap import connect
from chimera_cli.config import load_settings
from chimera_cli.local.stack import LocalStack
from chimera_cli.models.agent import AgentStatus
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.views.swarm import board

PICTURE = Path(__file__).parent / "board.svg"
WIDTH = 104
AGENTS = 9
GOALS = ("Grow on Twitter", "Win readers for the newsletter", "Explain the new release", "Thank the first customers")
SLOW = ("--latency-ms", "1500-4000")
LOOKS, PERIOD_S = 100, 0.25
# Beats are shortened from 5 s, so that the board shows what agents do now.
EXTRA = {"CHIMERA_BEAT_S": "0.5", "CHIMERA_LEASE_S": "15"}


def main() -> None:
    """Run a swarm, and draw the moment at which most agents were busy and a card waited."""
    with (
        TemporaryDirectory(prefix="chimera-picture-") as name,
        LocalStack(Path(name) / "stack", model_options=SLOW) as stack,
    ):
        variables = {**stack.environment(), **EXTRA}
        env_file = Path(name) / "env"
        env_file.touch(mode=0o600)
        env_file.write_text("".join(f"{key}={value}\n" for key, value in variables.items()))
        upgrade(variables["DATABASE_URL"])
        for goal in GOALS:
            subprocess.run(command(env_file, "plan", goal), check=True, capture_output=True)
        roles = [start(env_file, "worker", "--count", "6"), start(env_file, "judge", "--count", "3")]
        try:
            snapshot = asyncio.run(liveliest(env_file))
        finally:
            for role in roles:
                role.send_signal(signal.SIGINT)
            for role in roles:
                role.wait(timeout=60)
    PICTURE.write_text(drawn(snapshot), encoding="utf-8")


def command(env_file: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "chimera_cli", *words, "--env-file", str(env_file)]


def start(env_file: Path, *words: str) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C here must not force what we are about to end in order.
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command(env_file, *words), env=dict(os.environ), start_new_session=True, **quiet)


async def liveliest(env_file: Path) -> Snapshot:
    """Look at the swarm for a while and return the snapshot with most to see."""
    best: Snapshot | None = None
    async with connect(load_settings(env_file)) as swarm:
        for _ in range(LOOKS):
            seen = await swarm.snapshot()
            if best is None or interest(seen) > interest(best):
                best = seen
            await asyncio.sleep(PERIOD_S)
    assert best is not None
    return best


def interest(snapshot: Snapshot) -> tuple[bool, int, int]:
    roles = {member.role for member in snapshot.fleet if member.state is AgentStatus.BUSY}
    busy = sum(member.state is AgentStatus.BUSY for member in snapshot.fleet)
    return (snapshot.to_review > 0 and snapshot.ledger.finished > 0, len(roles), busy)


def drawn(snapshot: Snapshot) -> str:
    """Draw a snapshot as SVG, without the fonts that Rich would fetch from somewhere."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(board(snapshot, limit=AGENTS).drawn())
    frame = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S)
    return console.export_svg(title="chimera status --watch", code_format=frame, unique_id="board")


if __name__ == "__main__":
    main()
