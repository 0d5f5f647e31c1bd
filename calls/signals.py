"""What calls announce to the apps above."""

from django.dispatch import Signal

call_ended = Signal()
