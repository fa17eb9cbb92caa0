"""Every statement that writes review cards, by name, and what is asked on the way."""

from sqlalchemy import text

INSERT_CARDS = text("""
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

EXPIRE_CARDS = text("""
    UPDATE cards SET status = 'EXPIRED', decided_at = clock_timestamp(), resumed_at = clock_timestamp(),
        reason = 'its task ended before anybody decided'
    WHERE task_id = ANY(CAST(:task_ids AS text[])) AND status = 'PENDING'
""")
"""Nobody need decide any more: the tasks have ended."""

OUTDATE_CARDS = text("""
    UPDATE cards SET status = 'STALE', decided_at = clock_timestamp(), resumed_at = clock_timestamp(),
        reason = 'its task went on without a decision'
    WHERE task_id = ANY(CAST(:task_ids AS text[])) AND status = 'PENDING'
      AND (EXISTS (SELECT FROM cards AS later WHERE later.task_id = cards.task_id AND later.generation > cards.generation)
           OR NOT EXISTS (SELECT FROM tasks WHERE tasks.id = cards.task_id AND tasks.status = 'NEEDS_REVIEW'))
""")
"""What these cards show is not what the tasks hold now."""

EXPIRE_OVERDUE = text("""
    UPDATE cards SET status = 'EXPIRED', decided_at = clock_timestamp(),
        reason = 'nobody decided review card ' || id || ' within ' || :limit_h || ' h'
    WHERE id IN (SELECT id FROM cards
                 WHERE status = 'PENDING' AND created_at <= clock_timestamp() - make_interval(secs => :older_than_s)
                   AND NOT EXISTS (SELECT FROM goals WHERE goals.id = cards.goal_id AND goals.paused_at IS NOT NULL)
                 ORDER BY created_at, id LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id, task_id, judgement, reason
""")
"""The time to decide is over. Whoever is deciding one of them at this moment holds its row, and keeps it. Nothing of a
paused goal expires before it goes on."""

NEWEST_JUDGEMENT = text("""
    SELECT judgement FROM cards
    WHERE judgement::text LIKE '%"policy_version":"%' AND judgement::text NOT LIKE '%"policy_version":""%'
    ORDER BY created_at DESC, id DESC LIMIT 1
""")
"""The judgement by which a judge held a result last; cards without a judgement have no version.

Within a string of JSON quotes are escaped. The operators of Postgres cannot open a document that holds U+0000 anywhere.
"""

NEWER_CARD = text("""
    SELECT later.id FROM cards JOIN cards AS later ON later.task_id = cards.task_id AND later.generation > cards.generation
    WHERE cards.id = :id ORDER BY later.generation DESC LIMIT 1
""")
"""The card that shows what a task holds now, if it is another."""

LAST_USAGE = text("""
    SELECT DISTINCT ON (task_id) task_id, data FROM events
    WHERE task_id = ANY(CAST(:task_ids AS text[])) AND name = 'task.judging' ORDER BY task_id, seq DESC
""")
"""What was said when each of the tasks last handed its result over."""

CARD_TO_RERUN = text("""
    SELECT id, judgement FROM cards
    WHERE task_id = :task_id AND generation <= :generation AND status = 'APPROVED'
      AND NOT EXISTS (SELECT FROM audit WHERE audit.card_id = cards.id AND audit.action = 'rerun')
      AND NOT EXISTS (SELECT FROM cards AS later WHERE later.task_id = cards.task_id
                      AND later.generation > cards.generation AND later.generation <= :generation)
""")
"""The last card of a task up to a claim, when it was approved and not noted yet. The new result may already be held: its card,
made within the same batch of events, is a later claim's."""

NOTE_CARD = text("UPDATE cards SET note = :note WHERE id = :id")
"""Tell the reviewer what happened after the decision."""

LOCK_CARD = text("""
    SELECT id, status, decided_by, decided_at, task_id, goal_id, payload, content, judgement FROM cards WHERE id = :id FOR UPDATE
""")
"""Keep other operators waiting while one decides."""

DECIDE_CARD = text("""
    UPDATE cards SET status = :status, decided_by = :operator, decided_at = :at, reason = :reason, seal = CAST(:seal AS json)
    WHERE id = :id
""")
"""Store a decision; that `resumed_at` is empty is the order to carry it out."""

CARRIED_OUT = text("""
    SELECT EXISTS (SELECT FROM events JOIN cards ON cards.task_id = events.task_id AND cards.generation = events.generation
                   WHERE cards.id = :id AND events.name =
                       CASE cards.status WHEN 'APPROVED' THEN 'task.approved' WHEN 'REJECTED' THEN 'task.rejected'
                                         WHEN 'EXPIRED' THEN 'task.failed' ELSE 'task.rejudged' END)
""")
"""Tell whether the record knows that a decision was carried out. The queue may have forgotten it, after it was recorded."""

REPEAT_DECISIONS = text("""
    UPDATE cards SET resumed_at = NULL
    FROM tasks
    WHERE tasks.id = cards.task_id AND tasks.generation = cards.generation AND tasks.status = 'NEEDS_REVIEW'
      AND cards.resumed_at IS NOT NULL AND cards.status <> 'PENDING'
""")
"""What was decided, and carried out in a queue that has lost it: the tasks still wait for it."""

MARK_RESUMED = text("""
    UPDATE cards SET resumed_at = coalesce(resumed_at, clock_timestamp()), note = CASE WHEN :note = '' THEN note ELSE :note END
    WHERE id = :id
""")
"""The decision was carried out."""
