-- Books one process's share of the calls that all processes together may make to one provider.
--
-- KEYS[1]  hash: "tokens" and "at" (ms) of the rate; and for each process, under its id,
--          "<seats reserved for it> <seats it wants> <end of its lease, ms>"
-- ARGV     1 id, 2 calls under way, 3 seats wanted, 4 limit of seats (0: none), 5 lease in ms,
--          6 starts wanted, 7 starts per second (0: no limit), 8 how long the hash is kept, in ms
-- returns  seats, starts, and in how many ms another start may be free

local id, under_way, wanted, limit, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local starts_wanted, rate = tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function book_seats()
  local others_seats, others, short, own_seats = 0, 0, false, 0
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    local seats, wants, ends = string.match(fields[i + 1], '^(%d+) (%d+) (%d+)$')
    if seats and tonumber(ends) <= now then
      redis.call('HDEL', KEYS[1], fields[i])
    elseif seats and fields[i] == id then
      own_seats = tonumber(seats)
    elseif seats then
      others_seats, others = others_seats + seats, others + 1
      short = short or tonumber(wants) > tonumber(seats)
    end
  end
  local seats = math.min(wanted, math.max(limit - others_seats, 0))
  if short then
    -- No process takes more than a fair share while another is short. With fewer seats than processes they take
    -- turns: a process with a seat gives it back, a process without one may take one.
    seats = math.min(seats, math.max(math.floor(limit / (others + 1)), own_seats == 0 and 1 or 0))
  end
  if wanted == 0 and under_way == 0 then
    redis.call('HDEL', KEYS[1], id)
  else
    local entry = string.format('%d %d %d', math.max(seats, under_way), wanted, now + lease)
    redis.call('HSET', KEYS[1], id, entry)
  end
  return seats
end

local function book_starts()
  local burst = math.max(1, rate / 10)
  local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at')
  local tokens, at = tonumber(stored[1] or burst), tonumber(stored[2] or now)
  tokens = math.min(burst, tokens + math.max(now - at, 0) * rate / 1000)
  local starts = math.min(starts_wanted, math.floor(tokens))
  tokens = tokens - starts
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', now)
  return starts, math.ceil(math.max(1 - tokens, 0) * 1000 / rate)
end

local seats, starts, wait = wanted, starts_wanted, 0
if limit > 0 then seats = book_seats() end
if rate > 0 then starts, wait = book_starts() end
redis.call('PEXPIRE', KEYS[1], ARGV[8])
return { seats, starts, wait }
