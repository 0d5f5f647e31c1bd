"""What others can be told about runs."""

from django.dispatch import Signal

# Sent with `run=` after each committed change of a run or of one of its cases.
run_changed = Signal()
