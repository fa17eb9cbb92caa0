"""Moving the record to another Redis on the command line: what it means is said, then it is agreed to, done and told."""

from typing import TYPE_CHECKING

from chimera_cli.cli.confirming import confirm
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import operator

if TYPE_CHECKING:
    from chimera_cli.models.pairing import Adoption


def adopt(terminal: Terminal, *, name: str | None, reason: str, yes: bool) -> None:
    """Have the record belong to the Redis of the settings, unless it does already.

    Raises:
        ConfirmationNeeded: The answer was no, or there is nobody to ask.
        ConfigError, BackendUnavailable: A store refuses us, does not fit, or is away.
        Conflict: Another process was at it.
    """
    who = operator(name, terminal.settings().operator)

    async def work() -> None:
        async with terminal.backend.open_strangers(terminal.settings(), telemetry=terminal.telemetry()) as swarm:
            adoption = await swarm.pairing.adoption(replaced=await swarm.orchestrator.reconciler.replaced())
            live = (await swarm.record.ledger()).live
            if adoption.moved:
                await swarm.pairing.note_address()
                terminal.note("the record and this Redis belong together; the record knows its address now")
            elif not adoption.needed:
                terminal.note("nothing to adopt: the record and this Redis belong together")
            else:
                terminal.note(f"{adoption.record.sentence}; {adoption.holding.sentence}")
                confirm(terminal, _intent(adoption, live), yes=yes)
                if adoption.elsewhere and yes:
                    terminal.note(f"warning: {_others(adoption)}; they are refused from now on")
                await swarm.pairing.adopt(who, reason, agreed=adoption)
                await swarm.orchestrator.reconcile()
            identity = swarm.pairing.identity or adoption.record
            document = {
                "adopted": adoption.needed,
                "identity": {"id": identity.id, "namespace": identity.namespace, "shards": identity.shards},
                "before": adoption.record.id,
                "redis": adoption.holding.address,
                "live": live,
            }
            words = f"swarm {identity.id} (namespace {identity.namespace}) belongs to Redis {adoption.holding.address}"
            terminal.show(document, terminal.plain([words]))

    terminal.run(work())


def _intent(adoption: "Adoption", live: int) -> str:
    """Say in one line what is about to be done."""
    count = f"{live} live task" + ("" if live == 1 else "s")
    others = f", although {_others(adoption)}" if adoption.elsewhere else ""
    to = f"from Redis {adoption.record.redis or '(none yet)'} to {adoption.holding.address}"
    return f"move the record {to}, throw away what that holds, and dispatch {count} again{others}"


def _others(adoption: "Adoption") -> str:
    """Name the processes that still work with the old Redis."""
    names = [report.process for report in adoption.elsewhere]
    some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{len(names)} live process{'' if len(names) == 1 else 'es'} still reported from the old Redis ({some})"
