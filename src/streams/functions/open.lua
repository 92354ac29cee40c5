-- Creates a log with its first events and schedules the batch; or gives the first event of the log that exists.
-- KEYS: log, feed, ready, scheduled, open
-- ARGV: batch, now (ms), command id, event...
-- Gives {'OPENED'} or {'EXISTS', first event}.
return function(keys, args)
  local log, feed, ready, scheduled, open = unpack(keys)
  local batch, now, command = args[1], args[2], args[3]
  local first = entry_at(log, 1)
  if first then
    if first.command == command then return { 'OPENED' } end
    return { 'EXISTS', first.event }
  end
  write(log, feed, batch, 0, command, args, 4)
  redis.call('ZADD', open, now, batch)
  schedule(ready, scheduled, batch)
  return { 'OPENED' }
end
