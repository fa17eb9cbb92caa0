"""What `chimera doctor` asks about the key for approvals: whether there is one, whether it fits, and what waits for another."""

from collections.abc import AsyncIterator, Sequence

from chimera_cli.adapters.namespaces import PUBLIC
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_reads import PostgresReads
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.check import Check
from chimera_cli.models.release import UNVOUCHED_CURE
from chimera_cli.models.review import ReviewCard
from chimera_cli.models.unserved import KEY_CURE, Unexecuted
from chimera_cli.services.vouching import Voucher

NAMED = 5
"""Tasks that a line names."""
KEY, WAITING = "approvals.key", "approvals.waiting"


async def approval_checks(
    database_url: str, voucher: Voucher, *, schema: str = PUBLIC, without_key: Sequence[Unexecuted] | None = ()
) -> AsyncIterator[Check]:
    """Say whether this process can sign and check approvals, and which tasks wait for one that can.

    Args:
        database_url: The record's.
        voucher: What this process signs with.
        schema: Where the namespace's tables are.
        without_key: Approved tasks that no live worker may execute; None when that is unknown.
    """
    engine = open_engine(database_url, schema=schema)
    try:
        newest = await PostgresReview(engine).newest_sealed()
        waiting = await PostgresReads(engine).unvouched()
    except SwarmError:
        return  # The checks of the server tell why.
    finally:
        await engine.dispose()
    yield key_check(voucher, newest)
    yield waiting_check(waiting, without_key)


def key_check(voucher: Voucher, newest: ReviewCard | None) -> Check:
    """Tell whether there is a key, and whether it is the one that a person signed with last."""
    if not voucher.able:
        detail = "CHIMERA_APPROVAL_KEY is not set: nothing can be approved here, and no approved effect is carried out"
        mend = "set the key that the whole swarm has; where there is none yet, openssl rand -hex 32 makes one"
        return Check(name=KEY, ok=False, detail=detail, mend=mend)
    if newest is None or newest.seal is None:
        return Check(name=KEY, ok=True, detail="set; no person has signed with any key yet")
    what = {"task_id": newest.task_id, "kind": newest.kind, "digest": newest.judgement.digest}
    if not voucher.vouches(newest.seal, **what):
        detail = f"the last approval, of card {newest.id}, was signed with another CHIMERA_APPROVAL_KEY"
        return Check(name=KEY, ok=False, detail=detail, mend="set the same key for every process of the swarm")
    return Check(name=KEY, ok=True, detail="set, and the last approval was signed with it")


def waiting_check(tasks: Sequence[str], without_key: Sequence[Unexecuted] | None = ()) -> Check:
    """Tell which approved tasks wait: for a worker with the key, or because no worker vouched for their release.

    Args:
        tasks: Ids of those for which no worker vouched.
        without_key: Those that wait for a worker with the key; None when that is unknown.
    """
    if not tasks and without_key is None:
        return Check(name=WAITING, ok=True, warn=True, detail="what waits for the key is unknown while Redis is away")
    if not tasks and not without_key:
        return Check(name=WAITING, ok=True, detail="no task waits for a worker that vouches for its release")
    details, mends = [one.sentence for one in without_key or ()], [KEY_CURE] if without_key else []
    if tasks:
        more = f" and {len(tasks) - NAMED} more" if len(tasks) > NAMED else ""
        details.append(f"not executed, for their release is not vouched for: {', '.join(tasks[:NAMED])}{more}")
        mends.append(UNVOUCHED_CURE)
    return Check(name=WAITING, ok=True, warn=True, detail="; ".join(details), mend="; ".join(mends))
