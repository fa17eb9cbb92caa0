"""How Redis stands against the record after an interruption."""

from chimera_cli.models.noun import Noun


class Survey(Noun):
    """What one shard in Redis says of itself."""

    vouched: bool
    """Whether somebody has compared it with the record since its server was started and filled."""
    run: str
    """Id of the server's run; another one after each start and failover."""
    newest: str = ""
    """Id of the newest event it ever had, recorded or not; empty when it never had one."""
    vouched_run: str = ""
    """Id of the run that was vouched for last; empty when none was, or the data are gone."""
