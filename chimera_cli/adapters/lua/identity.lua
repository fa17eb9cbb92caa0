--[[ Tell which swarm this Redis belongs to. KEYS[1] is here the fleet's tag, not a shard's.
  T:identity  string  JSON of the identity; written by bind.lua
  T:shards    string  number of shards, as releases without identities noted it
  Returns  {the server's run id, the identity or '', the number of shards or ''}. ]]

return {server_run() or 'unknown', redis.call('GET', T .. ':identity') or '', redis.call('GET', T .. ':shards') or ''}
