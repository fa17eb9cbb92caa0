--[[ The one place where a live task's status changes. Put in front of every other script by adapters/scripts.py, which also
     fills in LEGAL from models.task.TRANSITIONS.

  KEYS[1]  T, the hash tag of one shard, such as {chimera:default:0}. Every other key is T plus a suffix and so in T's slot.
  KEYS[2]  T:probe, which never exists, like T itself: on a cluster, a command with two keys of which none is there is refused by
           both nodes while the slot moves from one to the other, so that no script sees a part of its keys only. ADR 0029.


  T:<stage>:w:<lane>             zset     one lane: task id by its place; the lowest place is claimed first
  T:<stage>:last:<lane>          zset     goal by the last place that it was given in the lane, while that lies ahead of the lowest place
  T:<stage>:turns                zset     the lanes that are not empty, by the turn in which each was served last
  T:<stage>:q:<kind>:<priority>  stream   a lane of the older release; promote.lua moves what comes there
  T:<stage>:lanes                set      those of the older release's lanes that are not empty
  T:<stage>:warden               string   the process whose duty it is to come to rest for one of those; expires
  T:<stage>:lease                zset     task id by the lease's end [ms]
  T:<stage>:delay                zset     task id by when it is due [ms]
  T:<stage>:parked               zset     kind by when it may be claimed again [ms]
  T:<stage>:bell                 list     wake-up tokens, at most 64
  T:bell:<process>               list     wakes one process, of shard 0; expires
  T:t:<id>                       hash     a live task, see push.lua; kept after its end until the end is recorded
  T:c:<id>                       set      ids of the tasks that wait for this one
  T:settle                       list     ended tasks whose children are not told yet
  T:deadline                     zset     task id by its deadline [ms]
  T:<stage>:aside:<goal>         zset     task id by when it was set aside [ms]: what would wait in a lane, were its goal not paused
  T:g:<goal>                     hash     text, persona; paused (1), ordered: number of the last order to pause, resume or cancel it;
                                          stateful (1) when T:s:<goal> is there, so that its loss is noticed before anything is written
  T:s:<goal>                     hash     v:<key> version, d:<key> JSON of the goal's state
  T:out                          stream   events for the record
  T:run                          string   run id of the server that somebody vouched for, see demand_vouched; or 'deposed', its run
                                          id and the record's epoch, see deposed
  T:epoch                        string   number of the epoch that began when somebody vouched last, see demand_epoch
  T:turn                         string   the highest turn that came with an order from the record
  T:grace                        string   until when no lease is taken back after an interruption [ms]; expires
  T:recorded                     string   id up to which events were recorded and dropped since somebody vouched
  T:rebuilding                   string   there while what Redis lost is put back from the record
  T:clock                        hash     reading, record: the server's clock when housekeeping read it last, and Postgres' then; offset: how
                                          far the server's clock has stepped in all; step, stepped: by how much at last, and when;
                                          while it is in doubt since, last: its time at the first and the last look, and judged [ms]

  stage is work or judge. Times are the shard's, in ms since 1970, see now_ms. A lane is <kind>:<priority>, or <kind>:alone for tasks that may be
  what ended their processes, with /execute behind it for tasks in their execute phase.
]]

local T = KEYS[1]
local OUT = T .. ':out'
local BELL_TOKENS = 64
local SETTLE_AT_ONCE = 100
local MOST_INPUT = 16 * 1024 * 1024 -- Each task has a copy of its own; adapters/postgres_sizes.py knows the same number.
-- LEGAL: "FROM>TO" -> true, written here by the loader
--@LEGAL@

local TERMINAL = {COMPLETED = true, REJECTED = true, FAILED = true, CANCELLED = true}
local NOTHING = {}

local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- ADR 0033: the time of a shard is the server's without the steps of its clock, and stands still while that is in doubt.
local CLOCK_GAP = 10000 -- Housekeeping reads the clock twice a second; further apart, its readings are not believed at once [ms].
local present, doubtful

local function in_step(ms, reading)
  return ms >= reading and ms <= reading + CLOCK_GAP
end

