"""The Lua that runs in Redis: publishing is one atomic step, and so is agreeing on the epoch.

Keys, all under one prefix: `position` counts every message of the service; `tail:<topic>` is the position of the
topic's last message; `log:<topic>` is a stream of its last messages, whose ids are their positions; `once:<id>` marks
an envelope that must not be published again; `epoch` and `run` say since when the counts are good. A message on the
wire and in the stream is epoch (8 characters), position, the position of the topic's message before it, payload.
"""

import struct

from msgspec import Struct

HEADER = struct.Struct(">8sQQ")

KEEP_MESSAGES = 1000
"""A topic's stream keeps about this many messages …"""
KEEP_SECONDS = 900
"""… until nothing was published to it for this long."""
TAIL_SECONDS = 86_400
ONCE_SECONDS = 600
"""For this long a second publish under the same envelope id is left out."""

BEGIN = """
local prefix, run, fresh = ARGV[1], ARGV[2], ARGV[3]
local epoch = redis.call('GET', prefix .. 'epoch')
if not epoch or redis.call('GET', prefix .. 'run') ~= run then
    epoch = fresh
    redis.call('SET', prefix .. 'epoch', epoch)
    redis.call('SET', prefix .. 'run', run)
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
local position, i, n = 0, 2, #ARGV
while i <= n do
    local once, payload, last = ARGV[i], ARGV[i + 1], i + 2 + tonumber(ARGV[i + 2])
    if once == '' or redis.call('SET', prefix .. 'once:' .. once, '', 'NX', 'EX', {ONCE_SECONDS}) then
        for k = i + 3, last do
            local topic = ARGV[k]
            local log, tail = prefix .. 'log:' .. topic, prefix .. 'tail:' .. topic
            local before = redis.call('GET', tail)
            position = redis.call('INCR', prefix .. 'position')
            local message = epoch .. struct.pack('>I8I8', position, tonumber(before or 0)) .. payload
            redis.call('SET', tail, position, 'EX', {TAIL_SECONDS})
            redis.call('XADD', log, 'MAXLEN', '~', {KEEP_MESSAGES}, string.format('%d-0', position), '', message)
            redis.call('EXPIRE', log, {KEEP_SECONDS})
            redis.call('PUBLISH', prefix .. topic, message)
        end
    end
    i = last + 1
end
return position
"""


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
