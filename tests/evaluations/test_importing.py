"""Finished calls brought in: files of every format, transcripts, a recording of the exchange."""

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from agents.errors import Misconfigured, Unreachable
from agents.models import Agent
from agents.providers.scripted import ScriptedActivity, ScriptedEars
from agents.services import create_agent
from calls import telephony_account
from calls.audio import wav
from calls.models import Call, Recording, Transcription
from calls.tasks import sweep_calls
from calls.telephony.twilio import Telephony, TelephonyError
from evaluations import transcribing
from evaluations.models import Criterion, Evaluation
from evaluations.services import evaluate
from evaluations.tasks import sweep_evaluations
from evaluations.transcribing import transcribe
from tests.people import operator
from tests.served import QuietHandler, served

pytestmark = pytest.mark.django_db(transaction=True)
SID = "RE" + "0" * 32
# side, start s, end s: the agent greets, the caller asks, pauses for 300 ms and goes on, the agent answers.
SPOKEN = (("agent", 0.5, 1.5), ("caller", 2.0, 3.0), ("caller", 3.3, 4.0), ("agent", 5.0, 6.0))


def tones(rate_hz: int = 16_000, side: str = "") -> npt.NDArray[np.float64]:
    """Seven seconds with a tone where `side` (or anybody) speaks."""
    wave = np.zeros(7 * rate_hz)
    for speaker, start_s, end_s in SPOKEN:
        if side in ("", speaker):
            first, last = round(start_s * rate_hz), round(end_s * rate_hz)
            wave[first:last] = 0.4 * np.sin(2 * np.pi * 440 * np.arange(last - first) / rate_hz)
    return wave


def stereo(rate_hz: int = 16_000) -> npt.NDArray[np.float64]:
    return np.stack([tones(rate_hz, "caller"), tones(rate_hz, "agent")], axis=1)


def sound(frames: npt.NDArray[np.float64], kind: str = "WAV", rate_hz: int = 16_000) -> SimpleUploadedFile:
    file = io.BytesIO()
    soundfile.write(file, frames, rate_hz, format=kind)
    return SimpleUploadedFile(f"call.{kind.lower()}", file.getvalue())


