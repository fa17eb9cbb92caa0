--[[ Claim at most one delivery an agent: read the lanes, lease, raise the generation. Reading and leasing are one atom, so the
     streams are read with NOACK and entries are deleted at once; nothing can be lost between a read and a lease.
  ARGV[1]  stage
  ARGV[2]  length of the lease [ms]
  ARGV[3]  JSON list of agent ids, one delivery each at most
  ARGV[4]  JSON list of kinds; empty means any
  ARGV[5]  1 to claim from the lanes of those that are claimed alone, 0 from all others
  Entries of paused goals are set aside, each once, so that they keep nobody else waiting.
  Returns  a list of {task id, agent, generation, goal text, persona, flat list of the task's fields}. ]]

local stage, lease_ms = ARGV[1], tonumber(ARGV[2])
local agents, kinds, alone = cjson.decode(ARGV[3]), cjson.decode(ARGV[4]), ARGV[5] == '1'
local PRIORITIES = alone and {'alone'} or {'high', 'normal', 'low'}
local now = now_ms()
local claimed, put_aside = {}, 0
-- Entries of paused goals that one call moves out of the way: about 10 ms of the server's time.
local MOST_ASIDE = 500

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

local function claim(task)
  local agent, goal = agents[#claimed + 1], goal_of(task)
  set(task, 'gen', task.gen + 1, 'agent', agent, 'entry', '')
  if stage == 'work' then
    if task.begin == '1' then set(task, 'attempts', task.attempts + 1, 'begin', 0) end
    move(task, 'RUNNING', 'task.started', agent)
  end
  redis.call('ZADD', T .. ':' .. stage .. ':lease', now + lease_ms, task.id)
  table.insert(claimed, {task.id, agent, tonumber(task.gen), goal.text, goal.persona, redis.call('HGETALL', task_key(task.id))})
end

-- End a task whose counters somebody wrote by hand. The version is beyond any that the record may know of it.
local function refuse(task)
  set(task, 'gen', 1000000, 'version', 1000000, 'attempts', 0)
  end_task(task, 'FAILED', 'task.failed', '', {'error', 'its counters in Redis are no numbers'})
end

-- Take up to `want` entries of one lane. Entries that stand for nothing claimable (written by hand, outdated) are dropped.
local function take(lane, want)
  local stream = T .. ':' .. stage .. ':q:' .. lane
  local found = redis.pcall('XREADGROUP', 'GROUP', 'w', 'chimera', 'COUNT', want, 'NOACK', 'STREAMS', stream, '>')
  if not found or found.err then
    redis.pcall('XGROUP', 'CREATE', stream, 'w', '0', 'MKSTREAM')
    found = nil
  end
  for _, entry in ipairs(found and found[1][2] or {}) do
    redis.call('XDEL', stream, entry[1])
    local id = entry[2] and entry[2][2]
    local task = id and load(id)
    -- An error in the middle would strand the entries behind this one: the group has read them already.
    if claimable(task, entry[1]) then
      if goal_of(task).paused then
        set_aside(task, stage)
        put_aside = put_aside + 1
      elseif not pcall(claim, task) then
        refuse(task)
      end
    end
  end
  close_if_empty(stage, lane)
  return found ~= nil
end

local lanes = lanes_by_priority()
for _, prio in ipairs(PRIORITIES) do
  local list = lanes[prio]
  for i, lane in ipairs(list) do
    local before
    repeat
      before = put_aside
      local want = math.ceil((#agents - #claimed) / (#list - i + 1))
      if want > 0 then take(lane[1], want) end
    until put_aside == before or put_aside >= MOST_ASIDE
  end
end
-- Whoever came to rest for this one has done its duty.
if alone and #claimed > 0 then redis.call('DEL', T .. ':' .. stage .. ':warden') end
if put_aside >= MOST_ASIDE then ring(stage) end
return claimed
