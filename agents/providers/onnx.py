"""onnxruntime, set up as every model here needs it: one thread, quiet, and no report home."""

import os
from pathlib import Path
from typing import Any


def telemetry_off() -> None:
    """Before the first import of onnxruntime, and of packages that bring their own: its wheels report home from then
    on unless told not to. The settings do the same; this is for a process that has none."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def load_session(path: Path) -> Any:
    """An inference session of one thread: calls run beside each other, so a model that spreads over the cores gains
    nothing. Imported here and not above: a process that never speaks or listens need not load it."""
    telemetry_off()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
