"""`chimera up`: real servers from wheels, for this folder."""

from pathlib import Path
from typing import Annotated

import typer

from chimera_cli.cli.command import command, single
from chimera_cli.cli.interrupts import raise_interrupts
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import FOLDER

app = single()


@command(app, example="chimera up")
def up(
    terminal: Terminal,
    folder: Annotated[Path, typer.Option("--folder", help="Where the data lies.")] = FOLDER,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of the stand-in model, on the first start.")
    ] = None,
) -> None:
    """Start the local Redis, PostgreSQL and stand-in model.

    Writes a .env if there is none, and creates or upgrades the schema. May be repeated.
    """
    from chimera_cli.adapters.schema import upgrade
    from chimera_cli.config import load_settings
    from chimera_cli.local.stack import DEFAULT_SEED, LocalStack
    from chimera_cli.views.stack import stack_document, stack_grid

    raise_interrupts()
    stack = LocalStack(folder, seed=DEFAULT_SEED if seed is None else seed)
    started = stack.start()
    env = terminal.options.env_file or Path(".env")
    written = stack.write_env(env)
    completed = not written and stack.complete_env(env)
    # A .env that was there may name a namespace; where its servers are does not matter here.
    variables = stack.environment()
    ours = {name: variables[name] for name in ("DATABASE_URL", "REDIS_URL")}
    upgrade(variables["DATABASE_URL"], load_settings(env, **ours).namespace)
    servers = stack.status()
    left = "has got the CHIMERA_APPROVAL_KEY that it lacked" if completed else "was there and is left as it is"
    terminal.note(f"{env} written" if written else f"{env} {left}")
    terminal.note("the model is a stand-in: canned answers, no intelligence")
    terminal.show({**stack_document(servers, started), "env_written": written}, stack_grid(servers))
