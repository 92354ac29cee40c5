-- Reserves the name of a batch that does not exist: until the reservation is cancelled, `open` does not create its log. A
-- later call renews the reservation.
-- KEYS: log, reserved, archived, archived names
-- ARGV: batch, the unlinks at which the archive was asked for the name, or ''
-- Returns {'RESERVED', now (ms, by the clock of the server)}; {'EXISTS', first event} if the log exists; or {'ASK', unlinks,
-- now} if the archive has to be asked for the name first.
return function(keys, args)
  local log, reserved, archived, names = unpack(keys)
  local batch, asked_at = unpack(args)
  local first = entry_at(log, 1)
  if first.version == 1 then return { 'EXISTS', first.event } end
  local now = server_ms()
  local unlinks = unlinks_to_ask(archived, names, batch, asked_at)
  if unlinks then return { 'ASK', unlinks, now } end
  redis.call('SET', reserved, now)
  return { 'RESERVED', now }
end
