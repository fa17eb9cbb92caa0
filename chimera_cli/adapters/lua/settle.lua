--[[ Go on telling children that their parent has ended.
  ARGV[1]  at most how many
  Returns  how many. ]]

return settle(tonumber(ARGV[1]))
