-- Gives the count of a batch back that was not opened.
-- KEYS: what was counted under the id, the counts that are not known to be opened, the sums by "<time bucket>:<currency>"
-- ARGV: the id, and the time (ms) of the count: a later count under the same id stays
-- Returns 1 if it was given back.
local at = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not at or tonumber(at) ~= tonumber(ARGV[2]) then return 0 end
local counted = redis.call('GET', KEYS[1]) or ''
for field, minor in string.gmatch(counted, '(%S+) (%d+)') do
  if redis.call('HEXISTS', KEYS[3], field) == 1 then redis.call('HINCRBY', KEYS[3], field, '-' .. minor) end
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
