-- Sets events of a batch that is too large for one step aside. Nobody sees them before `open` makes them its log; those
-- that no `open` comes for expire.
-- KEYS: log, staged
-- ARGV: command id, how long they are kept (ms), events that are staged already, how many
--       come now, events as lines
-- Gives {'STAGED'}, {'EXISTS', first event} when there is such a log, or {'UNSTAGED'} when what was staged is gone.
return function(keys, args)
  local log, staged = unpack(keys)
  local command, version = args[1], tonumber(args[3])
  local first = entry_at(log, 1)
  if first.version == 1 and first.command ~= command then return { 'EXISTS', first.event } end
  local last = tail(staged).version
  -- A retry of a step that was done.
  if last == version + tonumber(args[4]) then return { 'STAGED' } end
  if last ~= version then return { 'UNSTAGED' } end
  write(staged, version, command, args[5])
  redis.call('PEXPIRE', staged, args[2])
  return { 'STAGED' }
end
