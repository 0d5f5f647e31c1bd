"""How figures, moments and numbers are written on the pages. Pure."""

from datetime import datetime, timedelta

from django.template.defaultfilters import floatformat

MASK = "···"


def clock(ms: float | None, *, tenths: bool = False) -> str:
    """Milliseconds as 0:48, or 0:48.5 with tenths; "" for None. Cut, not rounded: it never runs ahead."""
    if ms is None:
        return ""
    minutes, rest = divmod(max(0, int(ms)), 60_000)
    seconds, fraction = divmod(rest, 1000)
    return f"{minutes}:{seconds:02d}" + (f".{fraction // 100}" if tenths else "")


def seconds(ms: float | None, digits: int = 2) -> str:
    """Milliseconds as seconds with two decimals: 1.26."""
    return "" if ms is None else floatformat(ms / 1000, digits)


def two_places(value: float | None) -> str:
    """1.26; "" for None."""
    return "" if value is None else f"{value:.2f}"


def masked(number: str) -> str:
    """A phone number with its middle hidden: +15 ··· 4417. What is no number (an address, a name) stays as it is."""
    if not number.startswith("+") or len(number) < 8:
        return number
    return f"{number[:3]} {MASK} {number[-4:]}"


def moment(at: datetime, now: datetime) -> str:
    """Today 09:41, Yesterday 17:05, 3 Nov 08:00, 3 Nov 2025. Both in the zone in which they are to be read."""
    if at.date() == now.date():
        return f"Today {at:%H:%M}"
    if at.date() == (now - timedelta(days=1)).date():
        return f"Yesterday {at:%H:%M}"
    return f"{at.day} {at:%b %H:%M}" if at.year == now.year else f"{at.day} {at:%b %Y}"


def percent(share: float | None) -> str:
    """0.9375 as 94 %; "" for None."""
    return "" if share is None else f"{floatformat(100 * share, 0)} %"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, with its sign: −12 pp."""
    return "" if difference is None else f"{100 * difference:+.0f} pp".replace("-", "−")
