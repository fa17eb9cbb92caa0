--[[ Read the server's clock, and settle whether it stepped when it is not where it should be. KEYS[1] may be the fleet's tag.
  ARGV[1]  Postgres' time [ms], or '' when the caller does not know it
  ARGV[2]  since of the doubt that the caller judges, or ''
  ARGV[3]  how far the clock stepped, as the caller judges [ms]; taken when two judgements say the same
  ARGV[4]  the offset that the caller saw last, in case the key was lost
  Returns  {sure, doubted, doubt, settled or overdue, the server's clock, the last reading without a doubt, Postgres' time then or '',
            since when it is in doubt or '', how far it stepped, offset}, times in ms. ]]

local LONGEST = 60000 -- a doubt [ms]
local SAME = 2000 -- Judgements that differ by less say the same, and a smaller step is none [ms].
local KEY = T .. ':clock'
local record, judged_doubt, judgement = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local server, state, step = server_ms(), 'doubt', 0
local clock = {}
for i, value in ipairs(redis.call('HMGET', KEY, 'reading', 'record', 'offset', 'since', 'last', 'judged')) do
  clock[i] = tonumber(value or '') or false
end
local reading, before, offset, since, last, judged = unpack(clock)
offset = offset or tonumber(ARGV[4]) or 0

local function text(ms)
  return string.format('%.0f', ms)
end

-- A reading is worth nothing without Postgres' time beside it: who comes later, and has seen nothing, compares both.
local function believe(by)
  record = record or (before and before + server - reading - by)
  if record then redis.call('HSET', KEY, 'reading', text(server), 'record', text(record), 'offset', text(offset)) end
end

-- What was spared while time stood still is spared from now on.
local function spare_anew()
  local length = -(tonumber(redis.call('GET', T .. ':grace') or '') or 0)
  present = nil
  if length > 0 then spare(string.format('%d', length)) end
end

local function settle(how, by)
  state, step = how, math.abs(by) < SAME and 0 or by
  offset = offset + step
  believe(by)
  redis.call('HDEL', KEY, 'since', 'last', 'judged')
  spare_anew()
  if step == 0 then return end
  redis.call('HSET', KEY, 'step', text(step), 'stepped', text(server - offset))
  redis.call('DEL', T .. ':work:warden', T .. ':judge:warden') -- They expire by the server's clock; a duty is asked for again.
end

local function judge()
  if judged_doubt ~= text(since) or not judgement then return end
  if judged and math.abs(judged - judgement) < SAME then return settle('settled', judgement) end
  redis.call('HSET', KEY, 'judged', text(judgement))
end

if not reading or (not since and in_step(server, reading)) then
  state = 'sure'
  believe(0)
  spare_anew() -- The clock was set right before anyone looked.
elseif not since or not in_step(server, last or 0) then
  state = 'doubted' -- now, or anew
  redis.call('HDEL', KEY, 'judged')
  redis.call('HSET', KEY, 'since', text(server), 'last', text(server))
  since = server
else
  redis.call('HSET', KEY, 'last', text(server))
  judge()
  if state == 'doubt' and server - since > LONGEST then settle('overdue', judged or since - reading) end
end
return {state, text(server), text(reading or server), before and text(before) or '', since and text(since) or '', text(step), text(offset)}
