"""What calls announce to the apps above."""

from django.dispatch import Signal

# Sent after the commit, once a call, with `call=`: its status is final and its recording closed.
call_ended = Signal()
# Sent after the commit, with `imported=` (a CallImport): its transcript is to be made.
call_imported = Signal()
