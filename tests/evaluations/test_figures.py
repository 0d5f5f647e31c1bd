import numpy as np
import pytest

from calls.states import Side
from evaluations.metrics.registry import Metric, Reading, all_metrics, get_metric, metric
from evaluations.record import CallRecord, EventRecord, Segment, Sound, TurnRecord
from evaluations.sound import sound_of

EXPECTED = {
    "first_word", "reply_time", "unanswered_turns", "agent_interruptions", "caller_interruptions", "stop_time",
    "false_stops", "talk_over", "dead_air", "talk_share", "pace", "hearing", "duration",
}  # fmt: skip


def segs(*pairs: tuple[int, int]) -> tuple[Segment, ...]:
    return tuple(Segment(*pair) for pair in pairs)


def call(caller: tuple[Segment, ...] = (), agent: tuple[Segment, ...] = (), *, ends_ms: int = 0) -> CallRecord:
    last_ms = max([segment.end_ms for segment in caller + agent], default=0)
    return CallRecord(duration_ms=ends_ms or last_ms, caller=caller, agent=agent)


def read(name: str, record: CallRecord) -> Reading:
    found = get_metric(name)
    assert found is not None
    return found.measure(record)


def said(text: str, reference: str = "", side: Side = Side.CALLER, index: int = 0) -> TurnRecord:
    return TurnRecord(f"t{index}", index, side, text, 0, 1000, reference=reference)


@pytest.mark.parametrize("each", all_metrics(), ids=lambda each: each.name)
def test_every_metric_keeps_the_contract(each: Metric) -> None:
    assert each.name.isidentifier()
    assert len(each.name) <= 40
    assert each.label
    assert each.definition.endswith(".")
    assert each.version >= 1
    assert len(each.unit) <= 12
    assert set(each.limits) <= {"value", *each.parts}
    for channels in (0, 1, 2):
        reading = each.measure(CallRecord(duration_ms=0, channels=channels))
        assert reading.value is not None or 0 < len(reading.note) <= 200


def test_all_figures_are_found() -> None:
    assert {each.name for each in all_metrics()} >= EXPECTED


def test_a_name_taken_twice_is_an_error() -> None:
    all_metrics()
    with pytest.raises(ValueError, match="Two metrics are named 'dead_air'"):
        metric("dead_air", label="x", unit="", version=1, definition="x.")(lambda record: Reading(None))


def test_a_mono_recording_says_why_it_gives_no_reply_times() -> None:
    assert "one channel" in read("reply_time", CallRecord(duration_ms=5000, channels=1)).note


def test_the_first_word_counts_from_the_answer_when_the_agent_speaks_first() -> None:
    assert read("first_word", call(segs((4000, 5000)), segs((900, 3000)))).value == 0.9


def test_the_first_word_counts_from_the_end_of_the_callers_first_turn_when_the_caller_speaks_first() -> None:
    assert read("first_word", call(segs((500, 2000)), segs((3100, 5000)))).value == 1.1


def test_percentiles_are_linear_and_few_values_are_said_to_be_few() -> None:
    caller = segs((0, 1000), (5000, 6000), (10000, 11000))
    agent = segs((1500, 4000), (6800, 9000), (13000, 14000))
    reading = read("reply_time", call(caller, agent))
    delays = [0.5, 0.8, 2.0]
    assert reading.n == 3
    assert reading.value == reading.parts["p50"] == 0.8
    assert reading.parts["p95"] == round(float(np.percentile(delays, 95)), 3)
    assert reading.note == "Percentiles of only 3 values."
    assert [(o.start_ms, o.end_ms) for o in reading.occurrences] == [(1000, 1500), (6000, 6800), (11000, 13000)]


def test_replies_after_a_tool_call_are_shown_apart() -> None:
    event = EventRecord("tool_called", "agent", 1200, {"name": "find_order"})
    record = CallRecord(duration_ms=4000, caller=segs((0, 1000)), agent=segs((3000, 4000)), events=(event,))
    reading = read("reply_time", record)
    assert (reading.parts["after_tool_n"], reading.parts["after_tool_p50"]) == (1, 2.0)


