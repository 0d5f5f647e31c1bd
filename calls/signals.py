"""What calls announce to the apps above."""

from django.dispatch import Signal

# Sent after the commit, once a call, with `call=`: its status is final and its recording closed.
call_ended = Signal()
# Sent after the commit, with `transcription=` (a Transcription): the transcript is to be made.
transcription_wanted = Signal()
