-- Stores events of a batch that is too large for one step. Nobody reads them before `open` makes them the log, or `restore-log`
-- does, which finds out itself whether there is one. If neither comes, they expire.
-- KEYS: log, staged
-- ARGV: command id or '' to restore, how long events are kept (ms), number of staged events, number of events in this call, events as lines
-- Returns {'STAGED'}, also for a retry; {'EXISTS', first event} if the log exists; or {'UNSTAGED'} if staged events are gone.
return function(keys, args)
  local log, staged = unpack(keys)
  local command, version = args[1], tonumber(args[3])
  local first = entry_at(log, 1)
  if command ~= '' and first.version == 1 and first.command ~= command then return { 'EXISTS', first.event } end
  local last = tail(staged).version
  -- A retry of a call that succeeded.
  if last == version + tonumber(args[4]) then return { 'STAGED' } end
  if last ~= version then return { 'UNSTAGED' } end
  write(staged, version, command, args[5])
  redis.call('PEXPIRE', staged, args[2])
  return { 'STAGED' }
end
