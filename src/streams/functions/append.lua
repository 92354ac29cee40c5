-- Appends events and deletes the mail that they answer, if the caller owns the batch and has read its whole log.
-- KEYS: log, feed, mail, ready, open, shares
-- ARGV: batch, run-queue entry, worker, expected version, hash of the log up to it, command id, '1' while the batch is
--       open, now (ms), count of events, events as lines, mail id...
-- Returns {'APPENDED', version, mail waiting}; {'LOST'} if the caller does not own the batch; {'MOVED', version} if the log
-- has another tail.
return function(keys, args)
  local log, feed, mail, ready, open, shares = unpack(keys)
  local batch, entry, worker, expected, head, command = args[1], args[2], args[3], tonumber(args[4]), args[5], args[6]
  local events = tonumber(args[9])

  local last = tail(log)
  if last.version ~= expected or last.head ~= head then
    -- A retry of an append that succeeded: its first event has this command id, and its last event is the tail.
    local done = events > 0 and last.version == expected + events and entry_at(log, expected + 1).command == command
    if done then return { 'APPENDED', last.version, redis.call('XLEN', mail) } end
    return { 'MOVED', last.version }
  end
  if not owns(ready, entry, worker) then return { 'LOST' } end

  local version = expected
  if events > 0 then
    local written
    version, written = write(log, expected, command, args[10])
    announce(feed, batch, expected + 1, head, version, written)
  end
  if #args > 10 then redis.call('XDEL', mail, unpack(args, 11)) end
  if args[7] == '1' then
    if redis.call('ZADD', open, args[8], batch) == 1 then count(shares, partner_shard_of(batch), 1) end
  elseif redis.call('ZREM', open, batch) == 1 then
    count(shares, partner_shard_of(batch), -1)
    redis.call('HINCRBY', shares, '', 1)
  end
  return { 'APPENDED', version, redis.call('XLEN', mail) }
end
