-- Takes amounts from what a partner may still have accepted without approval: all of them, or none.
-- KEYS: the mark of the id, then for each currency a hash of the amounts taken, by time bucket
-- ARGV: length of a bucket (ms), how many buckets before the current one count, how long the mark is kept (ms), then for
--       each currency the amount to take and the limit: both less than 10^15, so that their sums are exact
-- Returns 1 if the amounts are taken, also for a repetition; 0 if too little is left.
-- Uses the server's clock, so that all callers share one clock.
local time = redis.call('TIME')
local length, before = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = math.floor((time[1] * 1000 + math.floor(time[2] / 1000)) / length)

if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
for i = 2, #KEYS do
  local taken = 0
  local buckets = redis.call('HGETALL', KEYS[i])
  for j = 1, #buckets, 2 do
    if tonumber(buckets[j]) < bucket - before then
      redis.call('HDEL', KEYS[i], buckets[j])
    else
      taken = taken + tonumber(buckets[j + 1])
    end
  end
  if taken + tonumber(ARGV[i * 2]) > tonumber(ARGV[i * 2 + 1]) then return 0 end
end
for i = 2, #KEYS do
  redis.call('HINCRBY', KEYS[i], string.format('%d', bucket), ARGV[i * 2])
  redis.call('PEXPIRE', KEYS[i], length * (before + 2))
end
redis.call('SET', KEYS[1], '', 'PX', ARGV[3])
return 1
