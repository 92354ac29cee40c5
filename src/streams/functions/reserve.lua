-- Reserves the name of a batch that does not exist: until the reservation is cancelled, `open` does not create its log. A
-- later call renews the reservation.
-- KEYS: log, reserved
-- ARGV: none
-- Returns {'RESERVED', now (ms, by the clock of the server)}, or {'EXISTS', first event} if the log exists.
return function(keys, args)
  local log, reserved = unpack(keys)
  local first = entry_at(log, 1)
  if first.version == 1 then return { 'EXISTS', first.event } end
  local now = server_ms()
  redis.call('SET', reserved, now)
  return { 'RESERVED', now }
end