@pytest.mark.parametrize(
    ("caller", "agent", "ends_ms", "count"),
    [
        (segs((0, 1000)), segs((5900, 7000)), 8000, 0),
        (segs((0, 1000)), segs((6000, 7000)), 8000, 1),
        (segs((0, 1000), (2500, 3500)), segs((4000, 5000)), 6000, 1),
        (segs((0, 1000), (2400, 3500)), segs((4000, 5000)), 6000, 0),
        (segs((0, 1000)), (), 5900, 0),
        (segs((0, 1000)), (), 6000, 1),
        (segs((2000, 3500)), segs((0, 12000)), 12000, 0),
    ],
    ids=["answered in time", "5 s of nothing", "asked again", "a pause", "hung up", "left waiting", "talked over"],
)
def test_unanswered_turns_are_counted(
    caller: tuple[Segment, ...], agent: tuple[Segment, ...], ends_ms: int, count: int
) -> None:
    assert read("unanswered_turns", call(caller, agent, ends_ms=ends_ms)).value == count


def test_interruptions_are_counted_by_side_with_their_rate() -> None:
    record = call(segs((0, 3000), (8000, 10000)), segs((2000, 8500)))
    assert read("agent_interruptions", record).value == 1
    assert read("agent_interruptions", record).parts["rate"] == 0.5
    assert read("caller_interruptions", record).value == 1


def test_the_stop_time_leaves_talked_over_interruptions_to_their_own_count() -> None:
    record = call(segs((2000, 5000), (12000, 17000)), segs((0, 2400), (6000, 16000)))
    reading = read("stop_time", record)
    assert (reading.value, reading.n, reading.parts["talked_over"]) == (0.4, 1, 1)
    assert read("stop_time", call(segs((0, 500)))).value is None


@pytest.mark.parametrize(
    ("agent", "count"),
    [
        (segs((0, 2300), (3500, 6000)), 1),
        (segs((0, 2500), (3200, 6000)), 1),
        (segs((0, 2500), (3000, 6000)), 0),
        (segs((0, 6000)), 0),
        (segs((0, 3500), (4500, 6000)), 0),
    ],
    ids=["stopped during it", "stopped after it", "a breath", "went on", "stopped much later"],
)
def test_false_stops_are_counted(agent: tuple[Segment, ...], count: int) -> None:
    assert read("false_stops", call(segs((2000, 2400)), agent)).value == count


def test_an_agent_that_ends_its_turn_and_is_answered_did_not_stop_falsely() -> None:
    assert read("false_stops", call(segs((2000, 2400), (3500, 5000)), segs((0, 2600), (6000, 7000)))).value == 0


def test_talk_over_leaves_backchannels_and_the_stop_time_out() -> None:
    record = call(segs((2000, 6000), (11000, 11400)), segs((0, 2500), (5600, 12000)))
    reading = read("talk_over", record)
    # 400 ms under the agent's early start, of 4,000 ms; the 500 ms of stopping and the backchannel do not count.
    assert (reading.value, reading.parts["total"]) == (10.0, 0.4)


def test_dead_air_counts_each_silence_of_more_than_three_seconds() -> None:
    reading = read("dead_air", call(segs((3001, 4000)), segs((7000, 8000)), ends_ms=12000))
    assert (reading.value, reading.parts) == (2, {"total": 7.001, "longest": 4.0})
    assert [(o.start_ms, o.end_ms) for o in reading.occurrences] == [(0, 3001), (8000, 12000)]


def test_talk_share_is_the_agents_part_of_all_speech() -> None:
    assert read("talk_share", call(segs((0, 1000)), segs((1500, 4500)))).value == 0.75


def test_pace_counts_heard_words_per_minute_of_speech() -> None:
    cut = TurnRecord("t", 0, Side.AGENT, "one two three four", 0, 1000, heard="one two three")
    record = CallRecord(duration_ms=9000, turns=(cut,), agent=segs((0, 500), (700, 1200)))
    reading = read("pace", record)
    assert (reading.value, reading.n, reading.note) == (180.0, 3, "The agent spoke for less than 5 s.")


