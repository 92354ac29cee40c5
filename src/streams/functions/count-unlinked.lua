-- Counts the logs that were unlinked, and those that were restored since, at one moment. It only reads.
-- KEYS: archived, restored
-- ARGV: none
-- Returns both counts.
return function(keys)
  local archived, restored = unpack(keys)
  return { tonumber(redis.call('HGET', archived, 'unlinked') or 0), redis.call('ZCARD', restored) }
end
