"""Template tags of the design system: icons, figures, form fields, the state of the navigation."""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cache

import lucide
from django import template
from django.forms import BoundField
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from agents.secrets import masked
from calls.badges import verdict_badge
from calls.strips import Bar
from calls.transcript import ShownWord
from klix_site import formats, navigation
from klix_site.rights import Right, may

register = template.Library()


@cache
def _svg(name: str, size: int, extra: str) -> SafeString:
    attributes = {"class": f"ic {extra}".strip(), "aria-hidden": "true"}
    drawn = lucide._render_icon(name, size, **attributes)
    return mark_safe("".join(line.strip() for line in drawn.splitlines()))  # noqa: S308  (the package's own drawing)


@register.simple_tag
def icon(name: str, size: int = 16, extra: str = "") -> SafeString:
    """A Lucide icon as inline SVG, hidden from readers: the word beside it says the same."""
    return _svg(str(name), size, str(extra))


# y and height in a strip that is 20 high
_PLACES = {"caller": (0, 9), "agent": (11, 9), "gap": (0, 20)}


@register.simple_tag
def bars(strip: Iterable[Bar]) -> SafeString:
    """A call's turns as rectangles, in one go: a list has hundreds of them. Callers above, agents below."""
    drawn = ((bar, *_PLACES[bar.side]) for bar in strip)
    return mark_safe(  # noqa: S308  (numbers, and names that are keys above)
        "".join(
            f'<rect class="{bar.side}" x="{bar.x}" width="{bar.width}" y="{y}" height="{height}" rx="2"/>'
            for bar, y, height in drawn
        )
    )


@register.simple_tag
def dots(kinds: Iterable[str]) -> SafeString:
    """A square for each criterion's outcome."""
    squares = ((kind, str(10 * place)) for place, kind in enumerate(kinds))
    return format_html_join("", '<rect class="{}" x="{}" width="7" height="7" rx="2"/>', squares)


@register.simple_tag(takes_context=True)
def nav(context: template.Context) -> navigation.Navigation:
    """What the sidebar shows for this request."""
    return navigation.of(context["request"])


@register.simple_tag(takes_context=True)
def may_call(context: template.Context) -> bool:
    """Whether who looks may place calls, and so speak on them."""
    return may(context["request"].user, Right.CALL)


@register.filter
def offsets(words: Iterable[ShownWord], start_ms: int) -> str:
    """When each word begins, in hundredths of a second from `start_ms`: a page makes its own elements of them where
    somebody points."""
    return " ".join(str(round((word.at_ms - start_ms) / 10)) for word in words)


@register.filter
def described(field: BoundField) -> BoundField:
    """The field with its help and errors tied to it for readers."""
    ids = [f"{field.auto_id}-help"] if field.help_text else []
    if field.errors:
        ids.append(f"{field.auto_id}-error")
        field.field.widget.attrs["aria-invalid"] = "true"
    if ids:
        field.field.widget.attrs["aria-describedby"] = " ".join(ids)
    return field


register.filter("clock", lambda ms: formats.clock(ms))
register.filter("clock_tenths", lambda ms: formats.clock(ms, tenths=True))
register.filter("seconds", lambda ms: formats.seconds(ms))
register.filter("two_places", formats.two_places)
register.filter("percent", formats.percent)
register.filter("points", formats.points)
register.filter("masked", formats.masked)
register.filter("ms", lambda seconds: None if seconds is None else 1000 * seconds)
register.filter("at", lambda values, key: values[key])
register.filter("json_text", lambda value: json.dumps(masked(value), indent=2, ensure_ascii=False))
register.filter("verdict_badge", verdict_badge)


@register.filter
def moment(at: datetime) -> str:
    return formats.moment(localtime(at), localtime())
