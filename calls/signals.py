from django.dispatch import Signal

call_ended = Signal()
