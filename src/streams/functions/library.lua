-- Helpers of all functions. They are loaded as one library (see function-library.ts). Each other file returns
-- function(keys, args). All keys of a call belong to one partition, so they are in one slot; only those of count-mail may not.

local GROUP = 'workers'
-- The value in `scheduled` of a batch in its partner's waiting line; others have the id of their run-queue entry.
local WAITING = 'waiting'

-- The time of the server in milliseconds, as text.
local function server_ms()
  local time = redis.call('TIME')
  return string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
end

-- The partner shard of a batch: the part of its id that is the same for all batches of its partner.
local function partner_shard_of(batch)
  return string.sub(batch, 4, 8)
end

-- Changes a counter of a partner shard, and deletes it at zero.
local function count(counters, shard, change)
  local value = redis.call('HINCRBY', counters, shard, change)
  if value <= 0 then redis.call('HDEL', counters, shard) end
  return value
end

-- Turns in a line begin with one of these, and sort in this order: batches that have begun, those that a worker had no room
-- for, and new ones, whose turns begin with a digit, as all did in earlier releases.
local BEGUN, POSTPONED, NEW = '-', '/', ''

-- The entry of a batch that has not begun has the field 'n'.
local function add_to_run_queue(ready, scheduled, batch, is_new)
  local entry
  if is_new then
    entry = redis.call('XADD', ready, '*', 'b', batch, 'n', '1')
  else
    entry = redis.call('XADD', ready, '*', 'b', batch)
  end
  redis.call('HSET', scheduled, batch, entry)
end

-- The places of a partner shard's line in a range of turns: at most so many, the first ones.
local function places_of(waiting, shard, from, to, most)
  return redis.call('ZRANGEBYLEX', waiting, '[' .. shard .. from, '(' .. shard .. to, 'LIMIT', 0, most)
end

-- The first places of a partner shard's line.
local function line_of(waiting, shard, places)
  return places_of(waiting, shard, ':', ';', places)
end

local function stand_in_line(scheduled, lanes, waiting, shard, batch, kind)
  local turn = redis.call('HINCRBY', lanes, '', 1)
  redis.call('ZADD', waiting, 0, string.format('%s:%s%016d:%s', shard, kind, turn, batch))
  redis.call('HSET', scheduled, batch, WAITING)
end

-- Schedules a batch, unless it is scheduled: adds it to the run queue or, if its partner already has `share` batches there,
-- to the waiting line of its partner. A new batch overtakes nobody who waits. All lines are in one sorted set, ordered by
-- member: '<shard>:<turn>:<batch>'.
local function schedule(ready, scheduled, lanes, waiting, share, batch, is_new)
  if redis.call('HEXISTS', scheduled, batch) == 1 then return end
  local shard = partner_shard_of(batch)
  local overtakes = is_new and #line_of(waiting, shard, 1) > 0
  if count(lanes, shard, 1) <= tonumber(share) and not overtakes then
    add_to_run_queue(ready, scheduled, batch, is_new)
  else
    count(lanes, shard, -1)
    stand_in_line(scheduled, lanes, waiting, shard, batch, is_new and NEW or BEGUN)
  end
end

local function batch_at(place)
  return string.match(place, '[^:]+$')
end

