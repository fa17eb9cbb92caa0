"""A bound on work that is the same on every machine: steps counted instead of seconds."""


class OverBudget(Exception):
    """More steps were needed than were granted. It never leaves the services: the gate makes a finding of it."""


class Budget:
    """So many steps, spent as work is done."""

    def __init__(self, steps: int) -> None:
        self.granted = steps
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            OverBudget: There were not so many left.
        """
        self.spent += steps
        if self.spent > self.granted:
            raise OverBudget(f"more than {self.granted} steps")
