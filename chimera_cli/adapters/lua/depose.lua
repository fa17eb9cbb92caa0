--[[ Have a shard stand still whose server was replaced by another one: whoever is still connected is told so by every script. Only a
     reconciler of a server that was started anew, or holds the data of the other one, lets it go on.
  ARGV[1]  run id of the server that was seen
  ARGV[2]  the record's epoch of the shard
  Returns  1, or 0 when it is another server or is not behind, and nothing was done. ]]

local run, there = ARGV[1], ARGV[2]
if server_run() ~= run or tonumber(epoch()) >= tonumber(there) then return 0 end
redis.call('SET', T .. ':run', 'deposed ' .. run .. ' ' .. there)
return 1
