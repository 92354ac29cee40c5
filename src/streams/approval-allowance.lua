-- Takes amounts off what a partner may have accepted without approval, all of them or none.
-- KEYS: what marks the id as taken, then for each currency a hash of what was taken, by bucket of time
-- ARGV: length of a bucket (ms), buckets before the present one that count, how long the mark is kept (ms), then for each
--       currency what is to be taken and the most that may be: less than 10^15, so that sums of them are exact
-- Gives 1 when it is taken, also to a repetition; 0 when there is too little left.
-- One clock, whoever asks: that of the server.
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
