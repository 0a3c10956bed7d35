"""The Lua that runs in Redis: publishing is one atomic step, and so is agreeing on the epoch.

Keys, all under one prefix: `position` counts every message of the service; `tail:<topic>` is the position of the
topic's last message; `log:<topic>` is a stream of its last messages, whose ids are their positions; `once:<id>` marks
an envelope that must not be published again; `turn:<epoch><line>` is how far a line has been published; `epoch` and
`run` say since when the counts are good, `since` when that was by the clock. A message on the wire and in the stream
is epoch (8 characters), position, the position of the topic's message before it, payload.
"""

import struct

from msgspec import Struct

HEADER = struct.Struct(">8sQQ")
TURN = struct.Struct(">QQ")
"""What comes before the name of a line: where in it a message is, and after what."""

KEEP_MESSAGES = 1000
"""A topic's stream keeps about this many messages …"""
KEEP_SECONDS = 900
"""… until nothing was published to it for this long."""
TAIL_SECONDS = 86_400
ONCE_SECONDS = 600
"""For this long a second publish under the same envelope id is left out."""

LINE_SECONDS = 3600
"""For this long after its last message it is known how far a line has been published."""

BEGIN = """
local prefix, run, fresh = ARGV[1], ARGV[2], ARGV[3]
local epoch = redis.call('GET', prefix .. 'epoch')
if not epoch or redis.call('GET', prefix .. 'run') ~= run then
    epoch = fresh
    local time = redis.call('TIME')
    redis.call('SET', prefix .. 'epoch', epoch)
    redis.call('SET', prefix .. 'run', run)
    redis.call('SET', prefix .. 'since', time[1] .. string.format('%03d', math.floor(time[2] / 1000)))
end
return epoch
"""
"""The epoch: a new one when this server process has none yet, for then counts may have gone back."""

PUBLISH = f"""
local prefix = ARGV[1]
local epoch = redis.call('GET', prefix .. 'epoch')
if not epoch then
    return redis.error_reply('NOEPOCH')
end
local early, number, i, n = {{}}, 0, 2, #ARGV
while i <= n do
    local once, turn, payload, last = ARGV[i], ARGV[i + 1], ARGV[i + 2], i + 3 + tonumber(ARGV[i + 3])
    local go = once == '' or redis.call('SET', prefix .. 'once:' .. once, '', 'NX', 'EX', {ONCE_SECONDS})
    if turn ~= '' then
        local at, after = struct.unpack('>I8I8', turn)
        local key = prefix .. 'turn:' .. epoch .. string.sub(turn, {TURN.size + 1})
        local reached = redis.call('GET', key)
        if reached and at <= tonumber(reached) then
            go = false
        elseif after > 0 and after > tonumber(reached or redis.call('GET', prefix .. 'since') or 0) then
            early[#early + 1] = number
            go = false
        else
            redis.call('SET', key, string.format('%d', at), 'EX', {LINE_SECONDS})
        end
    end
    if go then
        for k = i + 4, last do
            local topic = ARGV[k]
            local log, tail = prefix .. 'log:' .. topic, prefix .. 'tail:' .. topic
            local before = redis.call('GET', tail)
            local position = redis.call('INCR', prefix .. 'position')
            local message = epoch .. struct.pack('>I8I8', position, tonumber(before or 0)) .. payload
            redis.call('SET', tail, position, 'EX', {TAIL_SECONDS})
            redis.call('XADD', log, 'MAXLEN', '~', {KEEP_MESSAGES}, string.format('%d-0', position), '', message)
            redis.call('EXPIRE', log, {KEEP_SECONDS})
            redis.call('PUBLISH', prefix .. topic, message)
        end
    end
    i = last + 1
    number = number + 1
end
return early
"""
"""Publishes messages, each given as envelope id, turn, payload, number of topics, topics; "" for no id and no turn.

Left out are those that were published before, and those whose turn has not come: their numbers are the answer.
"""

REACHED = """
local prefix, found = ARGV[1], {}
local epoch, since = redis.call('GET', prefix .. 'epoch'), redis.call('GET', prefix .. 'since')
for i = 2, #ARGV do
    found[i - 1] = epoch and redis.call('GET', prefix .. 'turn:' .. epoch .. ARGV[i]) or since or '0'
end
return found
"""
"""How far lines have been published; of those with nothing in this epoch, when it began."""


class Names(Struct, frozen=True):
    """The names of keys and channels of one service on a Redis that others may use too."""

    prefix: str

    @property
    def position(self) -> str:
        """Counts every message."""
        return f"{self.prefix}position"

    @property
    def epoch(self) -> str:
        """Since when the counts are good."""
        return f"{self.prefix}epoch"

    def channel(self, topic: str) -> bytes:
        """Where subscribers hear a topic."""
        return f"{self.prefix}{topic}".encode()

    def tail(self, topic: str) -> str:
        """The position of the topic's last message."""
        return f"{self.prefix}tail:{topic}"

    def log(self, topic: str) -> str:
        """The topic's last messages."""
        return f"{self.prefix}log:{topic}"
