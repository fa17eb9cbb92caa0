--[[ Forget keys of a shard that lost some of its past: it is put together from the record alone. What an old copy holds may belong
     to another story than the one that went on, under the same versions; nothing of it is worth telling apart.
  ARGV[1]  run id that was seen before the comparison
  ARGV[2]  turn
  ARGV[3]  JSON list of the keys' suffixes behind T:, a page of them
  Returns  1, or -1 when the server, or whoever compares, has changed meanwhile, and nothing was done. ]]

local run, turn, suffixes = unpack(ARGV)
local KEPT = {run = true, turn = true, rebuilding = true, out = true, epoch = true, clock = true}
if not unvouched_still(run, turn) then return -1 end
for _, suffix in ipairs(cjson.decode(suffixes)) do
  if not KEPT[suffix] then redis.call('UNLINK', T .. ':' .. suffix) end
end
-- Its events are recorded, or void. The stream stays, for its ids go on.
redis.call('XTRIM', T .. ':out', 'MAXLEN', 0)
return 1