def cut(file: SimpleUploadedFile) -> SimpleUploadedFile:
    """Its first 0.4, as of an upload that was broken off and stored."""
    whole = file.read()
    return SimpleUploadedFile(file.name or "", whole[: 2 * len(whole) // 5])


@pytest.fixture
def agent() -> Agent:
    return create_agent("burger_bot", prompt="Take orders.")


@pytest.fixture
def web() -> Client:
    client = Client()
    client.force_login(operator("ada"))
    return client


def post(web: Client, **fields: Any) -> Any:
    return web.post("/api/v1/recordings/", {"agent": "burger_bot", **fields})


def brought_in(web: Client, ears: ScriptedEars | None = None, **fields: Any) -> Call:
    answer = post(web, **fields)
    assert answer.status_code == 201, answer.content
    call = Call.objects.get(public_id=answer.json()["id"])
    assert transcribe(call.transcription.pk, activity=ScriptedActivity(), ears=ears or heard())
    call.refresh_from_db()
    return call


def heard() -> ScriptedEars:
    return ScriptedEars(["Hello, what can I get you?", "A burger, please.", "Anything else?"])


def judged(call: Call) -> Evaluation:
    evaluation = call.evaluations.get()
    assert evaluate(evaluation.pk, activity=ScriptedActivity())
    evaluation.refresh_from_db()
    return evaluation


@pytest.mark.parametrize("kind", ["WAV", "MP3", "OGG", "FLAC"])
def test_a_stereo_file_of_each_format_becomes_turns_of_both_sides(web: Client, agent: Agent, kind: str) -> None:
    call = brought_in(web, audio=sound(stereo(), kind))
    turns = [(turn.side, turn.text) for turn in call.turns.order_by("index")]
    assert turns == [
        ("agent", "Hello, what can I get you?"),
        ("caller", "A burger, please."),
        ("agent", "Anything else?"),
    ]
    for turn, start_ms, end_ms in zip(call.turns.order_by("index"), (500, 2000, 5000), (1500, 4000, 6000), strict=True):
        assert turn.start_ms == pytest.approx(start_ms, abs=70)
        assert turn.end_ms == pytest.approx(end_ms, abs=70)
    samples, rate_hz = wav.read(settings.RECORDINGS_DIR / call.recording.file)
    assert rate_hz == 8000
    assert samples.shape[1] == 2
    assert np.abs(samples[8000 * 2 : 8000 * 3, 0]).max() > 10_000 > 500 > np.abs(samples[16000:24000, 1]).max()


def test_an_imported_call_is_measured_and_judged_like_a_live_one(web: Client, agent: Agent) -> None:
    Criterion.objects.create(name="Greets", kind="phrase", config={"phrase": "hello", "by": "agent"})
    call = brought_in(web, audio=sound(stereo()))
    assert call.concluded_at is not None
    evaluation = judged(call)
    assert evaluation.verdicts.get().outcome == "pass"
    figures = {row.metric: row.value for row in evaluation.measurements.all()}
    assert figures["reply_time"] == pytest.approx(1.0, abs=0.1)
    assert figures["talk_share"] == pytest.approx(2 / (2 + 2), abs=0.05)


def test_mono_is_said_to_be_mono_and_gives_no_figure_of_two_sides(web: Client, agent: Agent) -> None:
    Criterion.objects.create(name="Greets", kind="phrase", config={"phrase": "hello", "by": "agent"})
    Criterion.objects.create(name="Somebody greets", kind="phrase", config={"phrase": "hello", "by": "anyone"})
    call = brought_in(web, audio=sound(tones()))
    assert call.recording.channels == 1
    assert "mono" in call.notice
    assert {turn.side for turn in call.turns.all()} == {""}
    evaluation = judged(call)
    rows = {row.metric: row for row in evaluation.measurements.all()}
    for metric in ("reply_time", "talk_share", "agent_interruptions", "talk_over"):
        assert rows[metric].value is None
        assert "one channel" in rows[metric].note
    assert rows["duration"].value == pytest.approx(7.0, abs=0.05)
    outcomes = {verdict.criterion_name: verdict.outcome for verdict in evaluation.verdicts.all()}
    assert outcomes == {"Greets": "unsure", "Somebody greets": "pass"}
    page = web.get(call.get_absolute_url())
    assert page.status_code == 200
    assert b"Speaker" in page.content
    assert b"Both sides" in page.content
    assert b'class="wave both"' in page.content  # its one lane, and no side to hear alone
    assert b"data-ch" not in page.content


def test_the_agent_may_be_on_the_left_channel(web: Client, agent: Agent) -> None:
    call = brought_in(web, audio=sound(stereo()[:, ::-1]), agent_channel="left")
    assert [turn.side for turn in call.turns.order_by("index")] == ["agent", "caller", "agent"]


TRANSCRIPT = {
    "turns": [
        {"side": "caller", "text": "A burger, please.", "start": 2, "end": 4},
        {"side": "agent", "text": "Hello!", "start": 0.5, "end": 1.5},
    ]
}


def test_a_transcript_alone_is_judged_without_figures_of_sound(web: Client, agent: Agent) -> None:
    Criterion.objects.create(name="Greets", kind="phrase", config={"phrase": "hello", "by": "agent"})
    answer = web.post(
        "/api/v1/recordings/", {"agent": str(agent.public_id), "transcript": TRANSCRIPT}, "application/json"
    )
    assert answer.status_code == 201, answer.content
    wanted = Transcription.objects.get()
    assert transcribe(wanted.pk)
    assert [turn.text for turn in wanted.call.turns.order_by("index")] == ["Hello!", "A burger, please."]
    assert not Recording.objects.exists()
    evaluation = judged(wanted.call)
    assert evaluation.verdicts.get().outcome == "pass"
    assert evaluation.measurements.get(metric="reply_time").value is None


def test_a_transcript_given_with_its_recording_is_not_made_again(web: Client, agent: Agent) -> None:
    ears = heard()
    call = brought_in(web, ears, audio=sound(stereo()), transcript=json.dumps(TRANSCRIPT))
    assert call.turns.count() == 2
    assert ears.heard == []
    assert judged(call).measurements.get(metric="reply_time").value == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "audio", "Give a recording"),
        ({"audio": SimpleUploadedFile("a.wav", b"not audio at all")}, "audio", "Give WAV, MP3, OGG or FLAC"),
        ({"audio": sound(np.zeros((800, 3)))}, "audio", "3 channels"),
        ({"audio": sound(np.zeros(0))}, "audio", "no audio"),
        ({"audio": cut(sound(stereo()))}, "audio", "it says that it holds 7 s, and 3 s are there"),
        ({"audio": cut(sound(stereo(), "MP3"))}, "audio", "Send the whole file"),
        ({"audoi": sound(stereo())}, "audoi", "Unknown field. Known: agent, audio"),
        ({"recording_sid": "RE12"}, "recording_sid", "32 hexadecimal digits"),
        ({"transcript": "{"}, "transcript", "not JSON"),
        ({"transcript": '{"turns": [{"side": "bot"}]}'}, "transcript", "Turn 1"),
        ({"transcript": '[{"side": "agent", "text": "a", "start": 2, "end": 1}]'}, "transcript", "ends before"),
        ({"transcript": '[{"side": "agent", "text": "a", "start": NaN, "end": 1}]'}, "transcript", "seconds from 0"),
        ({"agent": "nobody", "audio": sound(tones())}, "agent", "no agent of this name"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_what_to_do(
    web: Client, agent: Agent, fields: dict[str, Any], field: str, words: str
) -> None:
    for given in fields.values():
        if isinstance(given, SimpleUploadedFile):
            given.seek(0)
    answer = post(web, **fields)
    assert answer.status_code == 400
    assert words in json.dumps(answer.json())
    assert field in json.dumps(answer.json())
    assert not Call.objects.exists()


def test_a_wav_that_was_streamed_says_no_length_and_is_taken(web: Client, agent: Agent) -> None:
    streamed = bytearray(sound(stereo()).read())
    at = streamed.index(b"data") + 4
    streamed[4:8] = streamed[at : at + 4] = b"\xff\xff\xff\xff"
    assert post(web, audio=SimpleUploadedFile("a.wav", bytes(streamed))).status_code == 201


def test_an_mp3_without_a_tag_is_not_refused_for_the_length_that_its_first_frames_suggest(
    web: Client, agent: Agent, settings: Any
) -> None:
    tagged = sound(stereo(), "MP3").read()
    # The tag lies in a frame of its own, before the sound.
    bare = tagged[tagged.index(b"\xff", tagged.index(b"LAME")) :]
    assert b"Xing" not in bare
    settings.IMPORT_MAX_MINUTES = 0.13
    assert post(web, audio=SimpleUploadedFile("a.mp3", bare)).status_code == 201


def test_files_that_are_too_large_or_too_long_are_refused(web: Client, agent: Agent, settings: Any) -> None:
    settings.IMPORT_MAX_MINUTES = 0.1
    assert "longer than 0.1 minutes" in post(web, audio=sound(tones())).content.decode()
    settings.IMPORT_MAX_MB = 0
    assert "KLIX_IMPORT_MAX_MB" in post(web, audio=sound(tones())).content.decode()


def test_the_same_key_makes_one_call(web: Client, agent: Agent) -> None:
    answers = [
        web.post(
            "/api/v1/recordings/", {"agent": "burger_bot", "audio": sound(tones())}, headers={"Idempotency-Key": "7"}
        )
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert Call.objects.count() == 1


def test_nobody_brings_a_call_in_without_being_known(agent: Agent) -> None:
    assert post(Client(), audio=sound(tones())).status_code in (401, 403)
    assert Client().post("/calls/import/").status_code == 302


def test_the_page_takes_a_file_and_leads_to_the_call(web: Client, agent: Agent) -> None:
    assert web.get("/calls/import/").status_code == 200
    fields = {"agent": str(agent.public_id), "audio": sound(stereo(), "OGG"), "agent_channel": "right"}
    answer = web.post("/calls/import/", fields)
    call = Call.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == call.get_absolute_url()
    assert web.get(call.get_absolute_url()).status_code == 200


def test_the_page_says_what_is_missing(web: Client, agent: Agent) -> None:
    answer = web.post("/calls/import/", {"agent": str(agent.public_id), "agent_channel": "right"})
    assert answer.status_code == 422
    assert "Choose a recording" in answer.content.decode()


# --- Workers ----------------------------------------------------------------------------------------------------------
def test_the_page_of_a_call_that_waits_for_its_transcript_says_so(web: Client, agent: Agent) -> None:
    post(web, audio=sound(stereo()))
    call = Call.objects.get()
    page = web.get(call.get_absolute_url()).content.decode()
    assert "Transcribing" in page
    assert "The recording is being transcribed." in page
    assert "Nothing was said" not in page
    assert "Transcribing" in web.get("/calls/").content.decode()


def test_a_call_that_waits_for_its_transcript_is_neither_closed_nor_evaluated(web: Client, agent: Agent) -> None:
    post(web, audio=sound(tones()))
    assert sweep_calls() == 0
    sent: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluations.tasks.send_transcription", lambda pk, expires_s=None: sent.append(pk))
        sweep_evaluations()
    assert sent == [Transcription.objects.get().pk]
    assert not Evaluation.objects.exists()
    assert Call.objects.get().concluded_at is None


def test_an_import_is_made_once_however_often_its_task_runs(web: Client, agent: Agent) -> None:
    call = brought_in(web, audio=sound(stereo()))
    assert not transcribe(call.transcription.pk, activity=ScriptedActivity(), ears=heard())
    assert call.turns.count() == 3


def test_ears_that_are_away_are_asked_again_and_at_last_it_is_said(web: Client, agent: Agent) -> None:
    post(web, audio=sound(stereo()))
    wanted = Transcription.objects.get()
    for _ in range(transcribing.MAX_ATTEMPTS - 1):
        with pytest.raises(Unreachable):
            transcribe(wanted.pk, activity=ScriptedActivity(), ears=ScriptedEars([Unreachable("Away.", provider="x")]))
    assert transcribe(wanted.pk, activity=ScriptedActivity(), ears=ScriptedEars([Unreachable("Away.", provider="x")]))
    call = Call.objects.get()
    assert call.error_message == "The recording could not be transcribed: Away."
    assert call.concluded_at is not None
    assert judged(call).measurements.get(metric="reply_time").value == pytest.approx(1.0, abs=0.1)


def test_ears_that_cannot_work_are_not_asked_again(web: Client, agent: Agent) -> None:
    post(web, audio=sound(stereo()))
    ears = ScriptedEars([Misconfigured("English only.", provider="x")])
    assert transcribe(Transcription.objects.get().pk, activity=ScriptedActivity(), ears=ears)
    assert "English only." in Call.objects.get().error_message


# --- A recording of the exchange --------------------------------------------------------------------------------------
class _Recordings(QuietHandler):
    """Twilio's recording resource and its media, as documented."""

    media = b""
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if SID not in self.path or not self.headers["Authorization"]:
            missing = {"code": 20404, "message": "The requested resource was not found", "status": 404}
            self.answer(404, json.dumps(missing).encode(), Content_Type="application/json")
        elif ".wav" in self.path:
            self.answer(200, self.media, Content_Type="audio/x-wav")
        else:
            found = {"sid": SID, "channels": 2, "status": "completed"}
            self.answer(200, json.dumps(found).encode(), Content_Type="application/json")


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Recordings]]:
    _Recordings.media, _Recordings.asked = sound(stereo(8000), rate_hz=8000).read(), []
    with served(_Recordings) as url:
        monkeypatch.setattr(settings, "TWILIO_API_BASE_URL", url)
        telephony_account._telephony.cache_clear()
        yield _Recordings


def test_a_recording_at_twilio_is_fetched_with_both_channels(
    web: Client, agent: Agent, exchange: type[_Recordings]
) -> None:
    call = brought_in(web, recording_sid=SID)
    assert [turn.side for turn in call.turns.order_by("index")] == ["agent", "caller", "agent"]
    assert exchange.asked[-1].endswith(f"/Recordings/{SID}.wav?RequestedChannels=2")


def test_a_recording_that_the_exchange_does_not_know_is_said(
    web: Client, agent: Agent, exchange: type[_Recordings], settings: Any
) -> None:
    answer = post(web, recording_sid="RE" + "1" * 32)
    assert answer.status_code == 400
    assert "does not give this recording. The sandbox keeps no recordings" in answer.content.decode()
    settings.TELEPHONY = "twilio"
    assert "no recording of this SID" in post(web, recording_sid="RE" + "1" * 32).content.decode()


def test_a_recording_larger_than_the_limit_is_not_read_to_its_end(exchange: type[_Recordings]) -> None:
    account = Telephony("AC" + "0" * 32, "token", base_url=settings.TWILIO_API_BASE_URL)
    with pytest.raises(TelephonyError, match="larger than 0 MB"):
        account.recording(SID, max_bytes=1000)
