-- Creates a log with its first events and schedules the batch, or returns the first event of the existing log. Staged events
-- come first: their stream is renamed to become the log.
-- KEYS: log, staged, feed, ready, scheduled, lanes, waiting, open, shares, reserved, archived, archived names
-- ARGV: batch, partner's share of the run queue, now (ms), command id, number of staged events, events as lines,
--       until when the log may be created (ms, by the clock of the server) or '', and the unlinks at which the archive was
--       asked for the name, or ''
-- Returns {'OPENED'}, also for a retry; {'EXISTS', first event}; {'UNSTAGED'} if the staged events are gone;
-- {'LATE'}; {'RESERVED', when it was reserved, now} (ms, both by the clock of the server) if the name of the batch is reserved;
-- or {'ASK', unlinks, now} if the archive has to be asked for it first.
return function(keys, args)
  local log, staged, feed, ready, scheduled, lanes, waiting, open, shares, reserved, archived, names =
    unpack(keys)
  local batch, share, now, command, version = args[1], args[2], args[3], args[4], tonumber(args[5])
  local first = entry_at(log, 1)
  if first.version == 1 then
    redis.call('UNLINK', staged)
    if first.command == command then return { 'OPENED' } end
    return { 'EXISTS', first.event }
  end
  local reserved_at = redis.call('GET', reserved)
  if reserved_at then
    redis.call('UNLINK', staged)
    return { 'RESERVED', reserved_at, server_ms() }
  end
  local unlinks = unlinks_to_ask(archived, names, batch, args[8])
  if unlinks then return { 'ASK', unlinks, server_ms() } end
  local open_by = tonumber(args[7])
  if open_by ~= nil and tonumber(server_ms()) > open_by then
    redis.call('UNLINK', staged)
    return { 'LATE' }
  end
  if tail(staged).version ~= version then return { 'UNSTAGED' } end
  if version > 0 then
    redis.call('RENAME', staged, log)
    redis.call('PERSIST', log)
  end
  -- The hash chain starts with the id of the batch.
  announce(feed, batch, 1, batch, write(log, version, command, args[6]))
  redis.call('ZADD', open, now, batch)
  count(shares, partner_shard_of(batch), 1)
  schedule(ready, scheduled, lanes, waiting, share, batch, true)
  return { 'OPENED' }
end
