"""Every statement that writes, by name; plain selects stand beside their readers. Many rows come as one JSON text."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ARRAY, CollectionAggregate, Text, TextClause, any_, cast, literal, text

from chimera_cli.adapters.row import LIVE

RECORD_LOCK = 0x6368696D00000001
"""Dispatching and recording take turns on this number."""
ROOM_LOCK = 0x6368696D00000010
"""Who adds tasks counts, on this number, what waits already, and commits before the next one counts."""
AUDIT_LOCK = 0x6368696D00000002
"""Rows of the audit are appended one after the other on this number."""


def _statement(sql: str) -> TextClause:
    return text(sql.replace("{LIVE}", LIVE))


_KEY = """CASE WHEN current_schema() = 'public' THEN CAST(:lock AS bigint)
    ELSE hashtextextended(CAST(current_schema() AS text), CAST(:lock AS bigint)) END"""
"""Number of a lock: the namespaces of a database do not wait for each other. That of `public` stays what it always was, for older
releases take it too."""

LOCK = _statement(f"SELECT pg_advisory_xact_lock({_KEY})")
"""Wait for a turn; it ends with the transaction."""

TRY_LOCK = _statement(f"SELECT pg_try_advisory_xact_lock({_KEY})")
"""Take a turn if nobody has it."""

TAKE_TURN = _statement("""
    SELECT setval('turns', greatest(nextval('turns'), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)),
        (SELECT id FROM identity)
""")
"""Number a turn, higher than all before it: also when the clock was set back, or the database was restored from an old copy; and
tell which record this is."""

NOW = _statement("SELECT clock_timestamp()")
"""The clock of the database, in the middle of a transaction too."""

# Goals and tasks

INSERT_GOAL = _statement("""
    INSERT INTO goals (id, text, status, persona, max_replans, replans, created_at)
    VALUES (:id, :text, :status, CAST(:persona AS json), :max_replans, :replans, :created_at)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
""")
"""Store a goal unless its id is known."""

INSERT_TASKS = _statement("""
    INSERT INTO tasks (id, goal_id, key, kind, title, payload, depends_on, priority, deadline, max_retries,
                       status, phase, created_at, updated_at)
    SELECT id, goal_id, key, kind, title, payload::json, depends_on::json, priority, deadline, max_retries,
           'PENDING', 'propose', created_at, created_at
    FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (
        id text, goal_id text, key text, kind text, title text, payload text, depends_on text, priority text,
        deadline timestamptz, max_retries bigint, created_at timestamptz
    )) WITH ORDINALITY AS new
    ORDER BY ordinality
    ON CONFLICT (id) DO NOTHING
""")
"""Store tasks in the given order unless they are known."""

COUNT_SUBMITTED = _statement("UPDATE goals SET submitted = submitted + :added WHERE id = :id")
"""Add stored tasks to the goal's total."""

COUNT_KNOWN = _statement("SELECT count(*) FROM tasks WHERE id = ANY(CAST(:ids AS text[]))")
"""Tell how many of these tasks are stored."""

COUNT_NOT_STARTED = _statement(
    "SELECT count(*) FROM tasks WHERE {LIVE} AND status IN ('PENDING', 'QUEUED') AND attempts = 0"
)
"""Tell how many accepted tasks wait for their first run."""

LOCK_GOAL = _statement(
    "SELECT status, replans, paused_at, cancelled_at, cancelled_by FROM goals WHERE id = :id FOR NO KEY UPDATE"
)
"""Keep a goal from ending, and from being replanned by others, while tasks are added to it."""

REVIVE_GOAL = _statement("UPDATE goals SET status = 'ACTIVE' WHERE id = :id")
"""A goal that was given more tasks is at work again."""

REPLAN_GOAL = _statement("""
    UPDATE goals SET status = 'ACTIVE', replans = replans + 1, forgiven = failed + cancelled WHERE id = :id
""")
"""What had ended badly is replaced, and so forgiven."""

