"""What Redis does with a topic's log in one step: these are the only writers of its keys.

KEYS: the log, its epoch, its final bars, the newest status of its feed; where a token is given, the lease as
well. TAKE has its own.
"""

# A log without an epoch begins a new life, and nothing of the earlier one may be taken for part of it.
_EPOCH = """
local epoch = redis.call('GET', KEYS[2])
if not epoch then
    local now = redis.call('TIME')
    epoch = now[1] .. string.format('%06d', now[2])
    redis.call('DEL', KEYS[1], KEYS[3], KEYS[4])
end
"""

# ARGV: token, event, entries kept, how long in ms, what it is (final, forming or status), final bars kept.
APPEND = f"""
if redis.call('GET', KEYS[5]) ~= ARGV[1] then return {{'', ''}} end
{_EPOCH}
redis.call('SET', KEYS[2], epoch, 'PX', ARGV[4])
local id = redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], '*', 'e', epoch, 'd', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if ARGV[5] == 'final' then
    redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[6], id, 'e', epoch, 'd', ARGV[2])
elseif ARGV[5] == 'status' then
    redis.call('SET', KEYS[4], ARGV[2])
end
redis.call('PEXPIRE', KEYS[3], ARGV[4])
redis.call('PEXPIRE', KEYS[4], ARGV[4])
return {{epoch, id}}
"""

# KEYS: the lease, the newest status of the feed. ARGV: token, term in ms.
# That prices are live was the word of an earlier holder, and nobody may be told so before the feed of the new
# one says it again. What was wrong with the feed stays true until then.
TAKE = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local said = redis.call('GET', KEYS[2])
if said and cjson.decode(said)['s'][1] == 'live' then redis.call('DEL', KEYS[2]) end
return 1
"""

# ARGV: token. Whatever comes next is written into a new life.
BEGIN_ANEW = """
if redis.call('GET', KEYS[5]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
return 1
"""

# ARGV: how long an empty log is kept, in ms.
POSITION = f"""
{_EPOCH}
redis.call('SET', KEYS[2], epoch, 'NX', 'PX', ARGV[1])
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return {{epoch, last[1] and last[1][1] or '0-0'}}
"""
