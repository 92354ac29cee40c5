-- Adds names to those that may be archived, and looks which of some archived logs are in Redis.
-- KEYS: archived names, restored, log...
-- ARGV: for each log: batch, '1' if the archive takes it for unlinked or '0'; then other names
-- Returns the batches whose logs are not in Redis.
return function(keys, args)
  local names, restored = keys[1], keys[2]
  local logs, absent = #keys - 2, {}
  for n = 1, logs do
    local batch = args[2 * n - 1]
    mark_archived(names, batch)
    if redis.call('EXISTS', keys[n + 2]) == 0 then
      absent[#absent + 1] = batch
      redis.call('ZREM', restored, batch)
    elseif args[2 * n] == '1' then
      redis.call('ZADD', restored, 'NX', server_ms(), batch)
    end
  end
  for n = 2 * logs + 1, #args do mark_archived(names, args[n]) end
  return absent
end