local function now_ms()
  if present then return present end
  local clock, server = redis.pcall('HMGET', T .. ':clock', 'reading', 'offset', 'since'), server_ms()
  local reading = tonumber(clock[1] or '')
  doubtful = reading ~= nil and (clock[3] or not in_step(server, reading))
  present = (doubtful and reading or server) - (tonumber(clock[2] or '') or 0)
  return present
end

-- For a while after an interruption no lease is taken back, and every living agent gets the time to prolong its own. The key expires by
-- the server's clock, which may be set back meanwhile; its value, the shard's time of the end, holds all the same. While time stands still
-- the value is the length, below 0, and begins to count when clock.lua trusts the clock again; a step must not end it, so it does not expire.
local function spare(ms)
  local ends = now_ms() + tonumber(ms)
  if doubtful then
    redis.call('SET', T .. ':grace', '-' .. ms)
  else
    redis.call('SET', T .. ':grace', string.format('%.0f', ends), 'PX', ms)
  end
end

local function spared()
  local ends = tonumber(redis.call('GET', T .. ':grace') or '')
  return ends ~= nil and (ends <= 1 or now_ms() < ends) -- 1 is what the release before writes.
end

local function task_key(id)
  return T .. ':t:' .. id
end

-- Redis refuses the first write of a script, for want of memory, of a disk, of replicas, or as a replica itself; a script that has
-- begun to write is let through, or stopped half-way. So each script begins with a write that changes nothing, and passes or fails
-- whole. One that frees memory begins with a write that a full server takes. Returns the error reply that ends the script, or nil.
local function refusal(frees)
  local reply = frees and redis.pcall('DEL', T .. ':probe') or redis.pcall('ZADD', T .. ':probe', 'XX', 0, '')
  return type(reply) == 'table' and reply.err and reply or nil
end

-- A server that was started anew, failed over, emptied or restored runs under another id than the one that was vouched
-- for, or knows none. Until the reconciler has compared it with the record, no script that changes work passes: what was lost
-- may have been done already.
local function server_run()
  local told = redis.pcall('INFO', 'server')
  if type(told) == 'string' then
    local _, label = string.find(told, 'run_id:', 1, true) -- A pattern would be tried at each letter of the page before it.
    return label and string.match(told, '^%w+', label + 1)
  end
  if not string.find(tostring(told.err), 'unknown command') then error(told.err) end
  return 'unknown' -- The stand-in for Redis has no INFO. It keeps no data either.
end

local known_epoch

local function vouched()
  local run
  run, known_epoch = unpack(redis.call('MGET', T .. ':run', T .. ':epoch'))
  return run == server_run()
end

-- Of a server that another one has replaced: the epoch that the record has; nil for any other.
local function deposed()
  local run, there = string.match(redis.call('GET', T .. ':run') or '', '^deposed (%w+) (%d+)$')
  return run == server_run() and there or nil
end

local function epoch()
  return string.match(known_epoch or redis.call('GET', T .. ':epoch') or '0', '^%d+$') or '0'
end

local function demand_vouched()
  if vouched() then return end
  local there = deposed()
  error(there and 'EPOCH ' .. epoch() .. ' ' .. there or 'UNVOUCHED')
end

-- What the record orders is meant for the Redis that it was compared with last. An older primary that still answers has vouched
-- for itself once, and would obey.
local function demand_epoch(known)
  if epoch() ~= known then error('EPOCH ' .. epoch() .. ' ' .. known) end
end

-- Whoever holds the record's lock takes a turn there. One that slept, and lost the lock, comes with an older turn than others
-- have brought since: what it knows of the record is no longer true.
local function take_turn(turn)
  if tonumber(redis.call('GET', T .. ':turn') or '0') > tonumber(turn) then return false end
  redis.call('SET', T .. ':turn', turn)
  return true
end

-- Whether a reconciler may still act: nobody has vouched meanwhile, nobody else has begun, it is the same server, and that has not
-- lost its data once more: survey wrote the turn, and what empties or replaces the data under a running server takes it away.
local function unvouched_still(run, turn)
  return not vouched() and server_run() == run and redis.call('GET', T .. ':turn') == turn
end

local function stream_id(text)
  local ms, seq = string.match(text, '^(%d+)-(%d+)$')
  return tonumber(ms or '0'), tonumber(seq or '0')
