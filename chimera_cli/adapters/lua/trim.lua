--[[ Drop events that are recorded, and note how far the record is.
  ARGV[1]  id of the first entry that stays
  ARGV[2]  id up to which events were recorded, or ''
  Returns  how many entries were dropped. ]]

if ARGV[2] ~= '' then redis.call('SET', T .. ':recorded', ARGV[2]) end
return redis.call('XTRIM', OUT, 'MINID', ARGV[1])
