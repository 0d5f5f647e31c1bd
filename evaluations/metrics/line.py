"""Line: what the telephone line did to the sound of each side."""

from evaluations.metrics.registry import Reading, metric, missing_sides
from evaluations.record import CallRecord
from evaluations.wording import Amount

LINE_MEASURED = "LineMeasured"  # event of a line that tells: {"expected", "lost", "jitter_ms"} of one leg's packets


@metric(
    "line",
    label="Line",
    unit="dB",
    version=2,
    definition="The worse side's signal-to-noise ratio on the recording: the level (rms) of its speech less the median "
    "level of what is not its speech. Levels and noise in dBFS; clipping: share of the speech's samples at full scale "
    "in runs of three or more. Loss and jitter (of the worse leg) where the line tells them; a recording does not.",
    parts={
        **{f"{side}_{name}": unit for side in ("caller", "agent") for name, unit in
           (("snr", "dB"), ("level", "dBFS"), ("noise", "dBFS"), ("clipping", "%"))},
        "lost": "%",
        "jitter": "ms",
    },
    reads={
        **{f"{side}_{name}": Amount(f"The {side}'s {words}") for side in ("caller", "agent") for name, words in
           (("snr", "signal-to-noise ratio"), ("level", "level of speech"), ("noise", "level of noise"),
            ("clipping", "share of clipped samples"))},
        "value": Amount("The worse side's signal-to-noise ratio"),
        "lost": Amount("The share of lost packets"),
        "jitter": Amount("The jitter"),
    },
)  # fmt: skip
def line(record: CallRecord) -> Reading:
    parts = _network(record)
    if note := missing_sides(record):
        return Reading(None, note=note, parts=parts)
    for side, sound in record.sound.items():
        parts[f"{side}_clipping"] = round(100 * sound.clipped, 3)
        levels = {"level": sound.speech_dbfs, "noise": sound.noise_dbfs}
        parts |= {f"{side}_{name}": level for name, level in levels.items() if level is not None}
        if sound.speech_dbfs is not None and sound.noise_dbfs is not None:
            parts[f"{side}_snr"] = round(sound.speech_dbfs - sound.noise_dbfs, 1)
    ratios = [parts[name] for name in ("caller_snr", "agent_snr") if name in parts]
    if not ratios:
        return Reading(None, note="No side both spoke and was silent.", parts=parts)
    note = "" if "lost" in parts else "Loss and jitter are not known: the line does not tell them."
    return Reading(min(ratios), len(ratios), note, parts)


def _network(record: CallRecord) -> dict[str, float]:
    told = [event.data for event in record.events if event.name == LINE_MEASURED]
    lost = [100 * _number(data, "lost") / expected for data in told if (expected := _number(data, "expected"))]
    jitter = [_number(data, "jitter_ms") for data in told if "jitter_ms" in data]
    found = {"lost": max(lost, default=None), "jitter": max(jitter, default=None)}
    return {name: round(value, 3) for name, value in found.items() if value is not None}


def _number(data: object, name: str) -> float:
    value = data.get(name) if isinstance(data, dict) else None
    return float(value) if isinstance(value, int | float) else 0.0
