-- Sets how many logs were unlinked and not restored since, unless any was unlinked or restored while they were counted.
-- KEYS: archived
-- ARGV: how many; 'unlinked' and 'unlinks' as they were before the count, '' for none
-- Returns 1 if it is set, else 0.
return function(keys, args)
  local archived = keys[1]
  local unlinked, unlinks = unpack(redis.call('HMGET', archived, 'unlinked', 'unlinks'))
  if (unlinked or '') ~= args[2] or (unlinks or '') ~= args[3] then return 0 end
  redis.call('HSET', archived, 'unlinked', args[1])
  return 1
end
