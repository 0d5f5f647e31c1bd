"""What POST /call takes."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from agents.models import E164, MAX_PROMPT_CHARS


class PlaceCallSerializer(serializers.Serializer[Any]):
    """Who calls, what it should do, and whom it calls."""

    name = serializers.CharField(max_length=100, help_text="The agent's name; an agent of a new name is made.")
    prompt = serializers.CharField(
        max_length=MAX_PROMPT_CHARS, help_text="What the agent is to do; a changed prompt makes a new version of it."
    )
    phone_number = serializers.CharField(
        max_length=16, validators=[E164], help_text="Whom to call, in E.164 form: +14155550123."
    )

    def to_internal_value(self, data: Any) -> Any:
        # A misspelt field is said at once: a call placed without it would cost money.
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            known = ", ".join(self.fields)
            raise serializers.ValidationError({name: [f"Unknown field. Known: {known}."] for name in unknown})
        return super().to_internal_value(data)


class PlacedCallSerializer(serializers.Serializer[Any]):
    """The answer: the name under which the telephone exchange knows the call."""

    call_sid = serializers.CharField(max_length=34)


class QueuedCallSerializer(serializers.Serializer[Any]):
    """The answer where the call waits to be dialled: it has no name at the exchange yet."""

    call_sid = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    detail = serializers.CharField(help_text="What it waits for.")
