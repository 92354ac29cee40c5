-- Withdraws an order, so that it never goes out in a file, unless its file is already staged complete.
-- KEYS: orders, staged
-- ARGV: reference, name of a draft that was made without the order, or ''
-- Returns '' if the order is withdrawn, now or earlier; else the message id of its file.
return function(keys, args)
  local orders, staged = unpack(keys)
  local reference, without = args[1], args[2]

  local filed = redis.call('HGET', orders, reference)
  if filed and filed ~= '' then
    local draft = redis.call('HGET', staged, filed)
    if draft and draft ~= without then return filed end
  end
  redis.call('HSET', orders, reference, '')
  return ''
end
