"""The faults, one module for each kind; `FAULTS` is what `make chaos` goes through, in this order."""

from tests.chaos.fault import Fault
from tests.chaos.faults.backup import lose_all_but_a_backup
from tests.chaos.faults.clocks import jump_clocks
from tests.chaos.faults.crowd import a_crowd_comes_over
from tests.chaos.faults.hostile import clients_are_bad
from tests.chaos.faults.kill_points import die_after_a_change, die_before_telling, die_while_writing
from tests.chaos.faults.nodes import kill_a_node, restart_all_nodes, stop_a_node
from tests.chaos.faults.postgres import kill_postgres, pause_postgres, restart_postgres, take_all_connections
from tests.chaos.faults.redis import cut_one_node_off, flush_redis, kill_redis, pause_redis, silence_one_node
from tests.chaos.faults.streams import lose_streams, repeat_old_messages

FAULTS: tuple[Fault, ...] = (
    kill_a_node,
    stop_a_node,
    restart_all_nodes,
    die_while_writing,
    die_before_telling,
    die_after_a_change,
    kill_redis,
    flush_redis,
    pause_redis,
    cut_one_node_off,
    silence_one_node,
    restart_postgres,
    kill_postgres,
    pause_postgres,
    take_all_connections,
    a_crowd_comes_over,
    clients_are_bad,
    repeat_old_messages,
    lose_streams,
    lose_all_but_a_backup,
    jump_clocks,  # the last: it leaves posts of the future behind
)
LONG_ONLY: tuple[Fault, ...] = (die_after_a_change, silence_one_node, kill_postgres)
"""What a short form would show little of that others, or tests near the product, don't: it takes its time."""
