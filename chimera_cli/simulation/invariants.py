"""The invariants of the architecture, as far as one run can show them."""

from collections.abc import Sequence

from chimera_cli.simulation.approval_checks import decisions_are_audited, held_work_does_not_run
from chimera_cli.simulation.check import Check
from chimera_cli.simulation.delivery_checks import (
    abandoned_work_runs_again,
    one_effect_a_phase,
    one_live_lease,
    retries_wait,
    versions_count_commits,
)
from chimera_cli.simulation.record_checks import (
    every_step_is_an_event,
    ledger_adds_up,
    no_secret_leaks,
    queues_are_empty,
)

INVARIANTS: Sequence[Check] = (
    one_live_lease,
    one_effect_a_phase,
    versions_count_commits,
    abandoned_work_runs_again,
    retries_wait,
    held_work_does_not_run,
    ledger_adds_up,
    queues_are_empty,
    every_step_is_an_event,
    decisions_are_audited,
    no_secret_leaks,
)
"""All of them, in the order of the architecture."""
