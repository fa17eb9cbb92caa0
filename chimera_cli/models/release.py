"""Who let a result pass into its execute phase, and the signature that vouches for it. ADR 0027."""

import hashlib
import hmac
from enum import StrEnum

from chimera_cli.models.identity import canonical_json
from chimera_cli.models.noun import Noun

DOMAIN = "chimera release 1"
"""What is signed begins with it, so that nothing else signed with the key is taken for a release."""
NOT_VOUCHED = "its release is not vouched for"
"""How the reason begins for which a task waits; the record is searched for it."""
UNVOUCHED_CURE = "start a worker with the key that signed it; what no key signed is forged: chimera tasks cancel ID"
"""What helps such a task."""
SHORTEST_KEY = 32
"""Characters of a key."""
FEWEST_KINDS = 8
"""Different characters of a key."""


class ReviewMode(StrEnum):
    """By whose decision a result passes."""

    PERSON = "person"
    """A person approved its card."""
    GATE = "gate"
    """Judge and gate let it pass."""


class Seal(Noun):
    """What travels with an approved task: who let it pass, and the signature."""

    mode: ReviewMode
    """By whose decision."""
    who: str
    """The person's name, or the judge's id."""
    signature: str
    """HMAC-SHA-256 in hex over a Release."""


class Release(Noun):
    """Exactly what may be executed, and by whose decision."""

    namespace: str
    """The swarm."""
    task_id: str
    """The task."""
    kind: str
    """Its kind, which names the handler."""
    mode: ReviewMode
    """By whose decision it passes."""
    digest: str
    """Digest of what was approved."""
    decision: str = "approve"
    """What was decided."""
    who: str
    """Who decided."""

    def sealed(self, key: str) -> Seal:
        """Sign it."""
        return Seal(mode=self.mode, who=self.who, signature=_signature(key, self))

    def vouched(self, key: str, seal: Seal) -> bool:
        """Tell whether the seal is of exactly this release, made by one who has the key."""
        same = (seal.mode, seal.who) == (self.mode, self.who)
        return same and hmac.compare_digest(seal.signature.encode(), _signature(key, self).encode())


def _signature(key: str, release: Release) -> str:
    said = [
        release.namespace,
        release.task_id,
        release.kind,
        release.mode,
        release.digest,
        release.decision,
        release.who,
    ]
    return hmac.new(key.encode(), canonical_json([DOMAIN, *said]).encode(), hashlib.sha256).hexdigest()


def check_key(key: str) -> str:
    """Return a key that is hard to guess.

    Raises:
        ValueError: It is not.
    """
    plain = all("!" <= char <= "~" for char in key)
    if len(key) < SHORTEST_KEY or not plain or len(set(key)) < FEWEST_KINDS:
        raise ValueError(
            f"must be {SHORTEST_KEY} or more letters, digits or signs, drawn at random: openssl rand -hex 32 makes one"
        )
    return key