-- Moves a batch from its place in a line into the run queue.
local function admit_from(ready, scheduled, lanes, waiting, shard, place)
  redis.call('ZREM', waiting, place)
  count(lanes, shard, 1)
  add_to_run_queue(ready, scheduled, batch_at(place), string.sub(place, #shard + 2, #shard + 2) ~= BEGUN)
end

local function room_of(lanes, share, shard)
  return tonumber(share) - tonumber(redis.call('HGET', lanes, shard) or 0)
end

-- Moves the next batches of a partner shard from its line into the run queue, if its share has room: at most two, so that
-- a raised share is filled step by step. With `BEGUN` as `which`, none that is new.
local function admit(ready, scheduled, lanes, waiting, share, shard, which)
  local line
  if which == BEGUN then
    line = places_of(waiting, shard, ':' .. BEGUN, ':' .. POSTPONED, 2)
  else
    line = line_of(waiting, shard, 2)
  end
  for i = 1, math.min(#line, room_of(lanes, share, shard)) do
    admit_from(ready, scheduled, lanes, waiting, shard, line[i])
  end
end

-- Removes a batch from the run queue.
local function leave_queue(ready, lanes, shard, entry)
  redis.call('XACK', ready, GROUP, entry)
  redis.call('XDEL', ready, entry)
  count(lanes, shard, -1)
end

-- Releases a batch until its timer is due; without a time (''), until something happens to it. Admits the next ones of its
-- partner; with `BEGUN` as `which`, none that is new.
local function release_until(ready, scheduled, lanes, waiting, timers, share, batch, entry, wake_at, which)
  local shard = partner_shard_of(batch)
  leave_queue(ready, lanes, shard, entry)
  redis.call('HDEL', scheduled, batch)
  admit(ready, scheduled, lanes, waiting, share, shard, which)
  if wake_at == '' then
    redis.call('ZREM', timers, batch)
  else
    redis.call('ZADD', timers, wake_at, batch)
  end
end

-- Whether the run-queue entry is pending for this worker, which proves that it owns the batch.
local function owns(ready, entry, worker)
  return #redis.call('XPENDING', ready, GROUP, entry, entry, 1, worker) == 1
end

-- Whether a run-queue entry is gone, so that nobody owns the batch by it. A former owner learns from this that the batch was
-- released: by its own call, whose answer was lost, or by the worker that took over.
local function is_over(ready, entry)
  return #redis.call('XRANGE', ready, entry, entry) == 0
end

-- An entry of a log: 'e' is the event, 'h' the hash of the log up to and including it, 'c' the command id of an append
-- (first event only).
local function entry_of(found)
  if not found then return { version = 0 } end
  local fields = found[2]
  return { version = tonumber(string.match(found[1], '^%d+')), event = fields[2], head = fields[4], command = fields[6] }
end

-- The last entry of a log; version 0 if there is none. Entry ids are "<version>-0".
local function tail(log)
  return entry_of(redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1])
end

local function entry_at(log, version)
  local id = version .. '-0'
  return entry_of(redis.call('XRANGE', log, id, id)[1])
end

-- Writes events after a version. Returns the version and hash of the last one. Events come as lines: an event, then its
-- hash. Encoded JSON contains no line feed. Only the first event carries the command id.
local function write(log, version, command, lines)
  local from, hash = 1, nil
  while from <= #lines do
    local event_end = string.find(lines, '\n', from, true)
    local hash_end = string.find(lines, '\n', event_end + 1, true)
    local event = string.sub(lines, from, event_end - 1)
    hash = string.sub(lines, event_end + 1, hash_end - 1)
    version = version + 1
    if from == 1 and command ~= '' then
      redis.call('XADD', log, version .. '-0', 'e', event, 'h', hash, 'c', command)
    else
      redis.call('XADD', log, version .. '-0', 'e', event, 'h', hash)
    end
    from = hash_end + 1
  end
  return version, hash
end

-- Adds an append to the feed: its versions, the hash before the first event and the hash of the last.
local function announce(feed, batch, from, base, to, head)
  redis.call('XADD', feed, '*', 'b', batch, 'f', from, 't', to, 'p', base, 'h', head)
end

-- The names that may be archived, of batches and of reservations: a Bloom filter of 2^23 bits with seven of them for each name
-- (see docs/STREAMS.md). A name that is not in it is certainly not archived.
local FILTER_BITS, BITS_OF_NAME = 8388608, 7

local function bits_of(name)
  local digest = redis.sha1hex(name)
  local bit, step = tonumber(string.sub(digest, 1, 8), 16), tonumber(string.sub(digest, 9, 16), 16)
  -- An odd step meets no bit twice.
  step = step + 1 - step % 2
  local bits = {}
  for n = 1, BITS_OF_NAME do
    bits[n] = bit % FILTER_BITS
    bit = bit + step
  end
  return bits
end

local function may_be_archived(names, name)
  for _, bit in ipairs(bits_of(name)) do
    if redis.call('GETBIT', names, bit) == 0 then return false end
  end
  return true
end

local function mark_archived(names, name)
  for _, bit in ipairs(bits_of(name)) do redis.call('SETBIT', names, bit, 1) end
end

-- Whether the archive has to be asked for a name: how often anything was unlinked in this partition, unless the caller has asked
-- since then. So nothing that is archived meanwhile is overlooked, however slow the caller is.
local function unlinks_to_ask(archived, names, name, asked_at)
  if not may_be_archived(names, name) then return end
  local unlinks = redis.call('HGET', archived, 'unlinks') or '0'
  if unlinks ~= asked_at then return unlinks end
end
