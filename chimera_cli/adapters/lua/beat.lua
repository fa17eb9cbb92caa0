--[[ One process's sign of life. KEYS[1] is here the fleet's tag, not a shard's.
  T:beats  zset  process id by its last beat [ms]
  T:fleet  hash  process id -> JSON of its last beat
  ARGV[1]  process id
  ARGV[2]  the beat (JSON)
  Returns  {'ok'}. ]]

redis.call('ZADD', T .. ':beats', now_ms(), ARGV[1])
redis.call('HSET', T .. ':fleet', ARGV[1], ARGV[2])
redis.call('HDEL', T .. ':stalled', ARGV[1]) -- Its event loop goes on.
return {'ok'}
