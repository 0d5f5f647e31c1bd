"""Forms for agents, personas and scenarios. What providers there are is asked of the registry when a form is made."""

import re
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.urls import reverse

from agents import addresses, selectors, services
from agents.errors import Misconfigured
from agents.lines import line_presets, line_problems
from agents.models import MAX_PROMPT_CHARS, Agent, AgentVersion, Persona, Scenario
from agents.provider_help import default_of, help_of
from agents.provider_settings import entry_of, option_problems, provider_options
from agents.providers.registry import BrainSetup, EarsSetup, VoiceSetup
from agents.script import ScriptError, parse_script

if TYPE_CHECKING:
    AgentModelForm = forms.ModelForm[Agent]
    PersonaModelForm = forms.ModelForm[Persona]
    ScenarioModelForm = forms.ModelForm[Scenario]
else:  # Django's own classes take no parameter
    AgentModelForm = PersonaModelForm = ScenarioModelForm = forms.ModelForm

ROLES = ("brain", "ears", "voice")
KINDS = (
    (Agent.Kind.HOSTED, "Hosted: Klix runs its ears, brain and voice"),
    (Agent.Kind.EXTERNAL, "External: it has ears, brain and voice of its own"),
)
# BCP 47, as far as ears, voices and translators read it.
LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*", re.ASCII)
SITE_DEFAULT = ("", "The site's default")


