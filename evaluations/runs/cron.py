"""Cron fields: minute, hour, day of month, month, day of week."""

from datetime import datetime, timedelta

from celery.schedules import ParseException, crontab
from django.core.exceptions import ValidationError
from django.utils import timezone

FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


def check(text: str) -> None:
    """Raises ValidationError for what is no schedule, or one that never comes."""
    next_time(text, timezone.now())


def next_time(text: str, after: datetime) -> datetime:
    """The first moment later than `after`, in the site's time zone. Raises ValidationError."""
    parts = text.split()
    if len(parts) != len(FIELDS):
        raise ValidationError({"cron": "Write minute, hour, day of month, month, day of week: 0 6 * * 1-5"})
    here = timezone.localtime(after)
    try:
        fields = dict(zip(FIELDS, parts, strict=True))
        found = crontab(**fields, nowfun=lambda: here)
        remaining: timedelta = found.remaining_estimate(here)
    except (ParseException, ValueError, RuntimeError) as error:
        raise ValidationError({"cron": f"This is no schedule: {error}"}) from error
    return here + remaining
