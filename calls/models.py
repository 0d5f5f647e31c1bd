"""Calls and what was said on them."""

import uuid
from typing import Any, Final

from django.db import models
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent, AgentVersion, Persona, Scenario
from calls.states import LIVE, Ending, Side, Status

# What the product keeps for itself: it changes every few seconds, and nobody sees it.
UNSEEN: Final = frozenset({"lease_until"})
# Calls from a browser are not the exchange's: their ids begin otherwise than CallSids.
BROWSER_SID: Final = "BP"


# Nobody was reached, or what was said could not be judged.
WITH_ERRORS: Final = models.Q(status__in=(Status.BUSY, Status.FAILED, Status.NO_ANSWER, Status.CANCELED)) | models.Q(
    outcome="error"
)


class CallQuerySet(models.QuerySet["Call"]):
    def update(self, **changes: Any) -> int:
        """As Django's, and `updated_at` moves on: who polls by it hears of every change that can be seen of a call."""
        if changes.keys() - UNSEEN and "updated_at" not in changes:
            changes["updated_at"] = timezone.now()
        return super().update(**changes)


class Call(models.Model):
    """One conversation between a caller and an agent, whoever of the two Klix itself speaks for."""

    class Direction(models.TextChoices):
        OUTBOUND = "outbound", "Outbound"
        INBOUND = "inbound", "Inbound"
        IMPORTED = "imported", "Imported"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Without indexes of their own: the lists' indexes below begin with them.
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="calls", db_index=False)
    agent_version = models.ForeignKey(AgentVersion, null=True, on_delete=models.PROTECT, related_name="calls")
    persona = models.ForeignKey(
        Persona, null=True, blank=True, on_delete=models.PROTECT, related_name="calls", db_index=False
    )
    scenario = models.ForeignKey(
        Scenario, null=True, blank=True, on_delete=models.PROTECT, related_name="calls", db_index=False
    )
    # The scenario's script and facts as they were when the call was placed.
    scenario_snapshot = models.JSONField(default=dict, blank=True)

    direction = models.CharField(max_length=8, choices=Direction.choices)
    status = models.CharField(max_length=12, choices=[(s.value, s.value) for s in Status], default=Status.QUEUED)
    ending = models.CharField(max_length=20, choices=[(e.value, e.value) for e in Ending], blank=True)
    error_code = models.CharField(max_length=20, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    from_number = models.CharField(max_length=40, blank=True)
    to_number = models.CharField(max_length=40, blank=True)
    idempotency_key = models.CharField(max_length=100, null=True, blank=True, unique=True)
    # When a process took this call to dial it; null: it waits for a free line (calls/dialling.py).
    dial_claimed_at = models.DateTimeField(null=True, blank=True)
    send_digits = models.CharField(max_length=32, blank=True, help_text="Pressed once it is answered.")
    answered_by = models.CharField(max_length=24, blank=True, help_text="Twilio's word: human, machine_end_beep…")
    notice = models.CharField(max_length=300, blank=True, help_text="What a reader of this call should know first.")

    # Of the newest evaluation, kept here by whoever evaluates: lists are filtered by it. "": none, or not done yet.
    outcome = models.CharField(max_length=16, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # Status terminal, media streams closed, recording finished: set once, then the call is evaluated.
    concluded_at = models.DateTimeField(null=True, blank=True)
    # When its recording and its transcript were deleted, being old enough.
    forgotten_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The process that holds the media stream renews this; a live call whose lease ran out was abandoned.
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=("-created_at", "-id")),
            # A list by one of these is read from its index in order, however few of the calls it holds.
            *(
                models.Index(fields=(name, "-created_at", "-id"))
                for name in ("status", "outcome", "direction", "ending", "agent", "persona", "scenario")
            ),
            # An agent's failures, where it has none: without these every call of it would be looked at.
            models.Index(fields=("agent", "outcome", "-created_at", "-id")),
            models.Index(fields=("agent", "-created_at", "-id"), condition=WITH_ERRORS, name="calls_with_errors"),
            models.Index(fields=("-updated_at",)),
            models.Index(fields=("ended_at",), condition=models.Q(forgotten_at=None), name="calls_with_words"),
        ]

    def __str__(self) -> str:
        return f"{self.agent.name} {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("calls:detail", args=[self.public_id])

    @property
    def is_live(self) -> bool:
        return Status(self.status) in LIVE

    @property
    def is_in_person(self) -> bool:
        """Somebody in a browser calls an external agent: no party of this call is Klix's."""
        is_placed = self.direction == Call.Direction.OUTBOUND and self.agent.kind == Agent.Kind.EXTERNAL
        return is_placed and self.persona_id is None

    @property
    def duration_s(self) -> float | None:
        """Seconds from answer to end; None while it lasts or when nobody answered."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.answered_at).total_seconds())


class DialGate(models.Model):
    """One row that all processes lock to dial: it keeps the pace of calls to the exchange."""

    next_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"next call at {self.next_at:%H:%M:%S.%f}"


class Leg(models.Model):
    """One party's connection to the exchange. Klix holds one leg of a call, or both when it plays both parties."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="legs")
    side = models.CharField(max_length=6, choices=[(s.value, s.value) for s in Side])
    # The leg whose media makes the transcript and the recording: the agent's where Klix plays it, else the caller's.
    is_primary = models.BooleanField(default=False)
    is_outbound = models.BooleanField()
    call_sid = models.CharField(max_length=34, null=True, blank=True, unique=True)
    stream_sid = models.CharField(max_length=34, blank=True)
    status = models.CharField(max_length=12, default=Status.QUEUED)
    last_sequence = models.IntegerField(default=-1, help_text="SequenceNumber of the newest status callback.")
    # SHA-256 of the one-time token that admits this leg's media stream; emptied when it is used.
    stream_token_hash = models.CharField(max_length=64, blank=True)
    stream_started_at = models.DateTimeField(null=True, blank=True)
    stream_ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=("call", "side"), name="one_leg_a_side")]

    def __str__(self) -> str:
        return f"{self.side} leg {self.call_sid or self.public_id}"

    @property
    def is_browser(self) -> bool:
        return bool(self.call_sid and self.call_sid.startswith(BROWSER_SID))


