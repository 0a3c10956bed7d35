"""What each call of daily use costs in statements, transactions, commands and messages: exactly what calls.txt says."""

from pathlib import Path

from tests.costs.calls import CALLS, World
from tests.costs.metering import Cost, Meter

TABLE = Path(__file__).with_name("calls.txt")


async def test_calls_cost_what_the_table_says(world: World, meter: Meter, tmp_path: Path) -> None:
    table = TABLE.read_text(encoding="utf-8").splitlines(keepends=True)
    head = [line for line in table if line.startswith("#")]
    costs: dict[str, tuple[Cost, Cost]] = {}
    for name, prepare in CALLS.items():
        first, second = await prepare(world), await prepare(world)
        async with meter.measured() as cold:
            meter.forget()
            await first()
        async with meter.measured() as warm:
            await second()
        width = max(map(len, CALLS))
        costs[f"{name:<{width}}  {warm().counts}    {cold().counts}\n"] = warm(), cold()

    now = tmp_path / "calls.txt"
    now.write_text("".join([*head, *costs]), encoding="utf-8")
    other = [
        f"{line}  warm: {warm.described}\n  cold: {cold.described}"
        for line, (warm, cold) in costs.items()
        if line not in table
    ]
    assert [*head, *costs] == table, "\n\n".join([f"{TABLE} should now be {now}; these are new:", *other])
