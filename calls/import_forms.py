"""The form that brings in a finished call."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from agents.models import Agent
from calls.imports import GivenTurn, read_transcript
from calls.refusals import CallRefused

CHANNELS = [("right", "Right (second) channel"), ("left", "Left (first) channel")]


class ImportForm(forms.Form):
    agent = forms.ModelChoiceField(
        Agent.objects.none(), empty_label="Choose an agent", help_text="Whose call it was: its criteria apply."
    )
    audio = forms.FileField(
        required=False,
        label="Recording",
        help_text="WAV, MP3, OGG or FLAC. Stereo with one side a channel gives all figures; mono gives few.",
        widget=forms.ClearableFileInput(attrs={"accept": "audio/*,.wav,.mp3,.ogg,.flac"}),
    )
    recording_sid = forms.CharField(
        required=False, max_length=34, label="Twilio recording SID", help_text="Instead of a file: RE and 32 digits."
    )
    agent_channel = forms.ChoiceField(choices=CHANNELS, label="The agent is on the", help_text="Of a stereo recording.")
    transcript = forms.FileField(
        required=False,
        help_text='JSON: {"turns": [{"side": "agent", "text": "Hello", "start": 0.9, "end": 1.6}]}, in seconds. '
        "Without one, the recording is transcribed.",
        widget=forms.ClearableFileInput(attrs={"accept": "application/json,.json"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["agent"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Agent.objects.filter(archived_at=None, versions__isnull=False).distinct()
        field.to_field_name = "public_id"

    def clean_audio(self) -> "UploadedFile[Any] | None":
        return _within_limit(self.cleaned_data["audio"])

    def clean_transcript(self) -> list[GivenTurn] | None:
        file = _within_limit(self.cleaned_data["transcript"])
        if file is None:
            return None
        try:
            return read_transcript(file.read())
        except CallRefused as refused:
            raise ValidationError(refused.message) from refused

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not (data["audio"] or data["recording_sid"] or data["transcript"]):
            self.add_error("audio", "Choose a recording, or write a recording SID, or choose a transcript.")
        return data


def _within_limit(file: "UploadedFile[Any] | None") -> "UploadedFile[Any] | None":
    if file and (file.size or 0) > settings.IMPORT_MAX_MB << 20:
        raise ValidationError(
            f"The file is larger than {settings.IMPORT_MAX_MB} MB (KLIX_IMPORT_MAX_MB): "
            "send it as MP3, OGG or FLAC, or cut it."
        )
    return file or None