class Turn(models.Model):
    """What one side says until the other side's floor. Times are milliseconds from the media stream's start."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="turns")
    index = models.PositiveIntegerField(help_text="Order of beginning within the call, from 0.")
    # "": it was heard in a mono recording, where the sides cannot be told apart.
    side = models.CharField(max_length=6, choices=[(s.value, s.value) for s in Side], blank=True)
    text = models.TextField()
    # The part that was played before a cut; null: not cut.
    heard = models.TextField(null=True, blank=True)  # noqa: DJ001  (null and "" differ: not cut, nothing heard)
    translation = models.TextField(blank=True)
    translation_language = models.CharField(max_length=12, blank=True)
    language = models.CharField(max_length=12, blank=True)
    # What is known to have been said by a played side (script or speech input): the reference of the Hearing figure.
    reference = models.TextField(blank=True)
    start_ms = models.PositiveIntegerField()
    end_ms = models.PositiveIntegerField()
    is_final = models.BooleanField(default=True)
    words = models.JSONField(default=list, blank=True, help_text='[{"text", "start_ms", "end_ms"}] where known.')
    # Provider-reported milliseconds: {"stt_ms", "brain_first_token_ms", "tts_first_byte_ms", …}.
    latencies = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("call", "index")
        constraints = [models.UniqueConstraint(fields=("call", "index"), name="turn_index")]

    def __str__(self) -> str:
        return f"{self.side} turn {self.index}"

    @property
    def was_cut(self) -> bool:
        """A reply that ended with its last word was not, whoever hung up."""
        return self.heard is not None and self.heard != self.text


class CallEvent(models.Model):
    """Something that happened on a call, in the past tense, on the call's clock."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="events")
    side = models.CharField(max_length=6, blank=True)
    name = models.CharField(max_length=40)
    at_ms = models.PositiveIntegerField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("call", "id")
        indexes = [models.Index(fields=("call", "name"))]

    def __str__(self) -> str:
        return self.name


class Recording(models.Model):
    """The recording of a call, 8 kHz, one clock: left caller, right agent. Only an imported one may be mono."""

    class State(models.TextChoices):
        OPEN = "open", "Being recorded"
        READY = "ready", "Ready"
        EMPTY = "empty", "Nothing was recorded"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="recording")
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    # File name below RECORDINGS_DIR: interleaved μ-law while open, WAV when ready.
    file = models.CharField(max_length=200, blank=True)
    channels = models.PositiveSmallIntegerField(default=2)
    sample_rate_hz = models.PositiveIntegerField(default=8000)
    duration_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.file


class Transcription(models.Model):
    """The transcript of a finished call, to be made from its recording. The call is concluded once it is done.

    Of a call that was brought in, all of it; of one whose process died, what nobody had transcribed by then.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"

    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="transcription")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING, db_index=True)
    # Brought in: the WAV below RECORDINGS_DIR, 8 kHz, that becomes the call's recording; "": there is none to come.
    file = models.CharField(max_length=200, blank=True)
    channels = models.PositiveSmallIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    # [{"side", "text", "start_ms", "end_ms"}] where the transcript came along, until done; null: made from the audio.
    turns = models.JSONField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # A claim: who works on it and until when; a claim that ran out may be taken over.
    claim = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Transcription of {self.call_id}"