def test_hearing_scores_words_and_entities_apart() -> None:
    turns = (
        said("I'd like to burgers, please", "I'd like two burgers please."),
        said("My name is Dina", "My name is Dana.", index=1),
        said("12 dollars", "Twelve dollars!", index=2),
    )
    reading = read("hearing", CallRecord(duration_ms=1, turns=turns))
    words = 13
    assert reading.value == round(100 * 2 / words, 2)
    assert (reading.parts["entity_words"], reading.parts["entities"]) == (4, 50.0)
    assert len(reading.occurrences) == 2


# --- line, cost, speaking, provider times -----------------------------------------------------------------------------
def test_the_line_is_as_good_as_its_worse_side() -> None:
    sound = {Side.CALLER: Sound(-20.0, -32.0, 0.01), Side.AGENT: Sound(-18.0, -90.0, 0.0)}
    told = EventRecord("LineMeasured", "caller", 0, {"expected": 200, "lost": 6, "jitter_ms": 12})
    reading = read("line", CallRecord(duration_ms=5000, sound=sound, events=(told,)))
    assert (reading.value, reading.parts["lost"], reading.parts["jitter"]) == (12.0, 3.0, 12)
    assert reading.parts["caller_clipping"] == 1.0
    assert "not known" in read("line", CallRecord(duration_ms=5000, sound=sound)).note


def test_level_noise_and_clipping_are_read_from_a_channel() -> None:
    random = np.random.default_rng(1)
    channel = (random.standard_normal(16000) * 10).astype(np.int16)
    channel[4000:8000] = 16384
    channel[5000:5100] = 32600
    heard = sound_of(channel, segs((500, 1000)))
    assert heard.speech_dbfs == pytest.approx(-5.9, abs=0.3)
    assert heard.noise_dbfs == pytest.approx(-70, abs=1.5)
    assert heard.clipped == 100 / 4000
    assert sound_of(channel[:0], ()) == Sound(None, None, 0.0)


def used(**data: object) -> EventRecord:
    return EventRecord("ProviderUsed", "agent", 0, data)


def test_cost_is_use_times_price() -> None:
    brain = used(capability="brain", provider="x", model="m", input_tokens=1_000_000, output_tokens=500_000)
    ears = used(capability="ears", provider="x", model="e", audio_ms=120_000)
    prices = {"m": {"input": 2.0, "output": 4.0}, "e": {"audio_minute": 0.5}, "telephone": {"audio_minute": 0.1}}
    reading = read("cost", CallRecord(duration_ms=60_000, events=(brain, ears), prices=prices))
    assert reading.value == pytest.approx(2 + 2 + 1 + 0.1)
    assert (reading.parts["brain"], reading.parts["ears"], reading.parts["telephone"]) == (4.0, 1.0, 0.1)


def test_a_model_without_a_price_leaves_the_cost_unknown() -> None:
    reading = read("cost", CallRecord(duration_ms=0, events=(used(capability="brain", model="new"),)))
    assert reading.value is None
    assert "No price is set for new" in reading.note


def test_speaking_compares_what_was_played_with_what_other_ears_understood() -> None:
    turn = TurnRecord("a", 0, Side.AGENT, "Your total is $5 and more.", 0, 2000, heard="Your total is $5")
    record = CallRecord(duration_ms=3000, turns=(turn,), reheard={"a": "your total is nine dollars"})
    assert read("speaking", record).value == 20.0
    assert "KLIX_MEASURE_EARS" in read("speaking", CallRecord(duration_ms=3000, turns=(turn,))).note


def test_provider_times_stand_beside_the_reply_time() -> None:
    heard = TurnRecord("c", 0, Side.CALLER, "Hi.", 0, 500, latencies={"stt_ms": 80.0})
    reply = TurnRecord("a", 1, Side.AGENT, "Hi!", 900, 1500, latencies={"brain_first_token_ms": 250.0})
    record = CallRecord(duration_ms=3000, turns=(heard, reply))
    assert [read(name, record).value for name in ("ears_time", "brain_time", "voice_time")] == [0.08, 0.25, None]
