-- Adds names to those that may be archived, and looks which of some archived logs are in Redis.
-- KEYS: archived names, restored, log...
-- ARGV: for each log: batch, its archived version, '1' if the archive takes it for unlinked or '0'; then other names
-- Returns the batches whose logs are not in Redis, and those whose logs are shorter there.
return function(keys, args)
  local names, restored = keys[1], keys[2]
  local logs, absent, shorter = #keys - 2, {}, {}
  for n = 1, logs do
    local batch, archived_version, is_unlinked = unpack(args, 3 * n - 2, 3 * n)
    local version = tail(keys[n + 2]).version
    mark_archived(names, batch)
    if version == 0 then
      absent[#absent + 1] = batch
      redis.call('ZREM', restored, batch)
    else
      if version < tonumber(archived_version) then shorter[#shorter + 1] = batch end
      if is_unlinked == '1' then redis.call('ZADD', restored, 'NX', server_ms(), batch) end
    end
  end
  for n = 3 * logs + 1, #args do mark_archived(names, args[n]) end
  return { absent, shorter }
end
