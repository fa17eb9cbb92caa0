--[[ Begin to put back into a shard what it lost. Whoever comes after an interruption begins again, until somebody vouches.
  ARGV[1]  run id that was seen before the comparison
  ARGV[2]  turn
  ARGV[3]  id of the newest recorded event, or ''
  Returns  1, or -1 when the server, or whoever compares, has changed meanwhile, and nothing was done. ]]

local run, turn, last = unpack(ARGV)
if not unvouched_still(run, turn) then return -1 end
redis.call('SET', T .. ':rebuilding', 1)
if last ~= '' and before(newest_event(), last) then
  -- Ids of events go on above all that were recorded, also when the server's clock was set back: none is ever given twice.
  local ms, seq = stream_id(last)
  local id = string.format('%.0f-%.0f', ms, seq + 1)
  redis.call('XADD', T .. ':out', id, 'x', '')
  redis.call('XDEL', T .. ':out', id)
end
return 1
