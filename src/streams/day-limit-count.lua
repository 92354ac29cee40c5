-- Counts the amounts of a batch in a partner's day: all of them, or none.
-- KEYS: what was counted under the id, the counts that are not known to be opened, the sums by "<time bucket>:<currency>"
-- ARGV: length of a bucket (ms), how many buckets before the current one count, the id, then for each currency its code, the
--       amount, and the most of a day: amounts less than 10^15, so that their sums are exact
-- Returns the time (ms), and the currency whose limit is exceeded, or "".
-- Uses the server's clock, so that all callers share one clock. A count that is taken over gets a later time than it had.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local length, before, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local bucket = math.floor(now / length)
local kept = length * (before + 2)

-- What was counted under the id, as fields of the sums and amounts.
local old = {}
local counted = redis.call('GET', KEYS[1])
if counted then
  local at = redis.call('ZSCORE', KEYS[2], id)
  if not at then return {now, ''} end
  now = math.max(now, tonumber(at) + 1)
  for field, minor in string.gmatch(counted, '(%S+) (%d+)') do old[field] = minor end
end

local sums = {}
local buckets = redis.call('HGETALL', KEYS[3])
for i = 1, #buckets, 2 do
  local at, currency = string.match(buckets[i], '^(%d+):(.+)$')
  if tonumber(at) < bucket - before then
    redis.call('HDEL', KEYS[3], buckets[i])
    old[buckets[i]] = nil
  else
    sums[currency] = (sums[currency] or 0) + tonumber(buckets[i + 1]) - tonumber(old[buckets[i]] or '0')
  end
end
for i = 4, #ARGV, 3 do
  if (sums[ARGV[i]] or 0) + tonumber(ARGV[i + 1]) > tonumber(ARGV[i + 2]) then return {now, ARGV[i]} end
end

for field, minor in pairs(old) do
  if redis.call('HEXISTS', KEYS[3], field) == 1 then redis.call('HINCRBY', KEYS[3], field, '-' .. minor) end
end
local fields = {}
for i = 4, #ARGV, 3 do
  local field = string.format('%d:%s', bucket, ARGV[i])
  redis.call('HINCRBY', KEYS[3], field, ARGV[i + 1])
  fields[#fields + 1] = field .. ' ' .. ARGV[i + 1]
end
redis.call('PEXPIRE', KEYS[3], kept)
redis.call('SET', KEYS[1], table.concat(fields, ' '), 'PX', kept)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%d', now - kept))
redis.call('ZADD', KEYS[2], now, id)
redis.call('PEXPIRE', KEYS[2], kept)
return {now, ''}
