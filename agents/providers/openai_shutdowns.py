"""What OpenAI names in place of models that it shuts down. Known in November 2026; dates are asked of the server."""

import re
from typing import Final

# (models, what to choose), the first that fits
_INSTEAD: Final = (
    (r"tts-1(-hd)?|gpt-4o-mini-tts", "the voice openai-realtime, or a speech server of your own (KLIX_TTS_BASE_URL)"),
    (r"whisper-1|gpt-4o(-mini)?-transcribe", "gpt-transcribe, or gpt-live-transcribe for text while the caller speaks"),
    (r"gpt-realtime-mini", "gpt-realtime-2.1-mini"),
    (r"gpt-realtime", "gpt-realtime-2.1"),
    (r"gpt-4o|gpt-4\.1|gpt-5|o3", "gpt-6-luna or gpt-6-sol"),
)
_VARIANT: Final = r"(-mini|-nano|-pro|-\d{4}-\d\d-\d\d|\.\d+)*"


def instead_of(model: str, role: str = "") -> str:
    """ "": nothing is known. `role`: what the model is used for."""
    if role == "translation" and model == "whisper-1":
        return "a chat model translates (KLIX_TRANSLATOR=openai)"
    return next((told for models, told in _INSTEAD if re.fullmatch(f"(?:{models}){_VARIANT}", model)), "")
