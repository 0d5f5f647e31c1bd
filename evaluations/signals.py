"""What others can be told about evaluations."""

from django.dispatch import Signal

# Sent with `evaluation=` after each change of state that was committed.
evaluation_changed = Signal()
