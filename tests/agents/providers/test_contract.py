"""What must hold for every provider that is registered, so that a new one is tested on arrival."""

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agents.errors import Misconfigured
from agents.ports import Action, Answered, Attention, Audio, HangUp, Heard, Note, PressDigits, Samples, Say
from agents.providers.registry import (
    ACTIVITY,
    BRAINS,
    EARS,
    VOICES,
    BrainSetup,
    EarsSetup,
    Entry,
    VoiceSetup,
    make_activity,
    make_brain,
    make_ears,
    make_voice,
)
from calls.audio.levels import rms_dbfs
from tests.agents.providers.sound import speech, until

TEXT = "Good morning, how can I help you?"
EVERYTHING: list[Entry[Any, Any]] = [*EARS.all(), *VOICES.all(), *BRAINS.all(), *ACTIVITY.all()]
SPEAKERS = [f"{entry.name}:{voice}" for entry in VOICES.all() for voice in entry.voices]


def refusal(entry: Entry[Any, Any], setup: Any) -> str:
    """Why a provider cannot work without a key or options, or "": then it works as it is."""
    try:
        if entry.check:
            entry.check(setup)
    except Misconfigured as error:
        return error.message
    return ""


def refuses(entry: Entry[Any, Any], setup: Any) -> bool:
    """Whether the provider refuses a bare setup; then it must do so clearly, and for the call as for the form."""
    reason = refusal(entry, setup)
    if reason:
        assert len(reason.split()) >= 4
        with pytest.raises(Misconfigured):
            entry.make(setup)
    return bool(reason)


@pytest.mark.parametrize("entry", EVERYTHING, ids=lambda entry: entry.name)
def test_every_provider_has_a_plain_name_and_a_label(entry: Entry[Any, Any]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_-]{1,39}", entry.name)
    assert len(entry.label) > len(entry.name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_ears("nobody", EarsSetup()),
        lambda: make_voice("nobody:heart"),
        lambda: make_brain("nobody", BrainSetup("agent")),
        lambda: make_activity("nobody"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(make: Callable[[], object]) -> None:
    with pytest.raises(Misconfigured, match=r"named 'nobody'\. Known: .*scripted"):
        make()


@pytest.mark.parametrize("entry", EARS.all(), ids=lambda entry: entry.name)
async def test_every_ears_hear_no_words_in_silence(entry: Entry[EarsSetup, Any]) -> None:
    if refuses(entry, EarsSetup()):
        return
    ears = make_ears(entry.name, EarsSetup())
    assert ears.name == entry.name
    assert (await ears.transcribe(Audio(np.zeros(8000, np.int16), 8000))).text == ""


@pytest.mark.parametrize("entry", VOICES.all(), ids=lambda entry: entry.name)
def test_every_voice_names_its_speakers_and_refuses_others(entry: Entry[VoiceSetup, Any]) -> None:
    assert entry.voices
    with pytest.raises(Misconfigured):
        make_voice(f"{entry.name}:nobody")


@pytest.mark.parametrize("speaker", SPEAKERS)
async def test_every_voice_speaks_audible_speech(speaker: str) -> None:
    entry = VOICES.get(speaker.partition(":")[0])
    if refuses(entry, VoiceSetup(speaker.partition(":")[2])):
        return
    pieces = [piece async for piece in make_voice(speaker).synthesize(TEXT)]
    assert {piece.samples.dtype for piece in pieces} == {np.dtype(np.int16)}
    assert len({piece.sample_rate_hz for piece in pieces}) == 1
    assert -35 < rms_dbfs(np.concatenate([piece.samples for piece in pieces])) < -9
    assert 30 < sum(piece.duration_ms for piece in pieces) / len(TEXT) < 120


@pytest.mark.parametrize("name", [entry.name for entry in ACTIVITY.all()])
async def test_every_voice_activity_tells_speech_from_silence_live_as_afterwards(name: str) -> None:
    activity, heard = make_activity(name), list[float]()
    samples: Samples = np.concatenate([np.zeros(8000, np.int16), await speech("hibari:heart", TEXT)])
    probabilities = activity.probabilities(samples)
    silent = 8000 // activity.window_samples - 2
    assert probabilities[:silent].max() < 0.3
    assert (probabilities[silent:] > 0.5).mean() > 0.5
    stream = activity.open(heard.append)
    for start in range(0, len(samples), 160):
        stream.push(samples[start : start + 160])
    await until(lambda: len(heard) == len(probabilities))
    stream.close()
    assert np.allclose(heard, probabilities, atol=1e-5)


@pytest.mark.parametrize("side", ["agent", "caller"])
@pytest.mark.parametrize("entry", BRAINS.all(), ids=lambda entry: entry.name)
async def test_every_brain_answers_with_actions(entry: Entry[BrainSetup, Any], side: str) -> None:
    if refuses(entry, BrainSetup(side)):
        return
    brain = make_brain(entry.name, BrainSetup(side))
    assert isinstance(brain.attention, Attention)
    for stimulus in (Answered(), Heard("Hello?")):
        actions: list[Action] = [action async for action in brain.respond(stimulus)]
        assert all(isinstance(action, Say | PressDigits | HangUp | Note) for action in actions)
    brain.was_cut("")
    await brain.aclose()


OFFLINE = [entry for entry in EVERYTHING if "offline" in entry.label.lower()]


@pytest.mark.parametrize("entry", OFFLINE, ids=lambda entry: entry.name)
def test_a_provider_that_works_offline_warms_up(entry: Entry[Any, Any]) -> None:
    assert entry.warm_up is not None
    entry.warm_up()


def test_finding_the_providers_loads_no_model_and_telemetry_is_off_before_one_is_loaded() -> None:
    code = (
        "import os, sys\n"
        "os.environ.pop('ORT_DISABLE_TELEMETRY', None)\n"
        "from agents.providers.registry import ACTIVITY, EARS, VOICES\n"
        "entries = [*EARS.all(), *VOICES.all(), *ACTIVITY.all()]\n"
        "assert not {'onnxruntime', 'hibari', 'moonshine_voice'} & set(sys.modules)\n"
        "import builtins\n"
        "plain = builtins.__import__\n"
        "def watched(name, *rest, **named):\n"
        "    if name.split('.')[0] in ('onnxruntime', 'moonshine_voice', 'hibari'):\n"
        "        assert os.environ.get('ORT_DISABLE_TELEMETRY') == '1', name\n"
        "    return plain(name, *rest, **named)\n"
        "builtins.__import__ = watched\n"
        "ACTIVITY.get('silero').warm_up(); VOICES.get('hibari').warm_up(); EARS.get('moonshine').warm_up()\n"
        "assert 'onnxruntime' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
