"""Cutting a stream of text into sentences, so that the first is spoken while the next is written. Pure."""

import re
from typing import Final

# A sentence ends at . ! ? … (and closing quotes) before white space; not after a title or a single initial ("J. Doe"),
# and never inside a number such as 6.50, which has no space in it.
_END: Final = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|\n+")
_ABBREVIATION: Final = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|vs|etc|e\.g|i\.e|[A-Z])\.$")
# A sentence that grows longer than this is spoken up to its last comma, else a slow writer leaves dead air.
LONG_CHARS: Final = 160


class SentenceCutter:
    """Push pieces of any length; get whole sentences. `flush` gives what is left."""

    def __init__(self) -> None:
        self._rest = ""

    def push(self, piece: str) -> list[str]:
        self._rest += piece
        sentences: list[str] = []
        while (end := self._next_end()) is not None:
            sentence, self._rest = self._rest[:end].strip(), self._rest[end:]
            if sentence:
                sentences.append(sentence)
        return sentences

    def flush(self) -> list[str]:
        sentence, self._rest = self._rest.strip(), ""
        return [sentence] if sentence else []

    def _next_end(self) -> int | None:
        for match in _END.finditer(self._rest):
            if not _ABBREVIATION.search(self._rest[: match.end()]):
                return match.end()
        if len(self._rest) > LONG_CHARS:
            comma = max(self._rest.rfind(sign, 0, LONG_CHARS) for sign in (", ", "; ", ": "))
            return comma + 1 if comma > 0 else None
        return None
