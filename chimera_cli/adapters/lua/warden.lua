--[[ Give one busy process at a time the duty to come to rest, so that a task that is claimed alone gets its turn.
  ARGV[1]  stage
  ARGV[2]  process id
  ARGV[3]  how long the duty holds unless it is asked for again [ms]
  ARGV[4]  JSON list of the kinds that it claims; empty means any
  ARGV[5]  1 when it claims execute phases too
  Returns  1 when it is this process's duty, else 0. ]]

local warden = T .. ':' .. ARGV[1] .. ':warden'
local lanes = open_lanes(ARGV[1], cjson.decode(ARGV[4]), {'alone'}, ARGV[5] == '1')
if #lanes.alone == 0 then return 0 end
local holder = redis.call('GET', warden)
if holder and holder ~= ARGV[2] then return 0 end
redis.call('SET', warden, ARGV[2], 'PX', tonumber(ARGV[3]))
return 1
