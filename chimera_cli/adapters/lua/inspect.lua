--[[ Look whether live tasks that have not moved for long stand where their status says. Keys may have been lost one by one, under a
     server that goes on.
  ARGV[1]  JSON list of tasks as the record has them: {id, goal, version, status, deps (ids of the tasks that it depends on)}
  ARGV[2]  JSON object: goal id -> number of the goal's state keys by the record
  ARGV[3]  1 to mend what needs no record, and to clear what has to be put in again; the caller holds the record's lock then
  Returns  for each task: ok; goal, when its goal or the goal's state is lost; lost, when it stands nowhere, and is cleared when
           ARGV[3] is 1; unmended or mended, when something beside it is lost that this script can make anew. ]]

local states, mend = cjson.decode(ARGV[2]), ARGV[3] == '1'
local WAITING_FOR_WORK = {QUEUED = true, APPROVED = true}

-- What can be made anew here is, when the caller wants that.
local function mended(make, ...)
  if not mend then return 'unmended' end
  make(...)
  return 'mended'
end

-- A lane without a turn is never looked at.
local function give_turn(stage, lane)
  local turns = T .. ':' .. stage .. ':turns'
  redis.call('ZADD', turns, 'NX', whole(redis.call('ZRANGE', turns, -1, -1, 'WITHSCORES')[2]) + 1, lane)
  ring(stage)
end

local function in_stream(task, stage, lane)
  if not string.find(task.entry, '^%d+%-%d+$') then return false end
  local found = redis.pcall('XRANGE', T .. ':' .. stage .. ':q:' .. string.gsub(lane, '/execute$', ''), task.entry, task.entry)
  return not found.err and #found > 0
end

local function in_lane(task, stage)
  local lane = lane_of(task, stage)
  local place = redis.call('ZSCORE', T .. ':' .. stage .. ':w:' .. lane, task.id)
  if not place then return in_stream(task, stage, lane) and 'ok' or 'lost' end
  if math.floor(tonumber(place)) ~= tonumber(string.match(task.entry, '^(%d+)%-')) then return 'lost' end
  if redis.call('ZSCORE', T .. ':' .. stage .. ':turns', lane) then return 'ok' end
  return mended(give_turn, stage, lane)
end

local function stands_in(key, task)
  return redis.call('ZSCORE', T .. ':' .. key, task.id) and 'ok' or 'lost'
end

local function waits(task, stage)
  if task.entry == 'aside' then
    return paused(task.goal) and stands_in(stage .. ':aside:' .. task.goal, task) or 'lost'
  end
  return in_lane(task, stage)
end

local function settle_again(dep)
  redis.call('RPUSH', T .. ':settle', dep)
end

-- A task that waits for others: each of them knows of it, and those that have ended are about to tell it.
local function depends(task, deps)
  local open, ended = 0, nil
  for _, dep in ipairs(deps) do
    if redis.call('SISMEMBER', T .. ':c:' .. dep, task.id) == 1 then
      local status = redis.call('HGET', task_key(dep), 'status')
      if not status then return 'lost' end
      open = open + 1
      if TERMINAL[status] then ended = dep end
    end
  end
  if open == 0 or open ~= tonumber(task.left) then return 'lost' end
  if ended and redis.call('LLEN', T .. ':settle') == 0 then return mended(settle_again, ended) end
  return 'ok'
end

local function judged(task)
  for _, key in ipairs({'judge:lease', 'judge:delay'}) do
    if stands_in(key, task) == 'ok' then return 'ok' end
  end
  return task.entry ~= '' and waits(task, 'judge') or 'lost'
end

local PLACES = {
  PENDING = function(task, spec) return depends(task, spec.deps) end,
  QUEUED = function(task) return waits(task, 'work') end,
  APPROVED = function(task) return waits(task, 'work') end,
  DELAYED = function(task) return stands_in('work:delay', task) end,
  RUNNING = function(task) return stands_in('work:lease', task) end,
  JUDGING = judged,
  NEEDS_REVIEW = function() return 'ok' end, -- A card of the record waits, not Redis.
}

local function remember_deadline(task)
  redis.call('ZADD', T .. ':deadline', task.deadline, task.id)
end

local function due(task)
  if task.deadline == '' or task.deadline == '0' then return 'ok' end
  return stands_in('deadline', task) == 'ok' and 'ok' or mended(remember_deadline, task)
end

-- Tell once more what became of a task of which the record has not heard: the events were lost on their way.
local function tell_again(task)
  local names = {NEEDS_REVIEW = 'task.held', COMPLETED = 'task.completed', REJECTED = 'task.rejected', FAILED = 'task.failed',
                 CANCELLED = 'task.cancelled'}
  local kept = redis.call('HMGET', task_key(task.id), 'output', 'usage', 'judgement')
  local extra = {'error', 'the event of its end was lost in Redis'}
  if task.status == 'NEEDS_REVIEW' then
    extra = {'output', kept[1] or 'null', 'usage', kept[2] or '{}', 'judgement', kept[3] or 'null'}
  elseif task.status == 'COMPLETED' then
    extra = {'output', kept[1] or 'null', 'changes', '[]', 'usage', kept[2] or '{}'}
  end
  redis.call('XADD', OUT, '*', 'name', names[task.status], 'task', task.id, 'goal', task.goal, 'status', task.status,
    'phase', task.phase, 'version', task.version, 'generation', task.gen, 'attempts', task.attempts, 'agent', task.agent,
    unpack(extra))
end

-- A task that has moved on: its events are on their way to the record, or they were lost.
local function ahead(task)
  local still = task.status == 'NEEDS_REVIEW' or TERMINAL[task.status]
  if not still or redis.call('XLEN', OUT) > 0 then return 'ok' end
  return mended(tell_again, task)
end

local known_goals = {}
local function goal_stands(goal)
  if known_goals[goal] == nil then
    local fields = states[goal] and redis.call('HLEN', T .. ':s:' .. goal) or 0
    known_goals[goal] = redis.call('HEXISTS', T .. ':g:' .. goal, 'text') == 1 and fields >= 2 * (states[goal] or 0)
  end
  return known_goals[goal]
end

local function stand(task, spec)
  local version = task and tonumber(task.version)
  if not version or version < spec.version then return 'lost' end
  if version > spec.version then return ahead(task) end
  if task.status ~= spec.status or not PLACES[task.status] then return 'lost' end
  local place = PLACES[task.status](task, spec)
  if place == 'ok' then place = due(task) end
  if place == 'ok' and not goal_stands(task.goal) then return 'goal' end
  return place
end

-- Take a task out of wherever it may stand, so that it can be put in as one that is unknown.
local function clear(id, task)
  if task then pcall(leave, task) end
  for _, key in ipairs({'work:lease', 'work:delay', 'judge:lease', 'judge:delay', 'deadline'}) do
    redis.call('ZREM', T .. ':' .. key, id)
  end
  redis.call('DEL', task_key(id))
end

local standings = {}
for i, spec in ipairs(cjson.decode(ARGV[1])) do
  local readable, task = pcall(load, spec.id)
  task = readable and task or nil
  standings[i] = stand(task, spec)
  if mend and standings[i] == 'lost' then clear(spec.id, task) end
end
return standings
