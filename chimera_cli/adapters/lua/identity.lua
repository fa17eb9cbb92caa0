--[[ Tell which swarm this Redis belongs to. KEYS[1] is here the fleet's tag, not a shard's.
  T:identity  string  JSON of the identity; written by bind.lua
  T:shards    string  number of shards, as releases without identities noted it
  Returns  {the server's run id, the identity or '', the number of shards or '', the identity's mark: its text may not survive the
            way to us and back, when somebody wrote bytes there that are no text}. ]]

local identity = redis.call('GET', T .. ':identity') or ''
return {server_run() or 'unknown', identity, redis.call('GET', T .. ':shards') or '', redis.sha1hex(identity)}
