-- Removes the mark of a reservation that the archive has from now on.
-- KEYS: reserved, archived, archived names
-- ARGV: name
-- Returns 1 if there was a mark, else 0.
return function(keys, args)
  local reserved, archived, names = unpack(keys)
  mark_archived(names, args[1])
  redis.call('HINCRBY', archived, 'unlinks', 1)
  return redis.call('UNLINK', reserved)
end