class ObjectField(forms.JSONField):
    """A JSON object; blank is an empty one."""

    default_error_messages = {"invalid": "Write JSON, for example {}.", "object": "Write a JSON object: {…}."}

    def __init__(self, **kwargs: Any) -> None:
        rows = kwargs.pop("rows", 12)
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": rows, "spellcheck": "false"}))
        super().__init__(required=False, initial=dict, **kwargs)

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        return {} if found is None else found

    def validate(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise forms.ValidationError(self.error_messages["object"], code="object")


def language_of(code: str) -> str:
    """Raises ValidationError for what is no code of a language."""
    if code and not LANGUAGE.fullmatch(code):
        raise forms.ValidationError("Write the code of a language: en, es-MX, pt-BR.")
    return code


class SpeakerForm(forms.Form):
    """Brain, ears and voice: what an agent's version and a persona have alike."""

    side = "agent"
    roles: tuple[str, ...] = ROLES

    brain = forms.ChoiceField(choices=selectors.brain_choices)
    brain_options = ObjectField(help_text='For the script brain: {"script": {"steps": […]}}; see docs/scripts.md.')
    ears = forms.ChoiceField(choices=lambda: [SITE_DEFAULT, *selectors.ears_choices()], required=False)
    ears_options = ObjectField(rows=3, help_text='JSON, for example {"model": "whisper-1"}.')
    voice = forms.ChoiceField(choices=lambda: [SITE_DEFAULT, *selectors.voice_choices()], required=False)
    voice_options = ObjectField(rows=3, help_text='JSON, for example {"speed": 0.9}.')
    language = forms.CharField(max_length=12, initial="en", required=False, help_text="BCP 47: en, es-MX.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for role in self.roles:
            self.fields[role].widget.attrs |= {
                "hx-get": reverse("agents:provider_help"),
                "hx-target": f"#help-{role}",
                "hx-swap": "outerHTML",
            }
        self.helps = {
            role: help_of(role, str(self[role].value() or ""), self.initial.get(f"{role}_options") or {})
            for role in self.roles
        }

    def clean_language(self) -> str:
        return language_of(self.cleaned_data["language"])

    def folds(self) -> dict[str, bool]:
        """The fields that are folded away, and whether each begins open: it says something, or something is wrong."""
        names = [f"{role}_options" for role in ROLES]
        return {name: bool(self[name].errors) or self[name].value() not in (None, "", "{}", {}) for name in names}

    def check_speaker(self, data: dict[str, Any], prompt: str) -> None:
        """Asks each provider that was chosen whether it can work so; what it says becomes the field's errors."""
        language = data.get("language", "")
        for role in ROLES:
            field, name = f"{role}_options", data.get(role, "")
            if field not in data or not (name or data[field]):
                continue
            # Options without a choice are for the site's default.
            name = name or default_of(role)
            options = provider_options(role, name, data[field])
            setups: dict[str, Any] = {
                "brain": BrainSetup(self.side, prompt, language, options=options),
                "ears": EarsSetup(language, options=options),
                "voice": VoiceSetup(name.partition(":")[2], language, options),
            }
            self._ask(field, role, name, setups[role])

    def _ask(self, field: str, role: str, name: str, setup: object) -> None:
        if problems := option_problems(role, name, self.cleaned_data[field]):
            for problem in problems:
                self.add_error(field, problem)
            return
        try:
            if check := entry_of(role, name).check:
                check(setup)
        except Misconfigured as problem:
            for line in problem.message.splitlines():
                self.add_error(field, line)


class VoiceForm(SpeakerForm):
    """The voice of such a form alone, to be heard before anything is saved."""

    roles = ("voice",)
    brain = brain_options = ears = ears_options = None  # type: ignore[assignment]  # Django's way to leave fields out

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self.check_speaker(data, "")
        return data


class AgentForm(SpeakerForm, AgentModelForm):
    """An agent and what it says now; saving makes a new version only if that changed."""

    prompt = forms.CharField(
        max_length=MAX_PROMPT_CHARS, required=False, strip=False, widget=forms.Textarea(attrs={"rows": 12})
    )

    class Meta:
        model = Agent
        fields = ("name", "kind", "description", "phone_number", "translate_to", *services.ADDRESS)

    stream_parameters = ObjectField(help_text='The stream\'s custom parameters: {"tenant": "7"}.')
    field_order = (
        "name",
        "kind",
        "description",
        "phone_number",
        *services.ADDRESS,
        "prompt",
        "brain",
        "brain_options",
        "ears",
        "ears_options",
        "voice",
        "voice_options",
        "language",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        agent: Agent | None = kwargs.get("instance")
        if agent and agent.pk and (current := agent.current_version):
            says = {name: getattr(current, name) for name in services.SAYS}
        else:
            says = {"brain": default_of("brain")}  # not the first of the list
        kwargs["initial"] = says | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        if isinstance(kind := self.fields["kind"], forms.ChoiceField):
            kind.choices = KINDS
        # An external agent has a brain of its own.
        self.fields["brain"].required = False
        self.fields["address_kind"].required = False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == Agent.Kind.EXTERNAL:
            for field, problem in addresses.address_problems(data).items():
                if field not in self.errors:
                    self.add_error(field, problem)
        elif data.get("brain"):
            self.check_speaker(data, data.get("prompt", ""))
        elif "brain" not in self.errors:
            self.add_error("brain", "A hosted agent needs a brain: choose one.")
        return data

    def clean_translate_to(self) -> str:
        return language_of(self.cleaned_data["translate_to"])

    def clean_address_kind(self) -> str:
        return self.cleaned_data.get("address_kind") or Agent.Address.NUMBER

    def save(self, commit: bool = True) -> Agent:
        """Raises ValueError with commit=False: a version needs a saved agent."""
        if not commit:
            raise ValueError("An agent is saved together with its version.")
        says: Any = {name: self.cleaned_data[name] for name in services.SAYS}
        says["brain"] = says["brain"] or AgentVersion._meta.get_field("brain").get_default()
        about = {name: self.cleaned_data[name] for name in self.Meta.fields}
        return services.write_agent(self.instance if self.instance.pk else None, about, says)


class PersonaForm(SpeakerForm, PersonaModelForm):
    side = "caller"

    class Meta:
        model = Persona
        fields = (
            "name", "description", "phone_number", "manner", "brain", "brain_options", "ears", "ears_options", "voice",
            "voice_options", "language",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        # A persona may leave its script to its scenarios.
        if not (data.get("brain") == "script" and data.get("brain_options") == {}):
            self.check_speaker(data, data.get("manner", ""))
        return data


LINES_OF_OWN: Final = "Conditions of your own: docs/line-conditions.md."


class ScenarioForm(ScenarioModelForm):
    facts = ObjectField(help_text='What the caller knows: {"name": "Dana"}.')
    script = ObjectField(help_text='The caller\'s steps, for the script brain: {"steps": […]}; see docs/scripts.md.')
    line = ObjectField()

    class Meta:
        model = Scenario
        fields = (
            "name", "goal", "persona", "facts", "script", "outcome", "line", "on_voicemail", "voicemail_message",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        persona = self.fields["persona"]
        assert isinstance(persona, forms.ModelChoiceField)
        persona.queryset = selectors.active_personas()
        if line := self.fields.get("line"):  # a drafted scenario has no line
            presets = ", ".join(line_presets())
            line.help_text = f'Line conditions: {{"preset": "bad mobile"}}. Presets: {presets}. {LINES_OF_OWN}'

    def clean_script(self) -> dict[str, Any]:
        script: dict[str, Any] = self.cleaned_data["script"]
        try:
            if script:
                parse_script(script)
        except ScriptError as error:
            raise forms.ValidationError([str(problem) for problem in error.problems]) from None
        return script

    def clean_line(self) -> dict[str, Any]:
        line: dict[str, Any] = self.cleaned_data["line"]
        if problems := line_problems(line):
            raise forms.ValidationError(problems)
        return line

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("on_voicemail") == Scenario.OnVoicemail.MESSAGE and not data.get("voicemail_message"):
            self.add_error("voicemail_message", "Write the message to leave, or choose another answer.")
        return data
