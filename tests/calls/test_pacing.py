"""At most ten messages a second to a page, in order, none lost. On a clock of the test."""

import asyncio

from calls.pacing import PER_SECOND, Pace


class Clock:
    """Time that passes when a sleeper says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[tuple[float, str]] = []

    async def send(self, html: str) -> None:
        self.sent.append((self.now, html))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds


def paced(clock: Clock) -> Pace:
    return Pace(clock.send, clock=lambda: clock.now, sleep=clock.sleep)


async def test_a_message_goes_out_at_once_while_there_is_room() -> None:
    clock = Clock()
    await paced(clock).put("<p>1</p>")
    assert clock.sent == [(100.0, "<p>1</p>")]


async def test_in_any_second_at_most_ten_go_out_and_what_waits_is_joined_in_order() -> None:
    clock = Clock()
    pace = paced(clock)
    for number in range(25):
        await pace.put(f"{number},")
    assert pace._sending
    await pace._sending
    assert len(clock.sent) == PER_SECOND + 1
    assert clock.sent[-1] == (101.0, "".join(f"{number}," for number in range(10, 25)))
    assert "".join(html for _, html in clock.sent) == "".join(f"{number}," for number in range(25))


async def test_after_a_pause_there_is_room_again() -> None:
    clock = Clock()
    pace = paced(clock)
    for _ in range(PER_SECOND):
        await pace.put("old")
    clock.now += 1.5
    await pace.put("new")
    assert clock.sent[-1] == (101.5, "new")


async def test_a_page_that_left_gets_nothing_that_waited() -> None:
    clock = Clock()
    pace = paced(clock)
    for _ in range(PER_SECOND + 1):
        await pace.put("x")
    pace.close()
    await asyncio.sleep(0)
    assert len(clock.sent) == PER_SECOND
