--[[ Claim at most one delivery an agent: read the lanes, lease, raise the generation. Reading and leasing are one atom, so the
     streams are read with NOACK and entries are deleted at once; nothing can be lost between a read and a lease.
  ARGV[1]  stage
  ARGV[2]  length of the lease [ms]
  ARGV[3]  JSON list of agent ids, one delivery each at most
  ARGV[4]  JSON list of kinds; empty means any
  ARGV[5]  'others' to leave those that are claimed alone, 'alone' to claim one of them, 'either' to claim one of them if one
           waits, else others
  Entries of paused goals are set aside, each once, so that they keep nobody else waiting.
  Returns  a list of {task id, agent, generation, goal text, persona, flat list of the task's fields, without UNTOLD,
           the shard's epoch}. ]]

local stage = ARGV[1]
local agents, kinds = cjson.decode(ARGV[3]), cjson.decode(ARGV[4])
local PRIORITIES = ({others = {'high', 'normal', 'low'}, alone = {'alone'}, either = {'alone', 'high', 'normal', 'low'}})[ARGV[5]]
local ends = string.format('%d', now_ms() + tonumber(ARGV[2]))
local claimed, put_aside, claimed_in = {}, 0, nil
-- Entries of paused goals that one call moves out of the way: about 10 ms of the server's time.
local MOST_ASIDE = 500

-- Fields that are the scripts' own: nobody who claims reads them.
local UNTOLD = {status = true, gen = true, version = true, attempts = true, begin = true, entry = true, agent = true, prio = true,
                life = true, left = true, judgement = true, digest = true, mergeable = true, given = true, resumed = true,
                recorded = true}

-- A task, and in it the fields that the claim tells of; nil when it is unknown.
local function load_all(id)
  local fields, told = redis.call('HGETALL', task_key(id)), 0
  local task = {id = id, status = '', phase = '', goal = '', gen = '', version = '', attempts = '', entry = '', deadline = '',
    digest = '', approved = '', begin = '', fields = fields}
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if task[name] == '' or string.sub(name, 1, 7) == 'handed:' then task[name] = value end
    if not UNTOLD[name] then
      fields[told + 1], fields[told + 2] = name, value
      told = told + 2
    end
  end
  fields[told + 1] = nil -- A reply ends there.
  return task.status ~= '' and setmetatable(task, ON_DEMAND) or nil
end

-- The shortest lanes come first, so that a long one starves nobody.
local function lanes_by_priority()
  local lanes = open_lanes(stage, kinds, PRIORITIES)
  for _, list in pairs(lanes) do
    table.sort(list, function(a, b) return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1]) end)
  end
  return lanes
end

-- Held work does not run: after a proposal, only what carries the approved digest may be claimed.
local function claimable(task, entry)
  if not task or task.entry ~= entry then return false end
  if stage == 'judge' then return task.status == 'JUDGING' end
  if task.phase == 'propose' then return task.status == 'QUEUED' end
  return task.status == 'APPROVED' and task.digest ~= '' and task.approved == task.digest
end

-- What a claim tells of the goal: text, persona, and whether it is paused.
local goals = {}
local function goal_of(task)
  if not goals[task.goal] then
    local found = redis.call('HMGET', T .. ':g:' .. task.goal, 'text', 'persona', 'paused')
    goals[task.goal] = {text = found[1] or '', persona = found[2] or 'null', paused = found[3] == '1'}
  end
  return goals[task.goal]
end

-- A task to look at, or nil when nothing can be read of it. After one of a paused goal more of it will come, and may be long.
local function look_at(id)
  local readable, task = pcall(put_aside > 0 and load or load_all, id)
  return readable and task and pcall(goal_of, task) and task or nil
end

local function claim(task)
  local agent, goal = agents[#claimed + 1], goal_of(task)
  local gen, handed = one_more(task.gen), 'handed:' .. task.phase
  local times = one_more(rawget(task, handed) or '0')
  one_more(task.version) -- Such a task does not begin.
  if stage == 'judge' then
    set(task, 'gen', gen, 'agent', agent, 'entry', '')
  elseif task.begin == '1' then
    move(task, 'RUNNING', 'task.started', agent, nil,
      {'gen', gen, 'agent', agent, 'entry', '', handed, times, 'attempts', one_more(task.attempts), 'begin', '0'})
  else
    move(task, 'RUNNING', 'task.started', agent, nil, {'gen', gen, 'agent', agent, 'entry', '', handed, times})
  end
  claimed_in = claimed_in or tonumber(epoch())
  table.insert(claimed, {task.id, agent, tonumber(gen), goal.text, goal.persona, task.fields, claimed_in})
end

local LEASED_AT_ONCE = 1000 -- Lua passes some thousands of values to one command

-- Lease all at once, before anything of them changes: whatever goes wrong, nothing runs without a lease.
local function lease(tasks)
  for first = 1, #tasks, LEASED_AT_ONCE do
    local leases = {}
    for n = first, math.min(first + LEASED_AT_ONCE - 1, #tasks) do
      table.insert(leases, ends)
      table.insert(leases, tasks[n].id)
    end
    redis.call('ZADD', T .. ':' .. stage .. ':lease', unpack(leases))
  end
end

-- End a task whose counters somebody wrote by hand. The version is beyond any that the record may know of it.
local function refuse(task)
  redis.call('ZREM', T .. ':' .. stage .. ':lease', task.id)
  set(task, 'gen', '1000000', 'version', '1000000', 'attempts', '0', 'entry', '')
  end_task(task, 'FAILED', 'task.failed', '', {'error', 'its counters in Redis are no numbers'})
end

-- Read up to `want` entries of one lane off.
local function read(stream, want)
  local found = redis.pcall('XREADGROUP', 'GROUP', 'w', 'chimera', 'COUNT', want, 'NOACK', 'STREAMS', stream, '>')
  if not found or found.err then
    redis.pcall('XGROUP', 'CREATE', stream, 'w', '0', 'MKSTREAM')
    return {}
  end
  local entries = found[1][2]
  local last = entries[#entries][1]
  redis.call('XTRIM', stream, 'MINID', last)
  redis.call('XDEL', stream, last)
  return entries
end

-- Take up to `want` entries of one lane. Entries that stand for nothing claimable (written by hand, outdated) are dropped.
local function take(lane, want)
  local found = {}
  for _, entry in ipairs(read(T .. ':' .. stage .. ':q:' .. lane, want)) do
    local id = entry[2] and entry[2][2]
    local task = id and look_at(id)
    if claimable(task, entry[1]) then
      if goal_of(task).paused then
        set(task, 'entry', set_aside(task, stage))
        put_aside = put_aside + 1
      else
        table.insert(found, rawget(task, 'fields') and task or load_all(id))
      end
    end
  end
  lease(found)
  for _, task in ipairs(found) do
    -- An error in the middle would strand the tasks behind this one: their entries are gone already.
    if not pcall(claim, task) then refuse(task) end
  end
  close_if_empty(stage, lane)
end

local lanes = lanes_by_priority()
for _, prio in ipairs(PRIORITIES) do
  local list, most = lanes[prio], prio == 'alone' and 1 or #agents
  for i, lane in ipairs(list) do
    local before
    repeat
      before = put_aside
      local want = math.ceil((most - #claimed) / (#list - i + 1))
      if want > 0 then take(lane[1], want) end
    until put_aside == before or put_aside >= MOST_ASIDE
  end
  if prio == 'alone' and #claimed > 0 then
    redis.call('DEL', T .. ':' .. stage .. ':warden') -- Whoever came to rest for this one has done its duty.
    break
  end
end
if put_aside >= MOST_ASIDE then ring(stage) end
return claimed
