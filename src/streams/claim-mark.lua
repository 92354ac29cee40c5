-- Notes a partner's claim on payouts, unless a later one is noted.
-- KEYS: a sorted set of the one claim that was made last, by when it was made
-- ARGV: claim, when it was made (epoch ms), how long it is kept (ms)
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -2)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
