"""chimera: a terminal toolkit that runs a swarm of LLM agents and lets nothing take effect that was not approved.

What a program may use stands in `__all__`. Names are loaded when they are first used, so that `chimera --help` stays fast.
"""

# Not from typing, which takes longer to load than Python itself: until the program's first line Ctrl-C would show a traceback.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from chimera_cli.bootstrap import Swarm, connect
    from chimera_cli.exceptions import OCCConflict, SwarmError
    from chimera_cli.handlers.context import TaskContext
    from chimera_cli.handlers.registry import Handler, handler
    from chimera_cli.models.result import TaskOutcome
    from chimera_cli.models.task import TaskSpec

__version__ = "0.1.0"

_HOMES = {
    "Handler": "chimera_cli.handlers.registry",
    "OCCConflict": "chimera_cli.exceptions",
    "Swarm": "chimera_cli.bootstrap",
    "SwarmError": "chimera_cli.exceptions",
    "TaskContext": "chimera_cli.handlers.context",
    "TaskOutcome": "chimera_cli.models.result",
    "TaskSpec": "chimera_cli.models.task",
    "connect": "chimera_cli.bootstrap",
    "handler": "chimera_cli.handlers.registry",
}

__all__ = [
    "Handler",
    "OCCConflict",
    "Swarm",
    "SwarmError",
    "TaskContext",
    "TaskOutcome",
    "TaskSpec",
    "connect",
    "handler",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
