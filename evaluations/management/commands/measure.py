"""All figures of any stereo WAV file: `manage.py measure FILE.wav --left caller`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.ports import Samples
from agents.providers.registry import make_activity
from calls.audio import wav
from calls.audio.resample import resample
from calls.states import Side
from evaluations.audibility import SAMPLE_RATE_HZ
from evaluations.metrics.registry import Figure, measure_all
from evaluations.record import CallRecord
from evaluations.selectors import with_sound


class Command(BaseCommand):
    help = "Prints every figure of a stereo recording. Figures that need a transcript are left open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="A 16-bit WAV file with one side on each channel.")
        parser.add_argument("--left", choices=[side.value for side in Side], default=Side.CALLER.value)
        parser.add_argument("--json", action="store_true", help="One JSON object instead of the table.")

    def handle(self, *args: Any, **options: Any) -> None:
        record = record_of(options["file"], Side(options["left"]))
        figures = measure_all(record)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(record, figures)))
        else:
            self.stdout.write("\n".join(_table(figures)))


def record_of(path: Path, left: Side) -> CallRecord:
    try:
        samples, sample_rate_hz = wav.read(path)
    except (OSError, ValueError) as error:
        raise CommandError(f"Cannot read {path}: {error}") from error
    if samples.shape[1] > 2:
        raise CommandError(f"{path} has {samples.shape[1]} channels: give one with the caller and the agent only.")
    if samples.shape[1] == 1:
        return CallRecord(duration_ms=1000 * len(samples) // sample_rate_hz, channels=1)
    activity = make_activity()
    sides = [_at_8_khz(samples[:, each], sample_rate_hz) for each in (0, 1)]
    caller, agent = sides if left is Side.CALLER else reversed(sides)
    return with_sound(CallRecord(duration_ms=1000 * len(samples) // sample_rate_hz), caller, agent, activity)


def _at_8_khz(channel: Samples, sample_rate_hz: int) -> Samples:
    channel = np.ascontiguousarray(channel)
    return channel if sample_rate_hz == SAMPLE_RATE_HZ else resample(channel, sample_rate_hz, SAMPLE_RATE_HZ)


def _table(figures: list[Figure]) -> list[str]:
    rows = [("figure", "value", "unit", "n", "parts", "note")] + [_row(figure) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(figure: Figure) -> tuple[str, ...]:
    reading = figure.reading
    value = "–" if reading.value is None else f"{reading.value:g}"
    parts = ", ".join(f"{name} {part:g}" for name, part in reading.parts.items())
    return figure.metric.label, value, figure.metric.unit, str(reading.n), parts, reading.note


def _as_json(record: CallRecord, figures: list[Figure]) -> dict[str, Any]:
    return {
        "duration_ms": record.duration_ms,
        "segments": {
            str(side): [[segment.start_ms, segment.end_ms] for segment in record.speech(side)] for side in Side
        },
        "figures": {
            figure.metric.name: {
                "label": figure.metric.label,
                "unit": figure.metric.unit,
                "version": figure.metric.version,
                **asdict(figure.reading),
            }
            for figure in figures
        },
    }
