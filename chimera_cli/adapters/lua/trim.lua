--[[ Drop events that are recorded, and note how far the record is.
  ARGV[1]  the smallest id that stays
  ARGV[2]  id of the newest recorded event; '' leaves the note as it is
  ARGV[3]  the record's epoch of the shard; '' when there was nothing to record, for none of the entries made sense
  Returns  {'ok'}. ]]

if ARGV[3] ~= '' then demand_epoch(ARGV[3]) end
if ARGV[2] ~= '' then redis.call('SET', T .. ':recorded', ARGV[2]) end
redis.call('XTRIM', OUT, 'MINID', ARGV[1])
return {'ok'}
