"""Each effect in the record is joined with the decision that let it pass, whose signature is verified."""

from chimera_cli.models.performed import EffectsReport, Performed, Trace
from chimera_cli.ports.review import ReviewPort
from chimera_cli.services.vouching import Voucher

PAGE = 500
"""Effects that are held in memory at once."""


async def check_effects(reviews: ReviewPort, voucher: Voucher) -> EffectsReport:
    """Walk along all effects, and name the tasks of those for which nobody vouches.

    Args:
        reviews: Where effects and decisions are.
        voucher: Verifies signatures; without a key only their absence shows.
    """
    seen, unsigned = 0, dict[str, None]()
    for trace in Trace:
        after = -1
        while page := await reviews.performed(trace, after, PAGE):
            seen += len(page)
            unsigned |= dict.fromkeys(effect.task_id for effect in page if not signed(effect, voucher))
            after = page[-1].seq
    return EffectsReport(seen=seen, unsigned=tuple(unsigned), signatures_checked=voucher.able)


def signed(effect: Performed, voucher: Voucher) -> bool:
    """Tell whether an approval of just this carries a signature that verifies, or any signature where there is no key."""
    of_this = [one for one in effect.approvals if effect.digest in ("", one.digest)]
    what = {"task_id": effect.task_id, "kind": effect.kind}
    return any(not voucher.able or voucher.vouches(one.seal, **what, digest=one.digest) for one in of_this)
