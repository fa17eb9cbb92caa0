--[[ Let a shard go on that was compared with the record.
  ARGV[1]  run id that was seen before the comparison
  ARGV[2]  turn
  ARGV[3]  how long no lease is taken back from now on [ms]
  ARGV[4]  JSON list of [goal id, order] of goals that are paused by the record
  ARGV[5]  the epoch that begins, as the record has it now
  Returns  1, or 0 when the server, or whoever compares, has changed meanwhile, and nothing was done. ]]

local run, turn, grace, paused, begun = unpack(ARGV)
if not unvouched_still(run, turn) then return 0 end
if tonumber(grace) > 0 then spare(grace) end
-- Before anything can be claimed: a pause that was forgotten would let work begin until it is carried out once more.
for _, goal in ipairs(cjson.decode(paused)) do
  if newest_order(goal[1], goal[2]) then redis.call('HSET', T .. ':g:' .. goal[1], 'paused', 1) end
end
redis.call('DEL', T .. ':rebuilding', T .. ':recorded')
redis.call('SET', T .. ':epoch', begun)
redis.call('SET', T .. ':run', run)
return 1
