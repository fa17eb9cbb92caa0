--[[ Let a shard go on that was compared with the record.
  ARGV[1]  run id that was seen before the comparison
  ARGV[2]  turn
  ARGV[3]  id of the newest recorded event, or ''
  ARGV[4]  how long no lease is taken back from now on [ms]
  Returns  1, or 0 when the server, or whoever compares, has changed meanwhile, and nothing was done. ]]

local run, turn, last, grace = unpack(ARGV)
if not unvouched_still(run, turn) then return 0 end
if last ~= '' and before(newest_event(), last) then
  -- Ids of events go on above all that were recorded, also when the server's clock was set back: none is ever given twice.
  local ms, seq = stream_id(last)
  local id = string.format('%.0f-%.0f', ms, seq + 1)
  redis.call('XADD', T .. ':out', id, 'x', '')
  redis.call('XDEL', T .. ':out', id)
end
if tonumber(grace) > 0 then redis.call('SET', T .. ':grace', 1, 'PX', grace) end
redis.call('SET', T .. ':run', run)
return 1
