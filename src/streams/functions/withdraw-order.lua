-- Sees to it that an order goes out in no file ever after, unless it is in one that lies complete.
-- KEYS: orders, staged
-- ARGV: reference, name of a draft that was made without it, or ''
-- Gives '' when it was withdrawn, now or before; else the message id of its file.
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
