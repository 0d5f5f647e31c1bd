"""Secrets among a provider's options: shown as a mask, and kept where the mask is sent back. Pure."""

from typing import Any, Final

MASK: Final = "(hidden)"
SECRET: Final = frozenset({"api_key", "authorization", "password", "secret", "token"})


def masked(value: Any) -> Any:
    """The same with a mask for each secret, at any depth."""
    if isinstance(value, dict):
        return {name: MASK if inner and _is_secret(name) else masked(inner) for name, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list) else value


def unmasked(sent: Any, kept: Any) -> Any:
    """What was sent, with the kept secret wherever the mask came back; without it where there is none."""
    if isinstance(sent, dict):
        known = kept if isinstance(kept, dict) else {}
        found = {name: _own(name, inner, known.get(name)) for name, inner in sent.items()}
        return {name: inner for name, inner in found.items() if not (inner == MASK and _is_secret(name))}
    if isinstance(sent, list):
        known_items = kept if isinstance(kept, list) else []
        more = [None] * max(0, len(sent) - len(known_items))
        return [unmasked(inner, old) for inner, old in zip(sent, [*known_items, *more], strict=False)]
    return sent


def _own(name: str, sent: Any, kept: Any) -> Any:
    if sent == MASK and _is_secret(name):
        return MASK if kept is None else kept
    return unmasked(sent, kept)


def _is_secret(name: str) -> bool:
    return name.casefold() in SECRET
