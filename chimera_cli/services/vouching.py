"""Signing what may be executed, and telling whether it was signed: the one place that knows the key."""

from chimera_cli.models.release import Release, ReviewMode, Seal

NO_KEY = "CHIMERA_APPROVAL_KEY is not set, so no approval can be signed"
"""What is said where an approval is refused."""
KEY_HINT = "set the key that the whole swarm has, in the environment or in .env; chimera doctor tells whether it fits"
"""The cure."""


class Voucher:
    """Signs and checks the releases of one swarm."""

    __slots__ = ("_key", "_namespace")

    def __init__(self, namespace: str, key: str | None) -> None:
        """Args:
        namespace: The swarm's.
        key: What nobody has who can only write to Redis; None: this process can neither sign nor check.
        """
        self._namespace = namespace
        self._key = key

    @property
    def able(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def seal(self, mode: ReviewMode, *, task_id: str, kind: str, digest: str, who: str) -> Seal | None:
        """Sign a release; None without a key."""
        if self._key is None:
            return None
        release = Release(namespace=self._namespace, task_id=task_id, kind=kind, mode=mode, digest=digest, who=who)
        return release.sealed(self._key)

    def vouches(self, seal: Seal, *, task_id: str, kind: str, digest: str) -> bool:
        """Tell whether the seal is of exactly this; never without a key."""
        said = {"namespace": self._namespace, "task_id": task_id, "kind": kind, "digest": digest}
        return self._key is not None and Release(mode=seal.mode, who=seal.who, **said).vouched(self._key, seal)


NO_VOUCHER = Voucher("", None)
"""Neither signs nor checks."""
