--[[ Tell how a shard stands, whether or not it is vouched for.
  ARGV[1]  turn of a reconciler that begins, so that an older one can do nothing any more; 0 for one that only looks
  ARGV[2]  id of the newest recorded event, or ''; one who begins finds out by it that the record was put back to an older copy:
           nobody vouches for the shard any longer then, and all of it is compared
  ARGV[3]  the record's epoch of the shard; one who begins finds out by a lower one that the record is older, and that the key
           was lost when there is none here; that the shard was not told of a higher one is no loss
  Returns  {1 when it is vouched for, the server's run id, the id of the newest event it ever had or '',
            the run id that was vouched for or '', 1 when somebody began to put back what it lost,
            the id up to which events were recorded and dropped since somebody vouched, or '',
            the shard's epoch, 1 when it was found to be replaced by another server}. ]]

local refused = ARGV[1] ~= '0' and refusal(false)
if refused then return refused end
local recorded = redis.call('GET', T .. ':recorded') or ''
local here, known = tonumber(epoch()), tonumber(ARGV[3])
if ARGV[1] ~= '0' and take_turn(ARGV[1]) and (before(ARGV[2], recorded) or here > known or here == 0 and known > 0) then
  redis.call('DEL', T .. ':run')
  redis.call('SET', T .. ':rebuilding', 1)
end
return {vouched() and 1 or 0, server_run(), newest_event(), redis.call('GET', T .. ':run') or '',
  redis.call('EXISTS', T .. ':rebuilding'), recorded, tonumber(epoch()), deposed() and 1 or 0}
