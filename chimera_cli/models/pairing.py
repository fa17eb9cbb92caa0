"""Which record and which Redis belong together: what each says of itself, and the rule that compares them."""

import json
from collections.abc import Sequence
from enum import StrEnum

from chimera_cli.models.identity import canonical_json
from chimera_cli.models.noun import Noun

LONGEST_ID = 100
"""Characters; a longer id is none of ours."""
UNKNOWN_RUN = "unknown"
"""The run id of a server that does not tell one."""


class Identity(Noun):
    """Which swarm this is."""

    id: str
    """Random; another one after `chimera db adopt`."""
    namespace: str
    """The swarm's namespace."""
    shards: int
    """Number of shards; 0 until the record and a Redis have met."""


class RecordIdentity(Identity):
    """What the record in Postgres says of itself."""

    postgres: str
    """Address of the database as we reach it."""
    redis: str = ""
    """Address of the Redis that it belongs to; empty until they have met."""
    empty: bool = False
    """Whether it never had a goal."""
    emptying: bool = False
    """Whether its Redis has still to be emptied, because the record was moved to it."""

    @property
    def sentence(self) -> str:
        """Name it for people."""
        redis = f", Redis {self.redis}" if self.redis else ", bound to no Redis yet"
        return f"the record is swarm {self.id} (namespace {self.namespace}, Postgres {self.postgres}{redis})"


class RedisIdentity(Identity):
    """What a Redis says of itself; what was not written is empty."""

    postgres: str = ""
    """Address of the database whose record it belongs to, as it was reached when they met."""

    @property
    def whole(self) -> bool:
        """Whether nothing of it is missing."""
        return bool(self.namespace and self.shards)

    def written(self) -> str:
        """Write it for Redis."""
        return canonical_json(self.model_dump())


class RedisHolding(Noun):
    """One look into a Redis."""

    address: str
    """Where it answers, as the settings say it."""
    run: str
    """Id of the server's run."""
    text: str = ""
    """The identity as it stands there; empty when there is none."""
    mark: str = ""
    """SHA-1 of the bytes that stand there; compared before another identity is written."""
    shards: int = 0
    """Number of shards that a release without identities noted; 0 when none did."""
    used: bool = False
    """Whether it holds work of the namespace."""

    @property
    def identity(self) -> RedisIdentity | None:
        """The identity that it holds; None when it holds none, or none that can be read."""
        return read_identity(self.text)

    @property
    def sentence(self) -> str:
        """Name it for people."""
        identity = self.identity
        if identity is None:
            holds = "an identity that cannot be read" if self.text else "no identity" + (", but work" * self.used)
            return f"Redis {self.address} holds {holds}"
        where = f", Postgres {identity.postgres}" if identity.postgres else ""
        return f"Redis {self.address} holds swarm {identity.id} (namespace {identity.namespace or 'not told'}{where})"


class Report(Noun):
    """What a live process told the record, not long ago, about the Redis that it works with."""

    process: str
    """Id of the process."""
    role: str
    """What it does."""
    address: str
    """Address of its Redis."""
    run: str
    """Run id of that server."""
    identity: str
    """Id that it saw last in this run of the server; empty when it saw none."""


class Verdict(StrEnum):
    """How a record and a Redis stand to each other."""

    BOUND = "bound"
    """They belong together."""
    BIND = "bind"
    """They have not met yet, and neither belongs to another: they are to be bound."""
    HEAL = "heal"
    """They belong together and Redis has lost its half, which is to be written again."""
    WAIT = "wait"
    """Redis seems to have lost its half, but live processes reported from another server that has it, or work with this one and
    know better whether it had it: only time tells."""
    REFUSE = "refuse"
    """They do not belong together, or that cannot be told."""


def compare(
    record: RecordIdentity, holding: RedisHolding, reports: Sequence[Report] = (), *, met: bool = False
) -> Verdict:
    """Tell how a record and a Redis stand to each other.

    Args:
        record: The record.
        holding: What the Redis holds.
        reports: What live processes reported lately, this one included.
        met: Whether this process has worked with the pair at this address: that is as good as the address in the record.
    """
    identity = holding.identity
    if identity is not None:
        if identity.id != record.id or identity.namespace not in ("", record.namespace):
            return Verdict.REFUSE
        if not record.redis:
            return Verdict.BIND  # The process that bound them ended between its two writes.
        return Verdict.BOUND if identity.whole else Verdict.HEAL
    if holding.text:
        return Verdict.REFUSE
    if not record.redis:
        return Verdict.REFUSE if holding.used and record.empty else Verdict.BIND
    return _without_identity(record, holding, reports, met=met)


def _without_identity(
    record: RecordIdentity, holding: RedisHolding, reports: Sequence[Report], *, met: bool
) -> Verdict:
    """Judge a Redis without identity, by those who see it too and by those who saw the record's identity."""
    beside = [report for report in reports if _same_place(report, holding)]
    had = [report for report in reports if report.identity == record.id]
    had_here = [report for report in beside if report.identity == record.id]
    if not had_here and not met and holding.address != record.redis:
        return Verdict.WAIT if beside else Verdict.REFUSE
    # The same run had it and has it no longer: it was flushed. Another run that has it may be another server.
    return Verdict.HEAL if len(had_here) == len(had) else Verdict.WAIT


def _same_place(report: Report, holding: RedisHolding) -> bool:
    """Tell whether a report is of the database that was looked into, under whatever name: one server has several."""
    here = holding.run, _database(holding.address)
    return holding.run != UNKNOWN_RUN and (report.run, _database(report.address)) == here


def _database(address: str) -> str:
    number = address.rpartition("/")[2]
    return number if number.isdigit() else "0"


class Adoption(Noun):
    """What moving the record to a Redis would mean."""

    record: RecordIdentity
    """The record."""
    holding: RedisHolding
    """The Redis."""
    elsewhere: tuple[Report, ...]
    """Live processes that work with another Redis that has the record's identity."""
    replaced: bool = False
    """Whether the swarm went on with another Redis since it worked with this one."""

    @property
    def needed(self) -> bool:
        """Whether the two do not belong together (any more), or another Postgres than this one may have the same record."""
        identity = self.holding.identity
        bound = compare(self.record, self.holding) is Verdict.BOUND
        return not bound or self.replaced or identity is None or identity.postgres != self.record.postgres

    @property
    def moved(self) -> bool:
        """Whether they belong together, and only the address of the Redis is another one than the record says."""
        return not self.needed and self.holding.address != self.record.redis


def read_identity(text: str) -> RedisIdentity | None:
    """Read what stands in Redis; None when there is nothing, or nothing that names a swarm. A half is read as a half."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("id"), str) or not 0 < len(fields["id"]) <= LONGEST_ID:
        return None
    names = {name: fields[name] for name in ("namespace", "postgres") if isinstance(fields.get(name), str)}
    shards = fields.get("shards")
    count = shards if isinstance(shards, int) and not isinstance(shards, bool) and shards > 0 else 0
    return RedisIdentity(
        id=fields["id"], namespace=names.get("namespace", ""), shards=count, postgres=names.get("postgres", "")
    )
