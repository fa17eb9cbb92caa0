"""`chimera audit`: who decided or ordered what, when."""

import json
import re
from typing import Annotated, Any

import typer

from chimera_cli.cli.arguments import Limit
from chimera_cli.cli.command import command, group
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import span, utc_now
from chimera_cli.exceptions import EXIT_FAILED, InvalidInput

app = group("See who decided or ordered what, and verify it.")


@command(app, "list", example="chimera audit list --since 1d --json")
def list_events(
    terminal: Terminal,
    since: Annotated[str | None, typer.Option("--since", help="Only the last 90s, 15m, 2h or 1d.")] = None,
    limit: Limit = 50,
) -> None:
    """List decisions and orders, oldest first.

    What no person did, such as a card that expired, is there in the name of chimera.
    """
    from chimera_cli.views.audit import audit_grid
    from chimera_cli.views.documents import audit_document

    back = span(since, "--since")

    async def read() -> Any:
        async with terminal.records() as kept:
            return await kept.reviews.audit(since=utc_now() - back if back is not None else None, limit=limit)

    events = terminal.run(read())
    terminal.show(audit_document(events), audit_grid(events))
    terminal.note_limit(len(events), limit)


@command(app, "verify", example="chimera audit verify --json")
def verify(
    terminal: Terminal,
    head: Annotated[
        str | None, typer.Option("--head", help="A head that an earlier verify told; it must still be in the chain.")
    ] = None,
) -> int:
    """Check that the audit is unbroken; exit 1 when not.

    Each effect must have a signed decision behind it. Signatures are verified with CHIMERA_APPROVAL_KEY; without it only their
    absence shows.
    """
    from chimera_cli.records import voucher
    from chimera_cli.services.audit_trail import verify_audit
    from chimera_cli.services.effects_check import check_effects
    from chimera_cli.views.audit import report_facts
    from chimera_cli.views.documents import audit_report_document

    if head is not None and not re.fullmatch("[0-9a-f]{64}", head):
        raise InvalidInput("--head is no hash of 64 hexadecimal characters", hint="chimera audit verify")

    async def read() -> Any:
        async with terminal.records() as kept:
            report = await verify_audit(kept.reviews, head)
            effects = await check_effects(kept.reviews, voucher(terminal.settings()))
            return report.model_copy(update={"effects": effects})

    report = terminal.run(read())
    terminal.show(audit_report_document(report), report_facts(report))
    return 0 if report.holds else EXIT_FAILED


@command(app, "export", example="chimera audit export > audit.jsonl")
def export(terminal: Terminal) -> None:
    """Write every row, a line of JSON each, to keep it elsewhere."""
    from chimera_cli.services.audit_trail import audit_rows

    async def write() -> None:
        async with terminal.records() as kept:
            async for row in audit_rows(kept.reviews):
                terminal.write([json.dumps(row.model_dump(mode="json"))])

    terminal.run(write())
