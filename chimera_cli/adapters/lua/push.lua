--[[ Put persisted tasks into the queue; a known task is left as it is, unless it has ended and was put back since.
  ARGV[1]  JSON list of tasks: {id, goal, key, kind, title, prio, payload (JSON text; empty: in the record), max_retries,
           deadline [ms, 0 = none], version, gen, life, attempts, status, phase, begin, past (object: more fields, as they were
           recorded), cancelled (why it ends at once, or ''), deps: [{id, key, status, version}]}
  ARGV[2]  JSON object: goal id -> {text, persona (JSON text), paused (0 or 1), ordered (number of the last order about it),
           state: list of [key, version, JSON text] as far as it may be forgotten here}
  ARGV[3]  JSON object: id of a COMPLETED dependency -> output (JSON text); what is too much for one task is left out
  ARGV[4]  turn
  ARGV[5]  '', or the run id that a reconciler saw: then the shard is one that nobody vouches for
  ARGV[6]  the record's epoch of the shard; a reconciler's does not matter
  Returns  how many tasks were new; -1 when somebody has come with a later turn or has vouched, and nothing was done.
  Fields of T:t:<id> beside the ones above: status, phase, gen (claims so far), life (number of the order by which
  it was put back last, 0 in its first life), version (status changes so far), attempts (begun),
  begin (1: the next claim begins an attempt), fail:<stage> (failures in this phase), lost:<stage> (deliveries
  whose agent was gone without an answer), drained:work (drains in which it was given back),
  outages:<stage> (answers in a row that failed for an outage of Redis or Postgres), handed:<phase> (claims of that phase so far),
  alone:<stage> (1: claimed alone from here), conflicts,
  revisions, left (dependencies still open), in:<key> (output of a dependency), given (length of those together), entry (place and time [ms] while it waits in a lane, aside for one of a paused goal), agent,
  and with a result: output, changes, usage, executes, mergeable, always, feedback, judgement, digest, approved, seal, policy, rubric. ]]

local outputs, turn, run = cjson.decode(ARGV[3]), ARGV[4], ARGV[5]
local DOOMED = {REJECTED = true, FAILED = true, CANCELLED = true}

-- How a dependency stands: what Redis knows of it is newer than the record, unless it was put back since.
local function standing(dep)
  local known = load(dep.id)
  if known and TERMINAL[known.status] and tonumber(known.version) >= dep.version then
    return known.status, redis.call('HGET', task_key(dep.id), 'output') or 'null'
  end
  return dep.status, outputs[dep.id]
end

-- Returns how many dependencies are still open, why the task is cancelled for them, and whether they gave it too much.
local function link(task, deps)
  local left, doom, too_much = 0, nil, false
  for _, dep in ipairs(deps) do
    local status, output = standing(dep)
    if status == 'COMPLETED' then
      too_much = too_much or not output or not give(task, dep.key, output)
    elseif DOOMED[status] then
      doom = 'it depends on ' .. dep.key .. ', which is ' .. status
    else
      redis.call('SADD', T .. ':c:' .. dep.id, task.id)
      left = left + 1
    end
  end
  return left, doom, too_much
end

-- Put a task where the record has it. What was running may still be done by the agent that had it, whose answer is void.
local function place(task)
  if task.status == 'DELAYED' then
    redis.call('ZADD', T .. ':work:delay', now_ms(), task.id)
  elseif task.status == 'JUDGING' then
    enter(task, 'judge')
  elseif task.status == 'QUEUED' or task.status == 'APPROVED' then
    enter(task, 'work')
  elseif task.status == 'RUNNING' then
    move_in(task, waiting_status(task), 'task.taken_over', '', {'error', 'Redis lost it'})
  end
end

-- A spec has the names of a task's control fields and serves as the task once it is written.
local function push(spec)
  local left, doom, too_much = 0, nil, false
  if spec.cancelled ~= '' then doom = spec.cancelled else left, doom, too_much = link(spec, spec.deps) end
  local past = {}
  for name, value in pairs(spec.past) do
    table.insert(past, name)
    table.insert(past, value)
  end
  -- What is looked up most comes first: a small hash is a list.
  redis.call('HSET', task_key(spec.id), 'status', spec.status, 'phase', spec.phase, 'goal', spec.goal, 'gen', spec.gen,
    'version', spec.version, 'attempts', spec.attempts, 'deadline', spec.deadline, 'entry', '', 'begin', spec.begin,
    'kind', spec.kind, 'prio', spec.prio, 'key', spec.key, 'title', spec.title, 'payload', spec.payload,
    'max_retries', spec.max_retries, 'life', spec.life, 'left', left, unpack(past))
  spec.entry = ''
  if spec.deadline > 0 then redis.call('ZADD', T .. ':deadline', spec.deadline, spec.id) end
  if too_much and not doom then
    overwhelm(spec)
  elseif spec.status ~= 'PENDING' and spec.cancelled == '' then
    place(spec)
  elseif doom then
    end_task(spec, 'CANCELLED', 'task.cancelled', '', {'error', doom})
  elseif left == 0 then
    move_in(spec, 'QUEUED', 'task.queued', '')
  end
end

-- What has ended and was recorded as live again since makes room; its version tells which of the two is the newer.
local function wanted(spec)
  local known = redis.call('HMGET', task_key(spec.id), 'status', 'version')
  if not known[1] then return true end
  if not TERMINAL[known[1]] or tonumber(known[2]) > spec.version then return false end
  redis.call('DEL', task_key(spec.id))
  return true
end

-- What is known of a goal and its state stays, unless it is older than what comes.
local function know(goal, said)
  redis.call('HSET', T .. ':g:' .. goal, 'text', said.text, 'persona', said.persona)
  if said.ordered > 0 and newest_order(goal, said.ordered) then
    redis.call('HSET', T .. ':g:' .. goal, 'paused', said.paused)
  end
  for _, kept in ipairs(said.state) do
    local name = T .. ':s:' .. goal
    if tonumber(redis.call('HGET', name, 'v:' .. kept[1]) or '0') < kept[2] then
      redis.call('HSET', name, 'v:' .. kept[1], kept[2], 'd:' .. kept[1], kept[3])
      redis.call('HSET', T .. ':g:' .. goal, 'stateful', 1)
    end
  end
end

-- Whether whoever brings tasks knows how shard and record stand.
local function may()
  if run ~= '' then return unvouched_still(run, turn) end
  demand_vouched()
  demand_epoch(ARGV[6])
  return take_turn(turn)
end

if not may() then return -1 end
places = {}
for goal, said in pairs(cjson.decode(ARGV[2])) do know(goal, said) end
local new = 0
for _, spec in ipairs(cjson.decode(ARGV[1])) do
  if wanted(spec) then
    push(spec)
    new = new + 1
  end
end
settle(SETTLE_AT_ONCE)
keep_places()
return new