end

local function before(one, other)
  local ms, seq = stream_id(one)
  local other_ms, other_seq = stream_id(other)
  return ms < other_ms or (ms == other_ms and seq < other_seq)
end

-- The id of the newest event this shard ever had, recorded and trimmed or not; '' when it never had one.
local function newest_event()
  local told = redis.pcall('XINFO', 'STREAM', OUT)
  for i = 1, #told, 2 do
    if told[i] == 'last-generated-id' then return told[i + 1] end
  end
  return ''
end

-- What of a task few scripts ask for is fetched when one does, and stays as it was found: whoever deletes or counts a field by
-- redis.call does not ask the table for it afterwards.
local ON_DEMAND = {__index = function(task, name)
  local value = redis.call('HGET', task_key(task.id), name) or ''
  task[name] = value
  return value
end}

-- A task, or nil when it is unknown. Its payload and output stay where they are: they may be long.
local function load(id)
  local found = redis.call('HMGET', task_key(id), 'status', 'phase', 'goal', 'gen', 'version', 'attempts', 'agent', 'deadline')
  if not found[1] then return nil end
  return setmetatable({id = id, status = found[1], phase = found[2] or '', goal = found[3] or '', gen = found[4] or '',
    version = found[5] or '', attempts = found[6] or '', agent = found[7] or '', deadline = found[8] or ''}, ON_DEMAND)
end

local pauses = {} -- goal -> whether it is paused, for all calls of a batch: a script that changes that does so before anything asks

-- Whether nothing of a goal may start, and no answer about it may change anything.
local function paused(goal)
  if pauses[goal] == nil then pauses[goal] = redis.call('HGET', T .. ':g:' .. goal, 'paused') == '1' end
  return pauses[goal]
end

-- The fence: the task, if the caller's claim is still the live one; else nil. After a loss of data a generation may come twice,
-- to different agents.
local function held(id, generation, agent, stage)
  local task = load(id)
  if not task or task.gen ~= generation or task.agent ~= agent then return nil end
  if task.status ~= (stage == 'work' and 'RUNNING' or 'JUDGING') then return nil end
  if not redis.call('ZSCORE', T .. ':' .. stage .. ':lease', id) then return nil end
  if paused(task.goal) then return nil end
  return task
end

-- Have the table know what is written to the task: a flat list of names and texts.
local function note(task, fields)
  for i = 1, #fields, 2 do task[fields[i]] = fields[i + 1] end
end

local function set(task, ...)
  redis.call('HSET', task_key(task.id), ...)
  note(task, {...})
end

-- One more than a counter says. What somebody wrote there by hand may be no count.
local function one_more(counter)
  local count = tonumber(counter)
  if not count or count % 1 ~= 0 or math.abs(count) >= 1e15 then error('NO COUNT ' .. tostring(counter)) end
  return string.format('%d', count + 1)
end

-- Change the status, and with it `fields`, and append the one event that tells of it. Both are flat lists: `fields` of what else is
-- written to the task, `extra` of more event fields.
local function move(task, to, name, agent, extra, fields)
  if not LEGAL[task.status .. '>' .. to] then
    error('ILLEGAL ' .. task.id .. ' ' .. task.status .. ' ' .. to)
  end
  local counted, version = pcall(one_more, task.version)
  -- What somebody spoilt goes on beyond any version that the record may know: to stop here would strand a task that has left its place.
  if not counted then version = '1000001' end
  redis.call('HSET', task_key(task.id), 'status', to, 'version', version, unpack(fields or NOTHING))
  task.status, task.version = to, version
  if fields then note(task, fields) end
  redis.call('XADD', OUT, '*', 'name', name, 'task', task.id, 'goal', task.goal, 'status', to, 'phase', task.phase,
    'version', version, 'generation', task.gen, 'attempts', task.attempts, 'agent', agent, unpack(extra or NOTHING))
end

local tokens = {} -- how many a stage's bell has; nobody takes one while a script runs

local function ring(stage)
  local bell = T .. ':' .. stage .. ':bell'
  tokens[stage] = tokens[stage] or redis.call('LLEN', bell)
  if tokens[stage] < BELL_TOKENS then tokens[stage] = redis.call('RPUSH', bell, 1) end
