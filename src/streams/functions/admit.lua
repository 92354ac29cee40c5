-- Admits batches from the lines to the run queue, one of each partner shard in turn. A shard gets no more than its share.
-- KEYS: ready, scheduled, lanes, waiting
-- ARGV: partner's share of the run queue, limit, partner shard whose turn was last or ''
-- Returns how many were admitted, and the partner shard whose turn was last.
return function(keys, args)
  local ready, scheduled, lanes, waiting = unpack(keys)
  local share, limit, shard = args[1], tonumber(args[2]), args[3]
  local admitted, passed = 0, 0
  -- Ends when all lines were passed in a row and gave nothing, or too many.
  while admitted < limit and passed < 64 do
    local from = shard == '' and '-' or '(' .. shard .. ';'
    local place = redis.call('ZRANGEBYLEX', waiting, from, '+', 'LIMIT', 0, 1)[1]
    if not place and shard == '' then break end
    if not place then
      shard = ''
    else
      shard = string.match(place, '^[^:]+')
      if room_of(lanes, share, shard) > 0 then
        admit_from(ready, scheduled, lanes, waiting, shard, place)
        admitted, passed = admitted + 1, 0
      else
        passed = passed + 1
      end
    end
  end
  return { admitted, shard }
end