FORGIVE_TASKS = _statement("""
    UPDATE tasks SET forgiven = true WHERE goal_id = :id AND status IN ('REJECTED', 'FAILED', 'CANCELLED')
""")
"""The same, task by task: one that is retried later takes its forgiven end back."""

GIVE_UP_GOAL = _statement("UPDATE goals SET status = 'FAILED', finished_at = clock_timestamp() WHERE id = :id")
"""Nothing could be planned in place of what failed."""

MARK_DISPATCHED = _statement("""
    UPDATE tasks SET dispatched_at = clock_timestamp() WHERE id = ANY(CAST(:ids AS text[])) AND dispatched_at IS NULL
""")
"""These tasks are in the queue."""

# Events

INSERT_EVENTS = _statement("""
    WITH stored AS (
        INSERT INTO events (shard, entry_id, at, name, task_id, goal_id, status, phase, version, generation, attempts,
                            agent, output, changes, error, data)
        SELECT shard, entry_id, at, name, task_id, goal_id, status, phase, version, generation, attempts, agent,
               output::json, changes::json, error, data::json
        FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (
            shard bigint, entry_id text, at timestamptz, name text, task_id text, goal_id text, status text, phase text,
            version bigint, generation bigint, attempts bigint, agent text, output text, changes text, error text,
            data text
        )) WITH ORDINALITY AS new
        ORDER BY ordinality
        ON CONFLICT (shard, entry_id) DO NOTHING
        RETURNING entry_id
    )
    SELECT coalesce(json_agg(entry_id), '[]') FROM stored
""")
"""Store events in the given order, and tell in one value which were new: a thousand rows of a reply cost their reader more."""

REACH = _statement("""
    INSERT INTO shards (shard, last_entry) VALUES (:shard, :entry_id)
    ON CONFLICT (shard) DO UPDATE SET last_entry = excluded.last_entry
""")
"""Remember up to where a shard is recorded. The lock keeps this in order."""

UPDATE_TASKS = _statement("""
    UPDATE tasks SET status = new.status, phase = new.phase, version = new.version, generation = new.generation,
        attempts = new.attempts, error = new.error, updated_at = new.at,
        agent = CASE WHEN new.agent = '' THEN tasks.agent ELSE new.agent END,
        output = CASE WHEN new.has_output THEN new.output::json ELSE tasks.output END,
        dispatched_at = coalesce(tasks.dispatched_at, new.at)
    FROM json_to_recordset(CAST(:rows AS json)) AS new (
        id text, status text, phase text, version bigint, generation bigint, attempts bigint, error text,
        at timestamptz, agent text, has_output boolean, output text
    )
    WHERE tasks.id = new.id
""")
"""Bring tasks to their last event."""

UPSERT_STATE = _statement("""
    INSERT INTO state (goal_id, key, value, version, updated_at)
    SELECT goal_id, key, value::json, version, at
    FROM json_to_recordset(CAST(:rows AS json)) AS new (
        goal_id text, key text, value text, version bigint, at timestamptz
    )
    ON CONFLICT (goal_id, key) DO UPDATE
    SET value = excluded.value, version = excluded.version, updated_at = excluded.updated_at
    WHERE state.version < excluded.version
""")
"""Bring state to its last commit; an older one changes nothing."""

ADD_ENDS = _statement("""
    UPDATE goals SET finished = goals.finished + ends.finished, failed = goals.failed + ends.failed,
        cancelled = goals.cancelled + ends.cancelled
    FROM json_to_recordset(CAST(:rows AS json)) AS ends (
        goal_id text, finished bigint, failed bigint, cancelled bigint
    )
    WHERE goals.id = ends.goal_id
""")
"""Add ended tasks to their goals' totals. It also holds the goals' rows until the end, so nobody adds tasks meanwhile."""

