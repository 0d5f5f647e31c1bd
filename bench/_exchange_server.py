"""The exchange that `exchange` measures:  python -m bench._exchange_server CONFIG.json

Places the calls, waits until every leg has its media stream, and prints its own CPU time and lateness as JSON.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from calls.sandbox.exchange import Exchange, Placement, Setup
from calls.sandbox.performance import Source

CONNECT_WITHIN_S = 60.0


async def measure(config: dict[str, Any]) -> dict[str, float | int]:
    application = config["application"]
    exchange = Exchange(Setup("AC" + "0" * 32, "token", default_voice_url=application))
    for index in range(config["calls"]):
        exchange.place(Placement(f"+1555010{index:04d}", "+15550100000", Source(application)))
    legs = await _all_streaming(exchange, 2 * config["calls"])
    await asyncio.sleep(config["warm_up_s"])
    exchange.ticker.forget()
    cpu_s, began = time.process_time(), time.monotonic()
    await asyncio.sleep(config["seconds"])
    used = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.monotonic() - began}
    streams = [leg.stream for leg in legs if leg.stream is not None and leg.stream.is_open]
    dropped = sum(stream.dropped_frames for stream in streams)
    return {**used, **exchange.stats(), "streams": len(streams), "dropped_frames": dropped}


async def _all_streaming(exchange: Exchange, count: int) -> list[Any]:
    async with asyncio.timeout(CONNECT_WITHIN_S):
        while True:
            legs = list(exchange._legs.values())
            if len([leg for leg in legs if leg.stream is not None and leg.stream.is_open]) == count:
                return legs
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    os.sched_setaffinity(0, {0})
    print(json.dumps(asyncio.run(measure(json.loads(Path(sys.argv[1]).read_text())))), flush=True)
    os._exit(0)  # the calls end with the process: no farewell of two hundred streams is measured
