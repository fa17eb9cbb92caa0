--[[ Write which swarm this Redis belongs to, unless that has changed meanwhile. KEYS[1] is here the fleet's tag, not a shard's.
  ARGV[1]  the mark of what was seen there, see identity.lua
  ARGV[2]  the identity (JSON)
  Returns  1, or 0 when something else stands there by now, and nothing was done. ]]

if redis.sha1hex(redis.call('GET', T .. ':identity') or '') ~= ARGV[1] then return 0 end
redis.call('SET', T .. ':identity', ARGV[2])
return 1