END_GOALS = _statement("""
    UPDATE goals SET
        status = CASE WHEN failed + cancelled <= forgiven THEN 'COMPLETED'
                      WHEN cancelled_at IS NOT NULL THEN 'CANCELLED'
                      WHEN replans < max_replans THEN 'REPLANNING' ELSE 'FAILED' END,
        finished_at = CASE WHEN goes_on.now THEN NULL ELSE clock_timestamp() END,
        paused_at = CASE WHEN goes_on.now THEN paused_at END,
        paused_by = CASE WHEN goes_on.now THEN paused_by ELSE '' END
    FROM (
        SELECT id, failed + cancelled > forgiven AND cancelled_at IS NULL AND replans < max_replans AS now FROM goals
    ) AS goes_on
    WHERE goes_on.id = goals.id AND goals.id = ANY(CAST(:ids AS text[])) AND status = 'ACTIVE'
      AND NOT EXISTS (SELECT FROM tasks WHERE tasks.goal_id = goals.id AND {LIVE})
""")
"""End the goals among these that have no live task left."""

# The audit and the outbox

INSERT_RECOVERY = _statement("""
    INSERT INTO recoveries (shard, cause, dispatched, restored, decisions)
    VALUES (:shard, :cause, :dispatched, :restored, :decisions)
""")
"""Keep what was done after Redis had lost data."""

STUCK = _statement("SELECT coalesce(max(stuck), 0) FROM sweeps")
"""Tasks that the last sweep could not put back."""

UNVOUCHED = _statement("""
    SELECT waiting.id
    FROM (SELECT id FROM tasks WHERE status IN ('DELAYED', 'APPROVED') AND phase = 'execute' ORDER BY position LIMIT :first)
        AS waiting
    CROSS JOIN LATERAL (SELECT error FROM events WHERE task_id = waiting.id AND name IN ('task.delayed', 'task.approved')
                        ORDER BY seq DESC LIMIT 1) AS last
    WHERE starts_with(last.error, :reason)
""")
"""Of the first tasks that wait for their execution, those that no worker executed because none vouched for their release."""

LAST_AUDIT = _statement("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
"""The end of the chain."""

INSERT_AUDIT = _statement("""
    INSERT INTO audit (seq, at, operator, action, card_id, task_id, digest, reason, prev_hash, hash, goal_id)
    VALUES (:seq, :at, :operator, :action, :card_id, :task_id, :digest, :reason, :prev_hash, :hash, :goal_id)
""")
"""Append to the chain."""

STATUS = _statement("SELECT status FROM tasks WHERE id = :id")
"""What the record says of a task."""

INSERT_POST = _statement("""
    INSERT INTO posts (idempotency_key, platform, post) VALUES (:idempotency_key, :platform, CAST(:post AS json))
    ON CONFLICT (idempotency_key) DO NOTHING
""")
"""Publish once."""

# Housekeeping

LOOK_FOR_CHORES = _statement("""
    SELECT EXISTS (SELECT FROM orders WHERE done_at IS NULL AND action <> 'retry') AS orders,
        EXISTS (SELECT FROM tasks WHERE dispatched_at IS NULL AND {LIVE}) AS tasks,
        EXISTS (SELECT FROM cards WHERE status = 'PENDING'
                AND created_at <= clock_timestamp() - make_interval(secs => :older_than_s)) AS overdue,
        EXISTS (SELECT FROM cards WHERE resumed_at IS NULL AND status <> 'PENDING') AS decisions,
        EXISTS (SELECT FROM sweeps WHERE due_at <= clock_timestamp()) AS sweep,
        clock_timestamp() AS at
""")
"""What the steps of housekeeping themselves look for, and sometimes a little more: a paused goal's cards, say, which they pass
over."""


def any_of(values: Sequence[str]) -> CollectionAggregate[bool]:
    """Compare with any of many texts, given as one array: a list of thousands of parameters would be refused."""
    return any_(cast(literal(array_of(values), Text), ARRAY(Text)))


def array_of(values: Iterable[str]) -> str:
    """Write texts as one `text[]`; the driver, given a list, quotes value by value at nine times the cost."""
    quoted = (value.replace("\\", r"\\").replace('"', r"\"") for value in values)
    return "{" + ",".join([f'"{value}"' for value in quoted]) + "}"
