--[[ Tell which swarm this Redis belongs to. KEYS[1] is here the fleet's tag, not a shard's.
  T:identity  string  JSON of the identity; written by bind.lua
  T:shards    string  number of shards, as releases without identities noted it
  Returns  {run id of the server, identity or '', number of shards or '', mark of the identity}. The mark is made here: bytes that
           are no text are changed on the way to us and back. ]]

local identity = redis.call('GET', T .. ':identity') or ''
return {server_run() or 'unknown', identity, redis.call('GET', T .. ':shards') or '', redis.sha1hex(identity)}
