-- Cancels a reservation, unless it was renewed since it was read.
-- KEYS: reserved
-- ARGV: when it was made, as it was read
-- Returns 1 if it was cancelled, else 0.
return function(keys, args)
  if redis.call('GET', keys[1]) ~= args[1] then return 0 end
  return redis.call('DEL', keys[1])
end
