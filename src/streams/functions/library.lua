-- What the functions share. They are loaded as one library (see function-library.ts); each file returns
-- function(keys, args). All keys of a call belong to one partition, so they share a slot.

local GROUP = 'workers'

-- Puts a batch in the run queue, unless it is there: at most one entry per batch.
local function schedule(ready, scheduled, batch)
  if redis.call('HEXISTS', scheduled, batch) == 0 then
    redis.call('HSET', scheduled, batch, redis.call('XADD', ready, '*', 'b', batch))
  end
end

-- Whether the run-queue entry is pending for this worker: the proof that it owns the batch.
local function owns(ready, entry, worker)
  return #redis.call('XPENDING', ready, GROUP, entry, entry, 1, worker) == 1
end

-- The version at the tail of a log, 0 when there is none. Entry ids are "<version>-0".
local function tail(log)
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
  return #last == 0 and 0 or tonumber(string.match(last[1][1], '^%d+'))
end

-- The fields of one version: 'e' is the event, 'c' the id of the append that wrote it.
local function entry_at(log, version)
  local id = version .. '-0'
  local found = redis.call('XRANGE', log, id, id)
  return found[1] and { event = found[1][2][2], command = found[1][2][4] }
end

-- Writes events after a version and tells the followers.
local function write(log, feed, batch, version, command, args, first)
  local count = #args - first + 1
  for i = 1, count do
    redis.call('XADD', log, (version + i) .. '-0', 'e', args[first + i - 1], 'c', command)
  end
  redis.call('XADD', feed, '*', 'b', batch, 'f', version + 1, 't', version + count)
  return version + count
end
