"""Who talks: agents with their versions, personas and scenarios."""

import uuid

from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse

E164 = RegexValidator(r"^\+[1-9]\d{6,14}$", "Write the number in E.164 form, for example +14155550123.", code="e164")
MAX_PROMPT_CHARS = 20_000


class Agent(models.Model):
    """A voice agent whose work is judged. What it says lives in its versions; a call pins the one it used."""

    class Kind(models.TextChoices):
        HOSTED = "hosted", "Hosted: Klix runs its ears, brain and voice"
        EXTERNAL = "external", "External: reached by phone"

    class Address(models.TextChoices):
        NUMBER = "number", "By its phone number"
        VOICE_URL = "voice_url", "By the voice URL of its Twilio application, without Twilio"
        STREAM_URL = "stream_url", "By its Media Streams websocket, without Twilio"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.HOSTED)
    description = models.CharField(max_length=300, blank=True)
    phone_number = models.CharField(
        max_length=16,
        blank=True,
        validators=[E164],
        help_text="Calls to this number are answered by a hosted agent; an external agent is dialled at it.",
    )
    translate_to = models.CharField(
        max_length=12, blank=True, help_text="Language of the translation on its calls. Blank: as the site's setting."
    )
    # How an external agent is reached; agents/addresses.py has the rules.
    address_kind = models.CharField(
        "reached", max_length=10, choices=Address.choices, default=Address.NUMBER, help_text="External agents only."
    )
    address = models.CharField(
        max_length=500, blank=True, help_text="The voice URL (https://…) or the media stream's websocket (wss://…)."
    )
    account_sid = models.CharField(
        "account SID", max_length=34, blank=True, help_text="The Twilio account that the application believes to be in."
    )
    auth_token_env = models.CharField(
        "auth token's variable",
        max_length=100,
        blank=True,
        help_text="Name of the environment variable with the application's auth token, which signs its webhooks.",
    )
    stream_parameters = models.JSONField(
        default=dict, blank=True, help_text='The stream\'s custom parameters: {"tenant": "7"}.'
    )
    send_digits = models.CharField(
        "digits to press", max_length=32, blank=True, help_text="Pressed when it answers: 0-9 * #, w waits 0.5 s."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(
                fields=("phone_number",), condition=~models.Q(phone_number=""), name="one_agent_a_number"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("agents:detail", args=[self.public_id])

    @property
    def described(self) -> str:
        """Of which kind it is, and how an external one is reached."""
        if self.kind == Agent.Kind.HOSTED:
            return "Hosted by Klix"
        by = {Agent.Address.VOICE_URL: "its voice URL", Agent.Address.STREAM_URL: "its media stream"}
        return f"External, reached by {by.get(Agent.Address(self.address_kind), 'its phone number')}"

    @property
    def current_version(self) -> "AgentVersion | None":
        return self.versions.order_by("-number").first()


class AgentVersion(models.Model):
    """What an agent is at one time: prompt, brain, ears and voice. Never edited, only succeeded."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    prompt = models.TextField(blank=True, max_length=MAX_PROMPT_CHARS)
    # Names in the registries of agents/providers; their settings override the site's for this agent.
    brain = models.CharField(max_length=40, default="script")
    brain_options = models.JSONField(default=dict, blank=True, help_text='For the script brain: {"script": {…}}.')
    ears = models.CharField(max_length=40, blank=True, help_text="Blank: the site's default.")
    ears_options = models.JSONField(default=dict, blank=True)
    voice = models.CharField(max_length=80, blank=True, help_text="provider:voice. Blank: the site's default.")
    voice_options = models.JSONField(default=dict, blank=True)
    language = models.CharField(max_length=12, default="en", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("agent", "-number")
        constraints = [models.UniqueConstraint(fields=("agent", "number"), name="agent_version_number")]

    def __str__(self) -> str:
        return f"{self.agent.name} v{self.number}"


class Persona(models.Model):
    """A simulated caller: its voice, manner and patience, and the brain that plays it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=300, blank=True)
    phone_number = models.CharField(
        max_length=16, blank=True, validators=[E164], help_text="In the sandbox this persona answers at this number."
    )
    manner = models.TextField(blank=True, help_text="Temper, how it speaks, when it gives up.")
    brain = models.CharField(max_length=40, default="script")
    brain_options = models.JSONField(default=dict, blank=True)
    ears = models.CharField(max_length=40, blank=True)
    ears_options = models.JSONField(default=dict, blank=True)
    voice = models.CharField(max_length=80, blank=True)
    voice_options = models.JSONField(default=dict, blank=True)
    language = models.CharField(max_length=12, default="en", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(
                fields=("phone_number",), condition=~models.Q(phone_number=""), name="one_persona_a_number"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Scenario(models.Model):
    """What the caller wants and knows, or the exact script, and what should come of it."""

    class OnVoicemail(models.TextChoices):
        TALK = "", "Talk on: do not ask whether a machine answered"
        HANG_UP = "hang_up", "Hang up"
        MESSAGE = "message", "Leave the message after the tone, then hang up"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120, unique=True)
    goal = models.TextField(blank=True)
    facts = models.JSONField(default=dict, blank=True, help_text='What the caller knows: {"name": "Dana"}.')
    script = models.JSONField(default=dict, blank=True, help_text="The caller's steps, for the script brain.")
    outcome = models.TextField(blank=True, help_text="What should come of the call.")
    line = models.JSONField(default=dict, blank=True, help_text='Line conditions: {"preset": "street at 10 dB"}.')
    on_voicemail = models.CharField(
        "on an answering machine", max_length=10, choices=OnVoicemail.choices, default=OnVoicemail.TALK, blank=True
    )
    voicemail_message = models.TextField("message to leave", max_length=2000, blank=True)
    persona = models.ForeignKey(Persona, null=True, blank=True, on_delete=models.SET_NULL, related_name="scenarios")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
