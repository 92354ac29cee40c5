-- Appends events and deletes the mail that they answer, if the caller owns the batch and has read its whole log. May release
-- the batch in the same step, unless other mail is waiting.
-- KEYS: log, feed, mail, ready, open, shares; to release also: scheduled, lanes, waiting, timers
-- ARGV: batch, run-queue entry, worker, expected version, hash of the log up to it, command id, '1' while the batch is
--       open, now (ms), partner's share of the run queue to release the batch or '' to keep it, when to wake it then (ms)
--       or '', '-' to admit no new batch of the partner then or '', count of events, events as lines, mail id...
-- Returns {'APPENDED', version, mail waiting, 1 if the batch was released or else 0}; {'LOST'} if the caller does not own
-- the batch; {'MOVED', version} if the log has another tail.
return function(keys, args)
  local log, feed, mail, ready, open, shares, scheduled, lanes, waiting, timers = unpack(keys)
  local batch, entry, worker, expected, head, command = args[1], args[2], args[3], tonumber(args[4]), args[5], args[6]
  local share, events = args[9], tonumber(args[12])

  local last = tail(log)
  if last.version ~= expected or last.head ~= head then
    -- A retry of an append that succeeded: its first event has this command id, and its last event is the tail.
    local done = events > 0 and last.version == expected + events and entry_at(log, expected + 1).command == command
    if not done then return { 'MOVED', last.version } end
    local released = share ~= '' and is_over(ready, entry)
    return { 'APPENDED', last.version, redis.call('XLEN', mail), released and 1 or 0 }
  end
  if not owns(ready, entry, worker) then return { 'LOST' } end

  local version = expected
  if events > 0 then
    local written
    version, written = write(log, expected, command, args[13])
    announce(feed, batch, expected + 1, head, version, written)
  end
  if #args > 13 then redis.call('XDEL', mail, unpack(args, 14)) end
  if args[7] == '1' then
    if redis.call('ZADD', open, args[8], batch) == 1 then count(shares, partner_shard_of(batch), 1) end
  elseif redis.call('ZREM', open, batch) == 1 then
    count(shares, partner_shard_of(batch), -1)
    redis.call('HINCRBY', shares, '', 1)
  end
  local mails = redis.call('XLEN', mail)
  if share == '' or mails > 0 then return { 'APPENDED', version, mails, 0 } end
  release_until(ready, scheduled, lanes, waiting, timers, share, batch, entry, args[10], args[11])
  return { 'APPENDED', version, mails, 1 }
end
