"""The statements by which operators' orders are kept and tasks are put back."""

from sqlalchemy import text

from chimera_cli.adapters.row import LIVE

LOCK_GOALS = text("""
    SELECT id, status, paused_at, paused_by, cancelled_at, cancelled_by FROM goals WHERE id = ANY(CAST(:ids AS text[]))
    ORDER BY id FOR NO KEY UPDATE
""")
"""Keep goals as they are while an order about them is weighed."""

INSERT_ORDERS = text("""
    INSERT INTO orders (at, action, goal_id, task_id, operator, reason)
    SELECT at, action, goal_id, task_id, operator, reason
    FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (
        at timestamptz, action text, goal_id text, task_id text, operator text, reason text
    )) WITH ORDINALITY AS new
    ORDER BY ordinality
    RETURNING seq, at, action, goal_id, task_id, operator, reason
""")
"""Keep orders in the given sequence."""

CLOSE_ORDERS = text("""
    UPDATE orders SET done_at = clock_timestamp(), note = :note
    WHERE seq = ANY(CAST(:seqs AS bigint[])) AND done_at IS NULL
""")
"""These orders were carried out."""

CLOSE_RETRIES = text("""
    UPDATE orders SET done_at = clock_timestamp()
    WHERE task_id = ANY(CAST(:ids AS text[])) AND action = 'retry' AND done_at IS NULL
""")
"""The tasks of these retries are in the queue."""

CLOSE_CANCELS = text("""
    UPDATE orders SET done_at = clock_timestamp(), note = CASE WHEN tasks.status = 'CANCELLED' THEN '' ELSE :note END
    FROM tasks
    WHERE orders.goal_id = tasks.goal_id AND orders.task_id = tasks.id AND tasks.id = ANY(CAST(:ids AS text[]))
      AND orders.action = 'cancel' AND orders.done_at IS NULL
""")
"""The lives that these orders are about are over. Not carried out yet, they would end the next ones."""

REPEAT_CANCELS = text(f"""
    UPDATE orders SET done_at = NULL
    FROM tasks
    WHERE orders.task_id = tasks.id AND orders.action = 'cancel' AND orders.done_at IS NOT NULL AND {LIVE}
      AND NOT EXISTS (SELECT FROM orders AS later WHERE later.goal_id = orders.goal_id AND later.task_id = orders.task_id
                      AND later.seq > orders.seq)
""")  # nosec B608 # LIVE is a constant
"""Tasks that were cancelled in a queue that has lost it are cancelled once more."""

REPEAT_GOALS = text("""
    UPDATE orders SET done_at = NULL
    FROM goals
    WHERE orders.seq = goals.ordered AND orders.done_at IS NOT NULL AND goals.status IN ('ACTIVE', 'REPLANNING')
      AND (orders.action = 'cancel' OR orders.action = CASE WHEN goals.paused_at IS NULL THEN 'resume' ELSE 'pause' END)
""")
"""The last order about each live goal is carried out once more, which does no harm. A pause that ended with the goal is none."""

PAUSE_GOAL = text("UPDATE goals SET paused_at = :at, paused_by = :operator, ordered = :seq WHERE id = :id")
"""Nothing of the goal starts."""

RESUME_GOAL = text("UPDATE goals SET paused_at = NULL, paused_by = '', ordered = :seq WHERE id = :id")
"""The goal goes on."""

CANCEL_GOAL = text(f"""
    UPDATE goals SET cancelled_at = :at, cancelled_by = :operator, ordered = :seq,
        status = CASE WHEN has.live THEN status ELSE 'CANCELLED' END,
        finished_at = CASE WHEN has.live THEN finished_at ELSE CAST(:at AS timestamptz) END,
        paused_at = CASE WHEN has.live THEN paused_at END,
        paused_by = CASE WHEN has.live THEN paused_by ELSE '' END
    FROM (SELECT EXISTS (SELECT FROM tasks WHERE tasks.goal_id = :id AND {LIVE}) AS live) AS has
    WHERE id = :id
""")  # nosec B608 # LIVE is a constant
"""The goal ends as CANCELLED with its last live task; at once when it has none and waits for a planner."""

TASKS_TO_ORDER = text("""
    SELECT tasks.id, tasks.goal_id, tasks.status, tasks.version, tasks.generation, tasks.depends_on, tasks.forgiven,
           goals.cancelled_at, goals.cancelled_by, last.action AS last_action, last.operator AS last_operator,
           last.at AS last_at, last.note AS last_note
    FROM tasks JOIN goals ON goals.id = tasks.goal_id
    LEFT JOIN LATERAL (
        SELECT action, operator, at, note FROM orders
        WHERE orders.goal_id = tasks.goal_id AND orders.task_id = tasks.id ORDER BY seq DESC LIMIT 1
    ) AS last ON true
    WHERE tasks.id = ANY(CAST(:ids AS text[])) ORDER BY tasks.position
""")
"""What an order about tasks is weighed by, the last order about each among it."""

TASKS_OF_GOALS = text("""
    SELECT id, goal_id, status, depends_on FROM tasks WHERE goal_id = ANY(CAST(:ids AS text[])) ORDER BY position
""")
"""How all tasks of goals stand."""

PUT_BACK = text("""
    UPDATE tasks SET status = 'PENDING', phase = 'propose', version = version + 1, attempts = 0, error = '', output = NULL,
        agent = '', updated_at = clock_timestamp(), dispatched_at = NULL, forgiven = false,
        deadline = CASE WHEN deadline > clock_timestamp() THEN deadline END
    WHERE id = ANY(CAST(:ids AS text[]))
""")
"""Have tasks that ended begin anew. A deadline that has passed is dropped: the task would fail at once again."""

TAKE_BACK_ENDS = text("""
    UPDATE goals SET failed = failed - :failed, cancelled = cancelled - :cancelled, forgiven = forgiven - :forgiven,
        status = 'ACTIVE', finished_at = NULL, ordered = CASE WHEN finished_at IS NULL THEN ordered ELSE :seq END
    WHERE id = :id
""")
"""The goal is at work again, and what was counted as ended badly is counted as live. If it had ended, it is paused no more, and
no older order about it is obeyed."""
