-- Appends events and deletes the mail that they answer, if the caller owns the batch and has read its whole log.
-- KEYS: log, feed, mail, ready, open
-- ARGV: batch, run-queue entry, worker, expected version, command id, '1' while the batch is open, now (ms),
--       count of mail ids, mail id..., event...
-- Gives {'APPENDED', version, mail waiting}, {'LOST'} or {'MOVED', version}.
return function(keys, args)
  local log, feed, mail, ready, open = unpack(keys)
  local batch, entry, worker, expected, command = args[1], args[2], args[3], tonumber(args[4]), args[5]
  local mails = tonumber(args[8])
  local events = #args - 8 - mails

  local version = tail(log)
  if version ~= expected then
    -- A retry of an append that was done: the same command id right where it would have written, and nothing after it.
    local written = events > 0 and version == expected + events and entry_at(log, expected + 1)
    if written and written.command == command then
      return { 'APPENDED', expected + events, redis.call('XLEN', mail) }
    end
    return { 'MOVED', version }
  end
  if not owns(ready, entry, worker) then return { 'LOST' } end

  if events > 0 then version = write(log, feed, batch, version, command, args, 9 + mails) end
  for i = 9, 8 + mails do redis.call('XDEL', mail, args[i]) end
  if args[6] == '1' then
    redis.call('ZADD', open, args[7], batch)
  else
    redis.call('ZREM', open, batch)
  end
  return { 'APPENDED', version, redis.call('XLEN', mail) }
end
