"""Why a process gives a claimed task back without an answer."""

from enum import StrEnum


class Returned(StrEnum):
    """What the queue counts, so that a task that ends its processes comes to an end itself, however it does that."""

    UNBEGUN = "unbegun"
    """Nothing was begun: nothing is counted."""
    DRAINED = "drained"
    """Its process was told to stop while it ran, most likely from outside: counted by itself, and generously."""
    BROKEN = "broken"
    """Its process was broken from within: counted as a lease that expired."""


DRAIN_CAP = 10
"""Drains in which a task may be given back before it is FAILED. More than a deployment does to a task that takes its time, and few
enough for one that has its process stopped in a way that looks like a deployment."""
