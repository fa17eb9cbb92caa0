"""Every statement that writes, by name; plain selects stand beside their readers. Many rows come as one JSON text."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, CollectionAggregate, Text, TextClause, any_, literal, text

from chimera_cli.adapters.row import LIVE

RECORD_LOCK = 0x6368696D00000001
"""Dispatching and recording take turns on this number."""
ROOM_LOCK = 0x6368696D00000010
"""Who adds tasks counts, on this number, what waits already, and commits before the next one counts."""
AUDIT_LOCK = 0x6368696D00000002
"""Rows of the audit are appended one after the other on this number."""


def _statement(sql: str) -> TextClause:
    return text(sql.replace("{LIVE}", LIVE))


LOCK = _statement("SELECT pg_advisory_xact_lock(:lock)")
"""Wait for a turn; it ends with the transaction."""

TRY_LOCK = _statement("SELECT pg_try_advisory_xact_lock(:lock)")
"""Take a turn if nobody has it."""

TAKE_TURN = _statement("""
    SELECT setval('turns', greatest(nextval('turns'), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint))
""")
"""Number a turn, higher than all before it: also when the clock was set back, or the database was restored from an old copy."""

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

LOCK_GOAL = _statement("SELECT status, replans FROM goals WHERE id = :id FOR NO KEY UPDATE")
"""Keep a goal from ending, and from being replanned by others, while tasks are added to it."""

REVIVE_GOAL = _statement("UPDATE goals SET status = 'ACTIVE' WHERE id = :id")
"""A goal that was given more tasks is at work again."""

REPLAN_GOAL = _statement("""
    UPDATE goals SET status = 'ACTIVE', replans = replans + 1, forgiven = failed + cancelled WHERE id = :id
""")
"""What had ended badly is replaced, and so forgiven."""

GIVE_UP_GOAL = _statement("UPDATE goals SET status = 'FAILED', finished_at = clock_timestamp() WHERE id = :id")
"""Nothing could be planned in place of what failed."""

MARK_DISPATCHED = _statement("""
    UPDATE tasks SET dispatched_at = clock_timestamp() WHERE id = ANY(CAST(:ids AS text[])) AND dispatched_at IS NULL
""")
"""These tasks are in the queue."""

# Events

INSERT_EVENTS = _statement("""
    INSERT INTO events (shard, entry_id, at, name, task_id, goal_id, status, phase, version, generation, attempts, agent,
                        output, changes, error, data)
    SELECT shard, entry_id, at, name, task_id, goal_id, status, phase, version, generation, attempts, agent,
           output::json, changes::json, error, data::json
    FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (
        shard bigint, entry_id text, at timestamptz, name text, task_id text, goal_id text, status text, phase text,
        version bigint, generation bigint, attempts bigint, agent text, output text, changes text, error text,
        data text
    )) WITH ORDINALITY AS new
    ORDER BY ordinality
    ON CONFLICT (shard, entry_id) DO NOTHING
    RETURNING shard, entry_id
""")
"""Store events in the given order, and tell which were new."""

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
                      WHEN replans < max_replans THEN 'REPLANNING' ELSE 'FAILED' END,
        finished_at = CASE WHEN failed + cancelled <= forgiven OR replans >= max_replans THEN clock_timestamp() END
    WHERE id = ANY(CAST(:ids AS text[])) AND status = 'ACTIVE'
      AND NOT EXISTS (SELECT FROM tasks WHERE tasks.goal_id = goals.id AND {LIVE})
""")
"""End the goals among these that have no live task left."""

# Review cards and the audit

INSERT_CARDS = _statement("""
    INSERT INTO cards (id, task_id, goal_id, generation, kind, title, status, content, payload, judgement, usage, created_at)
    SELECT new.id, tasks.id, tasks.goal_id, new.generation, tasks.kind, tasks.title, 'PENDING', new.content::json, tasks.payload,
           new.judgement::json, new.usage::json, new.created_at
    FROM json_to_recordset(CAST(:rows AS json)) AS new (
        id text, task_id text, generation bigint, content text, judgement text, usage text, created_at timestamptz
    )
    JOIN tasks ON tasks.id = new.task_id
    ON CONFLICT DO NOTHING
""")
"""Make the cards of held results, once each."""

EXPIRE_CARDS = _statement("""
    UPDATE cards SET status = 'EXPIRED', decided_at = clock_timestamp()
    WHERE task_id = ANY(CAST(:task_ids AS text[])) AND status = 'PENDING'
""")
"""Nobody need decide any more: the tasks have ended."""

LAST_USAGE = _statement("""
    SELECT DISTINCT ON (task_id) task_id, data FROM events
    WHERE task_id = ANY(CAST(:task_ids AS text[])) AND name = 'task.judging' ORDER BY task_id, seq DESC
""")
"""What was said when each of the tasks last handed its result over."""

CARD_TO_RERUN = _statement("""
    SELECT id, judgement FROM cards
    WHERE task_id = :task_id AND generation <= :generation AND status = 'APPROVED'
      AND NOT EXISTS (SELECT FROM audit WHERE audit.card_id = cards.id AND audit.action = 'rerun')
      AND NOT EXISTS (SELECT FROM cards AS later WHERE later.task_id = cards.task_id
                      AND later.generation > cards.generation AND later.generation <= :generation)
""")
"""The last card of a task up to a claim, when it was approved and not noted yet. The new result may already be held: its card,
made within the same batch of events, is a later claim's."""

NOTE_CARD = _statement("UPDATE cards SET note = :note WHERE id = :id")
"""Tell the reviewer what happened after the decision."""

LOCK_CARD = _statement("""
    SELECT status, decided_by, decided_at, task_id, payload, content, judgement FROM cards WHERE id = :id FOR UPDATE
""")
"""Keep other operators waiting while one decides."""

DECIDE_CARD = _statement("""
    UPDATE cards SET status = :status, decided_by = :operator, decided_at = :at, reason = :reason WHERE id = :id
""")
"""Store a decision; that `resumed_at` is empty is the order to carry it out."""

CARRIED_OUT = _statement("""
    SELECT EXISTS (SELECT FROM events JOIN cards ON cards.task_id = events.task_id AND cards.generation = events.generation
                   WHERE cards.id = :id AND events.name = CASE cards.status WHEN 'APPROVED' THEN 'task.approved'
                                                                            ELSE 'task.rejected' END)
""")
"""Tell whether the record knows that a decision was carried out. The queue may have forgotten it, after it was recorded."""

MARK_RESUMED = _statement("""
    UPDATE cards SET resumed_at = coalesce(resumed_at, clock_timestamp()), note = CASE WHEN :note = '' THEN note ELSE :note END
    WHERE id = :id
""")
"""The decision was carried out."""

LAST_AUDIT = _statement("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
"""The end of the chain."""

INSERT_AUDIT = _statement("""
    INSERT INTO audit (seq, at, operator, action, card_id, task_id, digest, reason, prev_hash, hash)
    VALUES (:seq, :at, :operator, :action, :card_id, :task_id, :digest, :reason, :prev_hash, :hash)
""")
"""Append to the chain."""

INSERT_POST = _statement("""
    INSERT INTO posts (idempotency_key, platform, post) VALUES (:idempotency_key, :platform, CAST(:post AS json))
    ON CONFLICT (idempotency_key) DO NOTHING
""")
"""Publish once."""


def any_of(values: Sequence[str]) -> CollectionAggregate[bool]:
    """Compare with any of many texts, given as one array: a list of thousands of parameters would be refused."""
    return any_(literal(list(values), ARRAY(Text)))
