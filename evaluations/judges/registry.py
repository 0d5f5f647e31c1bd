"""Which judges there are, and the one that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from agents.errors import Misconfigured
from agents.folders import Folder
from evaluations.judging import Judge

DEFAULT_PROVIDER = "openai"


@dataclass(frozen=True, slots=True)
class JudgeSetup:
    model: str


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    label: str
    make: Callable[[JudgeSetup], Judge]


_entries: dict[str, Entry] = {}
_folder = Folder("evaluations.judges")


def register_judge(
    name: str, *, label: str
) -> Callable[[Callable[[JudgeSetup], Judge]], Callable[[JudgeSetup], Judge]]:
    def add(make: Callable[[JudgeSetup], Judge]) -> Callable[[JudgeSetup], Judge]:
        if name in _entries:
            raise ValueError(f"Two judges are named {name!r}.")
        _entries[name] = Entry(name, label, make)
        return make

    return add


def make_judge(name: str) -> Judge:
    """`name` is "provider:model". Raises Misconfigured for an unknown provider, or what its factory raises."""
    provider, colon, model = name.partition(":")
    if not colon or provider not in _all():
        # Model names may hold colons themselves ("llama3:8b"): what is no provider is part of the model.
        provider, model = DEFAULT_PROVIDER, name
    if provider not in _all():
        known = ", ".join(sorted(_all())) or "none"
        raise Misconfigured(f"There is no judge provider for {name!r}. Known: {known}. Change KLIX_JUDGE_MODEL.")
    return _all()[provider].make(JudgeSetup(model))


def configured_judge() -> Judge | None:
    """The judge of this site; None where KLIX_JUDGE_MODEL is not set."""
    return make_judge(settings.JUDGE_MODEL) if settings.JUDGE_MODEL else None


def _all() -> dict[str, Entry]:
    _folder.load()
    return _entries
