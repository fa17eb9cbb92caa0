--[[ Claim at most one delivery an agent: read the lanes, lease, raise the generation. Reading and leasing are one atom: nothing can
     be lost between a read and a lease.
  ARGV[1]  stage
  ARGV[2]  length of the lease [ms]
  ARGV[3]  JSON list of agent ids, one delivery each at most
  ARGV[4]  JSON list of kinds; empty means any
  ARGV[5]  'others' to leave those that are claimed alone, 'alone' to claim one of them, 'either' to claim one of them if one
           waits, else others
  ARGV[6]  the priority that comes first, before the others in their order
  ARGV[7]  1 to claim execute phases too, 0 to leave them where they wait
  Entries of paused goals are set aside, each once, so that they keep nobody else waiting.
  Returns  a list of {task id, agent, generation, goal text, persona, flat list of the task's fields, without UNTOLD,
           the shard's epoch}. ]]

local stage = ARGV[1]
local agents, kinds = cjson.decode(ARGV[3]), cjson.decode(ARGV[4])
local which, first, executes = ARGV[5], ARGV[6], ARGV[7] == '1'
local ends = string.format('%d', now_ms() + tonumber(ARGV[2]))
local claimed, put_aside, claimed_in = {}, 0, nil
-- Members that are not claimed and that one call moves out of the way: about 10 ms of the server's time.
local MOST_ASIDE = 500

-- Fields that are the scripts' own: nobody who claims reads them.
local UNTOLD = {status = true, gen = true, version = true, attempts = true, begin = true, entry = true, agent = true, prio = true,
                life = true, left = true, judgement = true, digest = true, mergeable = true, given = true, resumed = true,
                recorded = true}

-- A task, and in it the fields that the claim tells of; nil when it is unknown.
local function load_all(id)
  local fields, told = redis.call('HGETALL', task_key(id)), 0
  local task = {id = id, status = '', phase = '', goal = '', gen = '', version = '', attempts = '', entry = '', deadline = '',
    digest = '', approved = '', begin = '', kind = '', prio = '', ['alone:' .. stage] = '', fields = fields}
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

local function priorities()
  local order = which == 'others' and {} or {'alone'}
  if which == 'alone' then return order end
  table.insert(order, first)
  for _, prio in ipairs({'high', 'normal', 'low'}) do
    if prio ~= first then table.insert(order, prio) end
  end
  return order
end

-- Held work does not run: after a proposal, only what carries the approved digest may be claimed.
local function claimable(task, lane, place)
  if not task or tonumber(string.match(task.entry, '^(%d+)%-')) ~= place or lane_of(task, stage) ~= lane then return false end
  if stage == 'judge' then return task.status == 'JUDGING' end
  if task.phase == 'propose' then return task.status == 'QUEUED' end
  return task.status == 'APPROVED' and task.digest ~= '' and task.approved == task.digest
end

-- What a claim tells of the goal: text, persona, and whether it is paused. Nothing of a goal begins that is lost here, until the
-- sweep has put it back: it may be paused.
local goals = {}
local function goal_of(task)
  if not goals[task.goal] then
    local found = redis.call('HMGET', T .. ':g:' .. task.goal, 'text', 'persona', 'paused')
    goals[task.goal] = {text = found[1] or '', persona = found[2] or 'null', paused = found[3] == '1' or not found[1]}
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

-- Take up to `want` off a lane: a list of task id, place, task id, place, ...
local function read(lane, want)
  local waiting = T .. ':' .. stage .. ':w:' .. lane
  local found = redis.pcall('ZRANGE', waiting, 0, want - 1, 'WITHSCORES')
  if found.err or #found == 0 then return {} end
  for first = 1, #found, 2 * LEASED_AT_ONCE do
    local ids = {}
    for n = first, math.min(first + 2 * LEASED_AT_ONCE, #found) - 1, 2 do table.insert(ids, found[n]) end
    redis.call('ZREM', waiting, unpack(ids))
  end
  return found
end

-- Take up to `want` tasks of one lane and tell whether there may be more. Members that stand for nothing claimable (written by
-- hand, outdated) are dropped.
local function take(lane, want)
  local found, members = {}, read(lane, want)
  for i = 1, #members, 2 do
    local task = look_at(members[i])
    if claimable(task, lane, math.floor(tonumber(members[i + 1]))) then
      if goal_of(task).paused then
        set(task, 'entry', set_aside(task, stage))
        redis.pcall('ZREM', T .. ':' .. stage .. ':last:' .. lane, task.goal)
      else
        table.insert(found, rawget(task, 'fields') and task or load_all(members[i]))
      end
    end
  end
  lease(found)
  for _, task in ipairs(found) do
    -- An error in the middle would strand the tasks behind this one: they wait nowhere any more.
    if not pcall(claim, task) then refuse(task) end
  end
  put_aside = put_aside + #members / 2 - #found
  if #members < 2 * want or not waits(stage, lane) then
    close_lane(stage, lane)
    return false
  end
  -- Goals whose last task waits no longer are forgotten: places before the lowest one count for nothing.
  redis.pcall('ZREMRANGEBYSCORE', T .. ':' .. stage .. ':last:' .. lane, '-inf', whole(members[#members]))
  return true
end

local order = priorities()
local lanes, last, open = open_lanes(stage, kinds, order, executes)
local served = {}

local function serve(lane, want)
  local already = #claimed
  local more = take(lane, want)
  if #claimed > already then
    if not served[lane] then table.insert(served, lane) end
    served[lane] = (served[lane] or 0) + #claimed - already
  end
  return more
end

-- Share what is left to claim, `most` in all, out among lanes of one priority; what one of them has not got, the others give.
local function share(lanes, most)
  while #lanes > 0 and #claimed < most and put_aside < MOST_ASIDE do
    local rest = {}
    for i, lane in ipairs(lanes) do
      local want = math.ceil((most - #claimed) / (#lanes - i + 1))
      if want > 0 and serve(lane, want) then table.insert(rest, lane) end
    end
    lanes = rest
  end
end

-- Have the lanes that were served wait for their next turn, the longest that which was given most. Closed ones stay away.
local function take_turns()
  if open < 2 or #served == 0 then return end
  local turns, at = {}, {}
  for i, lane in ipairs(served) do at[lane] = i end
  table.sort(served, function(a, b) return served[a] < served[b] or (served[a] == served[b] and at[a] < at[b]) end)
  for i, lane in ipairs(served) do
    table.insert(turns, last + i)
    table.insert(turns, lane)
  end
  redis.call('ZADD', T .. ':' .. stage .. ':turns', 'XX', unpack(turns))
end

for _, prio in ipairs(order) do
  share(lanes[prio], prio == 'alone' and 1 or #agents)
  if prio == 'alone' and #claimed > 0 then
    redis.call('DEL', T .. ':' .. stage .. ':warden') -- Whoever came to rest for this one has done its duty.
    break
  end
end
take_turns()
if put_aside >= MOST_ASIDE then ring(stage) end
return claimed
