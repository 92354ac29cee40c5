-- Creates a log with its first events and schedules the batch; or gives the first event of the log that exists. Events
-- that were staged before come first: they become the log by being renamed.
-- KEYS: log, staged, feed, ready, scheduled, lanes, waiting, open, shares
-- ARGV: batch, partner's share of the run queue, now (ms), command id, events that are staged, events as lines, until when
--       the log may be created (ms, by the server's clock) or nothing
-- Gives {'OPENED'}, {'EXISTS', first event}, {'UNSTAGED'} when what was staged is gone, or {'LATE'}.
return function(keys, args)
  local log, staged, feed, ready, scheduled, lanes, waiting, open, shares = unpack(keys)
  local batch, share, now, command, version = args[1], args[2], args[3], args[4], tonumber(args[5])
  local first = entry_at(log, 1)
  if first.version == 1 then
    redis.call('UNLINK', staged)
    if first.command == command then return { 'OPENED' } end
    return { 'EXISTS', first.event }
  end
  local time, open_by = redis.call('TIME'), tonumber(args[7])
  if open_by ~= nil and time[1] * 1000 + math.floor(time[2] / 1000) > open_by then
    redis.call('UNLINK', staged)
    return { 'LATE' }
  end
  if tail(staged).version ~= version then return { 'UNSTAGED' } end
  if version > 0 then
    redis.call('RENAME', staged, log)
    redis.call('PERSIST', log)
  end
  -- The first event stands on the id of its batch.
  announce(feed, batch, 1, batch, write(log, version, command, args[6]))
  redis.call('ZADD', open, now, batch)
  count(shares, partner_shard_of(batch), 1)
  schedule(ready, scheduled, lanes, waiting, share, batch)
  return { 'OPENED' }
end
