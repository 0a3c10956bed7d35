"""The Lua that runs in Redis: publishing is one atomic step, and so is agreeing on the epoch.

Keys, all under one prefix: `position` counts every message of the service; `tail:<topic>` is the position of the
topic's last message; `log:<topic>` is a stream of its last messages, whose ids are their positions; `once:<id>` marks
an envelope that must not be published again; `turn:<epoch><line>` is how far a line has been published, `floor:…` up
to where that is only believed; `epoch` and `run` say since when the counts are good, `since` when that was by the
clock, `evicted` how many keys Redis had dropped by then. A message on the wire and in the stream is epoch
(8 characters), position, the position of the topic's message before it, payload.
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

LINE_SECONDS = 86_400
"""For this long after its last message it is known how far a line has been published …"""
RECENT_MS = 300_000
"""… and when it is not known, all that is older than this is believed to have been published."""

BEGIN = """
local prefix, run, evicted, fresh = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local epoch, before = redis.call('GET', prefix .. 'epoch'), redis.call('GET', prefix .. 'evicted')
if not epoch or redis.call('GET', prefix .. 'run') ~= run or not before or tonumber(before) < tonumber(evicted) then
    epoch = fresh
    redis.call('SET', prefix .. 'evicted', evicted)
    local time = redis.call('TIME')
    redis.call('SET', prefix .. 'epoch', epoch)
    redis.call('SET', prefix .. 'run', run)
    redis.call('SET', prefix .. 'since', time[1] .. string.format('%03d', math.floor(time[2] / 1000)))
end
return epoch
"""
"""The epoch: a new one when this server process has none yet or dropped keys, for then counts may have gone back."""

_OLD = f"""
local function old(prefix)
    local time = redis.call('TIME')
    return math.max(redis.call('GET', prefix .. 'since') or 0, time[1] * 1000 - {RECENT_MS})
end
"""
"""What is older has been published, or was put right when the epoch began."""

PUBLISH = f"""
local call, prefix = redis.call, ARGV[1]
local epoch = call('GET', prefix .. 'epoch')
if not epoch then
    return redis.error_reply('NOEPOCH')
end
{_OLD}
local early, late, number, i, n = {{}}, {{}}, 0, 2, #ARGV
while i <= n do
    local once, turn, payload, last = ARGV[i], ARGV[i + 1], ARGV[i + 2], i + 3 + tonumber(ARGV[i + 3])
    local go = once == '' or call('SET', prefix .. 'once:' .. once, '', 'NX', 'EX', '{ONCE_SECONDS}')
    if turn ~= '' then
        local at, after = struct.unpack('>I8I8', turn)
        local line = epoch .. string.sub(turn, {TURN.size + 1})
        local reached = call('GET', prefix .. 'turn:' .. line)
        if reached and at <= tonumber(reached) then
            go = false
            if at <= tonumber(call('GET', prefix .. 'floor:' .. line) or 0) then
                late[#late + 1] = number
            end
        elseif after > (reached and tonumber(reached) or old(prefix)) then
            early[#early + 1] = number
            go = false
        else
            call('SET', prefix .. 'turn:' .. line, string.format('%d', at), 'EX', '{LINE_SECONDS}')
            if not reached then
                call('SET', prefix .. 'floor:' .. line, string.format('%d', after), 'EX', '{LINE_SECONDS}')
            end
        end
    end
    if go then
        for k = i + 4, last do
            local topic = ARGV[k]
            local log, tail = prefix .. 'log:' .. topic, prefix .. 'tail:' .. topic
            local before = call('GET', tail)
            local position = call('INCR', prefix .. 'position')
            local place = string.format('%d', position)
            local message = epoch .. struct.pack('>I8I8', position, before or 0) .. payload
            call('SET', tail, place, 'EX', '{TAIL_SECONDS}')
            call('XADD', log, 'MAXLEN', '~', '{KEEP_MESSAGES}', place, '', message)
            call('EXPIRE', log, '{KEEP_SECONDS}')
            call('PUBLISH', prefix .. topic, message)
        end
    end
    i = last + 1
    number = number + 1
end
return {{early, late}}
"""
"""Publishes messages, each given as envelope id, turn, payload, number of topics, topics; "" for no id and no turn.

Left out are those that were published before, those whose turn has not come, and those whose turn was believed to be
over, as it may be when the epoch has just begun: the answer is the numbers of the second and of the third.
"""

REACHED = f"""
{_OLD}
local prefix, found = ARGV[1], {{}}
local epoch = redis.call('GET', prefix .. 'epoch') or ''
for i = 2, #ARGV do
    found[i - 1] = redis.call('GET', prefix .. 'turn:' .. epoch .. ARGV[i]) or string.format('%d', old(prefix))
end
return found
"""
"""How far lines have been published; of those of which nothing is known, what is believed."""


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

    @property
    def nodes(self) -> str:
        """The nodes that began and did not stop."""
        return f"{self.prefix}nodes"

    def alive(self, node_id: str) -> str:
        """Is there as long as a node lives."""
        return f"{self.prefix}alive:{node_id}"

    def owed(self, node_id: str) -> str:
        """What a node is about to tell, by number."""
        return f"{self.prefix}owed:{node_id}"

    @property
    def pulse(self) -> str:
        """Written to see that writing is possible."""
        return f"{self.prefix}pulse"

    def channel(self, topic: str) -> bytes:
        """Where subscribers hear a topic."""
        return f"{self.prefix}{topic}".encode()

    def tail(self, topic: str) -> str:
        """The position of the topic's last message."""
        return f"{self.prefix}tail:{topic}"

    def log(self, topic: str) -> str:
        """The topic's last messages."""
        return f"{self.prefix}log:{topic}"