end

-- ADR 0024: places in a lane, and turns between lanes.
local LIMIT = 2 ^ 53 -- Whole numbers below are exact. What somebody wrote there by hand may be beyond.

local function whole(score)
  local number = tonumber(score) or 0
  return number >= 0 and number < LIMIT and math.floor(number) or 0
end

local function lane_of(task, stage)
  local rank = task['alone:' .. stage] == '1' and 'alone' or task.prio
  return task.kind .. ':' .. rank .. (task.phase == 'execute' and '/execute' or '')
end

-- The lanes of these priorities that may be read now: {priority = {lane, ...}}, first what was served longest ago. Then the last turn
-- that was given, and how many lanes there are in all. No kinds mean any kind.
local function open_lanes(stage, kinds, priorities, executes)
  local lanes, wanted, parked = {}, {}, {}
  for _, prio in ipairs(priorities) do lanes[prio] = {} end
  for _, kind in ipairs(kinds) do wanted[kind] = true end
  local turns = redis.call('ZRANGE', T .. ':' .. stage .. ':turns', 0, -1, 'WITHSCORES')
  if #turns == 0 then return lanes, 0, 0 end
  local now = string.format('(%.0f', now_ms())
  for _, kind in ipairs(redis.call('ZRANGEBYSCORE', T .. ':' .. stage .. ':parked', now, '+inf')) do parked[kind] = true end
  for i = 1, #turns, 2 do
    local kind, prio, phase = string.match(turns[i], '^(.*):(%a+)(/?%a*)$')
    -- A name that somebody put there by hand may be of no kind.
    local open = kind and lanes[prio] and not parked[kind] and (executes or phase == '')
    if open and (#kinds == 0 or wanted[kind]) then table.insert(lanes[prio], turns[i]) end
  end
  return lanes, whole(turns[#turns]), #turns / 2
end

-- Keep a task of a paused goal until the goal goes on. Returns its `entry`.
local function set_aside(task, stage)
  redis.call('ZADD', T .. ':' .. stage .. ':aside:' .. task.goal, now_ms(), task.id)
  return 'aside'
end

-- A lane that opens takes its turn behind those that are open.
local function open_lane(stage, lane)
  local turns = T .. ':' .. stage .. ':turns'
  local last = redis.call('ZRANGE', turns, -1, -1, 'WITHSCORES')[2]
  if redis.call('ZADD', turns, 'NX', whole(last) + 1, lane) == 0 then
    redis.call('DEL', T .. ':' .. stage .. ':last:' .. lane) -- The lane was lost, and what is remembered of it says nothing.
  end
end

local heads = {} -- lane's key -> the lowest place in it, as far as this script knows
local places -- For a script that puts many in: key of last places -> goal -> its last place, which keep_places writes. Else nil.

-- The place behind a goal's last one, and not below the least.
local function place_behind(last, goal, least)
  if places then
    places[last] = places[last] or {}
    local place = math.max(whole(places[last][goal] or redis.call('ZSCORE', last, goal)) + 1, least)
    places[last][goal] = place
    return place
  end
  local place = whole(redis.call('ZADD', last, 'INCR', 1, goal))
  if place >= least then return place end
  redis.call('ZADD', last, least, goal)
  return least
end

-- Write the last places that were kept back until now. Were they lost, goals would be early, never late.
local function keep_places()
  for last, goals in pairs(places) do
    local pairs_of = {}
    for goal, place in pairs(goals) do
      table.insert(pairs_of, place)
      table.insert(pairs_of, goal)
      if #pairs_of >= 1000 then
        redis.call('ZADD', last, unpack(pairs_of))
        pairs_of = {}
      end
    end
    if #pairs_of > 0 then redis.call('ZADD', last, unpack(pairs_of)) end
  end
end

-- The place of a goal's next task in a lane: one behind the goal's last, and behind the lowest that waits. So goals take turns,
-- a task each, however many tasks one of them has.
local function next_place(stage, lane, goal)
  local waiting = T .. ':' .. stage .. ':w:' .. lane
  heads[waiting] = heads[waiting] or redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
  if not heads[waiting] then
    open_lane(stage, lane)
    heads[waiting] = 1
    return 1
  end
  return place_behind(T .. ':' .. stage .. ':last:' .. lane, goal, whole(heads[waiting]) + 1)
end

local lined_up_at -- [ms]
local WINDOW = 2 ^ 22 -- [ms]

-- What a place is in a lane: behind the point the time, so that those of one place come in the order in which they came, but for
-- a window of 70 minutes that begins meanwhile, or a place that leaves no room behind the point.
local function score_of(place)
  return place < LIMIT / WINDOW and place + (lined_up_at % WINDOW) / WINDOW or place
end

-- Have the task wait in its lane of a stage and wake a process. Returns its `entry`, which the caller writes: the place and the
-- time. It has the form of an id of a stream's entry, as which the older release may take it.
local function line_up(task, stage)
  if paused(task.goal) then return set_aside(task, stage) end
  local lane = lane_of(task, stage)
  local place = next_place(stage, lane, task.goal)
  lined_up_at = lined_up_at or now_ms()
  redis.call('ZADD', T .. ':' .. stage .. ':w:' .. lane, score_of(place), task.id)
  ring(stage)
  return string.format('%d-%.0f', place, lined_up_at)
end

-- Have the task wait at a stage.
local function enter(task, stage)
  set(task, 'entry', line_up(task, stage))
end

-- `move` to a status in which the task waits at a stage, and have it wait there. Were the move refused, the entry would stand for
-- nothing, and the next claim drops such.
local function move_in(task, to, name, agent, extra, fields)
  fields = fields or {}
  note(task, fields)
  table.insert(fields, 'entry')
  table.insert(fields, line_up(task, to == 'JUDGING' and 'judge' or 'work'))
  move(task, to, name, agent, extra, fields)
end

-- Whether a task waits in a lane.
local function waits(stage, lane)
  return redis.call('EXISTS', T .. ':' .. stage .. ':w:' .. lane) == 1
end

-- Drop a lane that has become empty, so that keys do not outlive work.
local function close_lane(stage, lane)
  redis.call('DEL', T .. ':' .. stage .. ':last:' .. lane)
  redis.call('ZREM', T .. ':' .. stage .. ':turns', lane)
end

-- The same for a lane of the older release.
local function close_stream(stage, lane)
  local stream = T .. ':' .. stage .. ':q:' .. lane
  if redis.call('XLEN', stream) > 0 then return end
  redis.call('DEL', stream)
  redis.call('SREM', T .. ':' .. stage .. ':lanes', lane)
end

-- Take the task out of its lane. Its goal's next one is placed as if it were the goal's first: early at worst, never late.
local function leave_lane(task, stage)
  local lane = lane_of(task, stage)
  if redis.call('ZREM', T .. ':' .. stage .. ':w:' .. lane, task.id) == 1 then
    heads[T .. ':' .. stage .. ':w:' .. lane] = nil
    redis.call('ZREM', T .. ':' .. stage .. ':last:' .. lane, task.goal)
    if not waits(stage, lane) then close_lane(stage, lane) end
  else
    lane = string.gsub(lane, '/execute$', '')
    redis.pcall('XDEL', T .. ':' .. stage .. ':q:' .. lane, task.entry)
    close_stream(stage, lane)
  end
end

-- Statuses in which a task may have a lease, or a delay.
local MAY_BE_LEASED = {RUNNING = true, JUDGING = true}
local MAY_BE_DELAYED = {DELAYED = true, JUDGING = true}

-- Take the task out of wherever it waits or is held.
local function leave(task)
  local stage = task.status == 'JUDGING' and 'judge' or 'work'
  -- What is leased waits nowhere.
  if MAY_BE_LEASED[task.status] and redis.call('ZREM', T .. ':' .. stage .. ':lease', task.id) == 1 then return end
  if MAY_BE_DELAYED[task.status] then redis.call('ZREM', T .. ':' .. stage .. ':delay', task.id) end
  if task.entry == '' then return end
  if task.entry == 'aside' then
    redis.call('ZREM', T .. ':' .. stage .. ':aside:' .. task.goal, task.id)
  else
    leave_lane(task, stage)
  end
  set(task, 'entry', '')
end

-- Where a task waits for a worker: a proposal is QUEUED, everything after an approval is APPROVED.
local function waiting_status(task)
  return task.phase == 'propose' and 'QUEUED' or 'APPROVED'
end

local end_task -- settle and end_task call each other

-- Give a task the output of one that it depends on; false when all that it depends on is too much for one task.
local function give(task, key, output)
  if redis.call('HINCRBY', task_key(task.id), 'given', #output) > MOST_INPUT then return false end
  redis.call('HSET', task_key(task.id), 'in:' .. key, output)
  return true
end

local function overwhelm(task)
  end_task(task, 'FAILED', 'task.failed', '', {'error', 'the outputs that it depends on are more than 16 MiB together'})
end

-- One child hears how its parent ended.
local function tell(child, parent)
  if not child or child.status ~= 'PENDING' then return end
  if parent.status ~= 'COMPLETED' then
    end_task(child, 'CANCELLED', 'task.cancelled', '', {'error', 'it depends on ' .. parent.key .. ', which is ' .. parent.status})
    return
  end
  if not give(child, parent.key, redis.call('HGET', task_key(parent.id), 'output') or 'null') then return overwhelm(child) end
  if redis.call('HINCRBY', task_key(child.id), 'left', -1) == 0 then
    move_in(child, 'QUEUED', 'task.queued', '')
  end
end

local all_told = false -- whether T:settle was found empty, and nothing was put there since

-- Tell at most `limit` children of ended tasks; returns how many were told.
local function settle(limit)
  local told = 0
  while told < limit and not all_told do
    local id = redis.call('LINDEX', T .. ':settle', 0)
    all_told = not id
    if all_told then break end
    local parent = load(id)
    local ended = parent and TERMINAL[parent.status]
    local child = ended and redis.call('SPOP', T .. ':c:' .. id)
    if child then
      tell(load(child), parent)
      told = told + 1
    elseif parent and not ended then
      redis.call('LPOP', T .. ':settle') -- It was queued again; its children go on waiting for it.
    else
      redis.call('LPOP', T .. ':settle')
      if redis.call('HGET', task_key(id), 'recorded') == '1' then redis.call('DEL', task_key(id)) end
    end
  end
  return told
end

-- Move a task to a terminal status. Its children are told through T:settle, so a long chain needs no deep stack.
end_task = function(task, to, name, agent, extra, fields)
  leave(task)
  move(task, to, name, agent, extra, fields)
  if task.deadline ~= '0' then redis.call('ZREM', T .. ':deadline', task.id) end
  if redis.call('EXISTS', T .. ':c:' .. task.id) == 1 then
    redis.call('RPUSH', T .. ':settle', task.id)
    all_told = false
  end
end

-- Count a delivery whose agent is gone without an answer. Before the one that ends a task it is claimed alone: what fails then has
-- failed for no neighbour's fault.
local function count_loss(task, stage, cap)
  local lost = redis.call('HINCRBY', task_key(task.id), 'lost:' .. stage, 1)
  if lost == cap - 1 then set(task, 'alone:' .. stage, '1') end
  return lost
end

-- Put a task back whose agent is gone, or end it when too many were; `known` is what is known of the last one's end.
local function take_back(task, cap, name, agent, why, known)
  local lost = count_loss(task, 'work', cap)
  if lost >= cap then
    local how = task['alone:work'] == '1' and ', with nothing else in its process' or ''
    local said = 'its agent vanished ' .. lost .. ' times, at last ' .. task.agent .. how .. known
    end_task(task, 'FAILED', 'task.failed', agent, {'error', said})
  else
    local next = task['alone:work'] == '1' and ', it is claimed alone from here' or ''
    leave(task)
    move_in(task, waiting_status(task), name, agent, {'error', why .. next})
  end
end

-- Whether an order about a goal is the last one that came. A goal unknown here takes its orders along when it is dispatched.
local function newest_order(goal, order)
  local known = redis.call('HMGET', T .. ':g:' .. goal, 'text', 'ordered')
  if not known[1] or tonumber(known[2] or '0') > tonumber(order) then return false end
  redis.call('HSET', T .. ':g:' .. goal, 'ordered', order)
  return true
end

-- A state that is lost while its goal goes on would be begun anew at version 0, and what was committed before be lost for good.
local function demand_state(goal)
  if redis.call('HGET', T .. ':g:' .. goal, 'stateful') == '1' and redis.call('EXISTS', T .. ':s:' .. goal) == 0 then
    error('STATE LOST ' .. goal)
  end
end

-- `changes` is JSON: [[key, expected version, JSON text of the value], ...]
local function conflict(goal, changes)
  if changes == '[]' then return nil end
  for _, change in ipairs(cjson.decode(changes)) do
    local actual = tonumber(redis.call('HGET', T .. ':s:' .. goal, 'v:' .. change[1]) or '0')
    if actual == 0 then demand_state(goal) end
    if actual ~= change[2] then return {'conflict', change[1], change[2], actual} end
  end
  return nil
end

-- Ask whether a held result could be approved now. Whatever ends a script must come before its first write: an approval that ended
-- half-way would count as carried out.
local function demand_approvable(task)
  conflict(task.goal, task.changes == '' and '[]' or task.changes)
end

-- Call only after `conflict` returned nil in the same script.
local function commit(goal, changes)
  if changes == '[]' then return end
  for _, change in ipairs(cjson.decode(changes)) do
    local version = redis.call('HINCRBY', T .. ':s:' .. goal, 'v:' .. change[1], 1)
    if version == 1 then redis.call('HSET', T .. ':g:' .. goal, 'stateful', 1) end
    redis.call('HSET', T .. ':s:' .. goal, 'd:' .. change[1], change[3])
  end
end

local function judgement_of(task)
  return task.judgement == '' and 'null' or task.judgement
end

-- What an event tells of an approval: how it was judged, and who vouches for it. A seal written by hand may be no JSON.
local function told_of(task)
  local readable = task.seal ~= '' and pcall(cjson.decode, task.seal)
  return {'judgement', judgement_of(task), 'seal', readable and task.seal or 'null'}
end

-- The fields with which a task begins another phase.
local function again(phase)
  return {'phase', phase, 'fail:work', '0', 'lost:work', '0', 'outages:work', '0', 'alone:work', '0', 'drained:work', '0'}
end

-- What follows when an approved result's changes are committed: the execute phase, or the end.
local function carry_on(task, agent, changes)
  local told = {'changes', changes, unpack(told_of(task))}
  if task.executes == '1' then
    move_in(task, 'APPROVED', 'task.approved', agent, told, again('execute'))
  else
    move(task, 'APPROVED', 'task.approved', agent, told)
    end_task(task, 'COMPLETED', 'task.completed', agent, {'output', task.output})
  end
end

-- Make the result again from fresh state, at once or after a delay [ms]. Counts a conflict, costs no attempt.
local function run_again(task, agent, reason, delay)
  redis.call('HINCRBY', task_key(task.id), 'conflicts', 1)
  redis.call('HDEL', task_key(task.id), 'output', 'changes', 'digest', 'approved', 'seal', 'policy', 'rubric', 'outages:work')
  if delay > 0 then
    move(task, 'DELAYED', 'task.conflicted', agent, {'error', reason}, {'phase', 'propose'})
    redis.call('ZADD', T .. ':work:delay', now_ms() + delay, task.id)
  else
    move_in(task, 'QUEUED', 'task.conflicted', agent, {'error', reason}, {'phase', 'propose'})
  end
end

-- Let the held result take effect, or return why it has to be made again. The approved digest is written here and nowhere else, with
-- the seal that vouches for it.
local function approve(task, agent, seal)
  local changes = task.changes == '' and '[]' or task.changes
  local found = conflict(task.goal, changes)
  set(task, 'approved', task.digest, 'seal', seal)
  if not found then
    commit(task.goal, changes)
    carry_on(task, agent, changes)
    return nil
  end
  local reason = 'state ' .. found[2] .. ' is at version ' .. found[4] .. ', the result was made on ' .. found[3]
  local told = {'error', reason, unpack(told_of(task))}
  if task.mergeable == '1' then
    move_in(task, 'APPROVED', 'task.approved', agent, told, again('merge'))
  else
    move(task, 'APPROVED', 'task.approved', agent, told)
    run_again(task, agent, reason, 0)
    return reason
  end
end
