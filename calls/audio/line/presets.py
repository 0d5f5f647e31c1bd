"""Named lines. Loss and delay figures of "bad mobile" are those of a poor cell edge: ITU-T G.1028 calls 3 % loss and
more than 400 ms mouth to ear poor."""

from collections.abc import Mapping
from typing import Any, Final

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "good line": {},
    "street at 10 dB": {"caller": [{"condition": "noise", "scene": "street", "snr_db": 10}]},
    "busy office": {"caller": [{"condition": "noise", "scene": "office", "snr_db": 15}]},
    "bad mobile": {
        "caller": [
            {"condition": "narrow band", "low_hz": 300, "high_hz": 3000},
            {"condition": "noise", "scene": "street", "snr_db": 18},
            {"condition": "packet loss", "percent": 3, "burst_frames": 3, "concealed": True},
            {"condition": "jitter", "every_s": 8, "burst_ms": 180, "buffer_ms": 60},
            {"condition": "delay", "ms": 90},
        ],
        "agent": [
            {"condition": "packet loss", "percent": 3, "burst_frames": 3, "concealed": True},
            {"condition": "delay", "ms": 150},
        ],
    },
    "loud speakerphone": {
        "caller": [
            {"condition": "echo", "delay_ms": 120, "loss_db": 24},
            {"condition": "clipping", "dbfs": -12, "drive_db": 6},
        ]
    },
}
