"""Who takes part in a drill, by the names that faults use."""

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
