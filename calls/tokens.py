"""One-time tokens that bind a media stream to its leg. Pure but for the randomness."""

import hashlib
import secrets


def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Hex SHA-256: a 256-bit random token needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
