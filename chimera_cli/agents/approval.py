"""Whether what is about to be executed has an approval, signed with the key, of the kind that its task demands. ADR 0027."""

import time
from collections.abc import Callable

from chimera_cli.exceptions import HandlerError, SwarmError
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.identity import content_digest
from chimera_cli.models.release import NOT_VOUCHED, ReviewMode
from chimera_cli.services.vouching import NO_KEY, Voucher

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0


class Unreleased(SwarmError):
    """The approval has no signature, or not that of a person where one is demanded: it is judged again."""

    def __init__(self, reason: str, *, always: bool) -> None:
        super().__init__(f"not executed but judged again: {reason}")
        self.always = always


class NotVouched(SwarmError):
    """The seal was not made with this process's key: the release is forged, or another worker has the right key."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{NOT_VOUCHED}: {reason}")


class Approvals:
    """What a process demands before it executes."""

    def __init__(self, voucher: Voucher, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Args:
        voucher: Checks seals.
        monotonic: Tells what time has passed, in s.
        """
        self._voucher = voucher
        self._monotonic = monotonic
        self._doubts = 0
        self._closed_until = 0.0

    @property
    def open(self) -> bool:
        """Whether execute phases are claimed: never without a key, and after a doubt not for a while, which grows until the key
        has fitted once. A process with a wrong key so leaves them to those with the right one."""
        return self._voucher.able and self._monotonic() >= self._closed_until

    def check(self, delivery: Delivery, *, always: bool) -> None:
        """Let what was approved pass.

        Args:
            delivery: What is about to be executed.
            always: Whether its kind wants a person's decision, as this process's own handler says.

        Raises:
            HandlerError: The content is not what was approved.
            Unreleased: The approval has no signature, or not that of a person where one is demanded.
            NotVouched: The seal is of another key, or of something else.
        """
        check_content(delivery)
        if not self._voucher.able:
            raise NotVouched(NO_KEY)
        if delivery.seal is None:
            raise Unreleased("its approval is not signed", always=always)
        what = {"task_id": delivery.lease.task_id, "kind": delivery.kind, "digest": delivery.digest}
        if not self._voucher.vouches(delivery.seal, **what):
            self._doubt()
            raise NotVouched("its signature is not one by the CHIMERA_APPROVAL_KEY of this worker")
        self._doubts = 0
        if always and delivery.seal.mode is not ReviewMode.PERSON:
            raise Unreleased("its kind wants a person's decision, and the gate let it pass", always=always)

    def _doubt(self) -> None:
        pause = min(FIRST_PAUSE_S * 2**self._doubts, LONGEST_PAUSE_S)
        self._doubts = min(self._doubts + 1, 10)
        self._closed_until = self._monotonic() + pause


def check_content(delivery: Delivery) -> None:
    """Make sure that what is about to be executed is what was approved.

    Raises:
        HandlerError: It is not.
    """
    versions = delivery.policy_version, delivery.rubric_version
    made = content_digest(
        delivery.lease.task_id, delivery.payload, delivery.output, *versions, changes=delivery.written
    )
    if made != delivery.digest:
        raise HandlerError("refused to execute: the content is not what was approved (its digest differs)")
