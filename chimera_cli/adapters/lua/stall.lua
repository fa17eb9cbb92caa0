--[[ The sign of life of a process whose event loop stands still, given by its keeper. KEYS[1] is the fleet's tag.
  T:stalled  hash  process id -> how long its event loop has stood still [ms]; gone with its next beat
  ARGV[1]  process id
  ARGV[2]  how long [ms]
  Returns  1, or 0 when no such process has beaten. ]]

if not redis.call('ZSCORE', T .. ':beats', ARGV[1]) then return 0 end
redis.call('HSET', T .. ':stalled', ARGV[1], ARGV[2])
redis.call('ZADD', T .. ':beats', now_ms(), ARGV[1])
return 1
