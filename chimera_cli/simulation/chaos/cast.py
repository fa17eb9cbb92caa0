"""Who takes part in a drill, by the names that faults use."""

from collections.abc import Mapping

from chimera_cli.simulation.chaos.workload import MODULE

WORKERS = ("worker-1", "worker-2", "worker-3")
JUDGES = ("judge-1", "judge-2")
PLANNER = "planner"
ROLES = (*WORKERS, *JUDGES, PLANNER)
"""The processes of the swarm."""
SKEWED = WORKERS[-1]
"""The worker whose clock can be moved."""
COMMANDS = "commands"
"""Whose wires the commands of the round's operator use."""
EVERYBODY = "everybody"
"""All wires to a server at once."""
COUNTS = {"worker": "3", "judge": "3"}
"""How many agents a process has."""


def command_line(who: str, counts: Mapping[str, str] = COUNTS) -> tuple[str, ...]:
    """Return what is typed to start a role, such as `worker-1`."""
    role = who.partition("-")[0]
    if role == "worker":
        return ("worker", "--count", counts[role], "--handlers", MODULE)
    if role == "judge":
        return ("judge", "--count", counts[role])
    return ("plan", "--watch", "--handlers", MODULE)
