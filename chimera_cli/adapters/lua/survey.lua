--[[ Tell how a shard stands, whether or not it is vouched for.
  ARGV[1]  turn of a reconciler that begins, so that an older one can do nothing any more; 0 for one that only looks
  Returns  {1 when it is vouched for, the server's run id, the id of the newest event it ever had or '',
            the run id that was vouched for or '', 1 when somebody began to put back what it lost}. ]]

if ARGV[1] ~= '0' then take_turn(ARGV[1]) end
return {vouched() and 1 or 0, server_run(), newest_event(), redis.call('GET', T .. ':run') or '',
  redis.call('EXISTS', T .. ':rebuilding')}
