"""One thing that `chimera doctor` looked at."""

from chimera_cli.models.noun import Noun


class Check(Noun):
    """What was looked at, how it is, and how to mend it."""

    name: str
    """What was looked at."""
    ok: bool
    """Whether it is as it must be."""
    detail: str
    """What was found, without secrets."""
    warn: bool = False
    """Whether it is worth a look although it is as it must be."""
    mend: str = ""
    """What to do about it; empty when all is well."""
