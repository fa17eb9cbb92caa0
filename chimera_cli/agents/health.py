"""What a watchdog asks of a process from outside its event loop: has it its descriptors still, and does housekeeping go on?"""

from datetime import timedelta

from chimera_cli.agents.descriptors import CLOSED, Canary
from chimera_cli.agents.pulse import Housekeeper

LONGEST_ROUND = timedelta(minutes=15)
"""Time without the end of a round of housekeeping after which its process ends. The longest is the one that puts a million tasks
back into an empty Redis."""
LOOK = timedelta(seconds=1)
"""Time between two questions."""


class Diligence:
    """A housekeeper that counts its rounds."""

    def __init__(self, housekeeper: Housekeeper) -> None:
        self._housekeeper = housekeeper
        self.rounds = 0
        """How many came to an end, be it in an error."""

    async def tick(self, *, wait: bool = True) -> object:
        """Do one round."""
        try:
            return await self._housekeeper.tick(wait=wait)
        finally:
            self.rounds += 1


class Health:
    """The answers. Time is counted in questions: a process that was stopped as a whole, or whose machine slept, is well."""

    def __init__(self, canary: Canary, diligence: Diligence, *, look: timedelta = LOOK) -> None:
        """Args:
        canary: Dies when descriptors are closed.
        diligence: Who does the chores.
        look: Time between two questions.
        """
        self._canary, self._diligence, self._look = canary, diligence, look
        self._seen, self._looks = 0, 0

    def ill(self) -> str:
        """Tell what is wrong for good; '' for nothing."""
        if self._canary.dead:
            return CLOSED
        self._looks = self._looks + 1 if self._diligence.rounds == self._seen else 0
        self._seen = self._diligence.rounds
        since = self._looks * self._look
        return f"no round of housekeeping has ended for {since}" if since >= LONGEST_ROUND else ""
