--[[ Give a proposal to the judges, its changes held.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  output (JSON text)
  ARGV[5]  changes (JSON, see transition.lua)
  ARGV[6]  usage (JSON)
  ARGV[7]  1 when an execute phase follows approval
  ARGV[8]  1 when the kind can merge
  ARGV[9]  1 when a person must see it
  Returns  {'ok'} or {'stale'}. ]]

local id, generation, agent, output, changes, usage, executes, mergeable, always = unpack(ARGV)
local task = held(id, generation, agent, 'work')
if not task or task.phase ~= 'propose' then return {'stale'} end
leave(task)
move_in(task, 'JUDGING', 'task.judging', agent,
  {'output', output, 'usage', usage, 'held', changes, 'executes', executes, 'mergeable', mergeable, 'always', always},
  {'output', output, 'usage', usage, 'changes', changes, 'executes', executes, 'mergeable', mergeable, 'always', always,
   'fail:judge', '0', 'lost:judge', '0', 'alone:judge', '0'})
return {'ok'}
