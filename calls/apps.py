from typing import Any

from django.apps import AppConfig


class CallsConfig(AppConfig):
    name = "calls"

    def ready(self) -> None:
        from agents.lines import set_line_check
        from calls.audio.line.presets import PRESETS

        set_line_check(line_problems, PRESETS)


def line_problems(line: dict[str, Any]) -> list[str]:
    from calls.audio.line.spec import LineError, parse_line

    try:
        parse_line(line)
    except LineError as error:
        return error.problems
    return []
