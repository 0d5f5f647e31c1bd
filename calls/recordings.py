"""Where a recording's file is, and serving it in ranges: without them a browser cannot seek."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from calls.models import Recording

PIECE_BYTES = 64 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def path_of(recording: Recording) -> Path | None:
    """The file below RECORDINGS_DIR; None where it is missing or the name leads elsewhere."""
    root = Path(settings.RECORDINGS_DIR).resolve()
    path = (root / recording.file).resolve()
    return path if recording.file and path.is_relative_to(root) and path.is_file() else None


@dataclass(frozen=True, slots=True)
class Span:
    first: int
    last: int  # inclusive

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(ValueError):
    """The range asked for lies outside the file."""


def asked_span(header: str, size: int) -> Span | None:
    """The one span that a Range header asks for. None: the whole file (no header, or one that RFC 9110 lets a server
    ignore: another unit, several ranges). Raises Unsatisfiable."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        wanted = int(match[2])
        if wanted == 0 or size == 0:
            raise Unsatisfiable
        return Span(max(0, size - wanted), size - 1)
    first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return Span(first, last)


def ranged_response(path: Path, header: str, *, content_type: str, download_as: str = "") -> HttpResponseBase:
    """200 with the whole file, 206 with the span asked for, or 416."""
    size = path.stat().st_size
    try:
        span = asked_span(header, size)
    except Unsatisfiable:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    body = span or Span(0, size - 1)
    response = StreamingHttpResponse(_pieces(path, body), content_type=content_type, status=206 if span else 200)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Length"] = str(body.length)
    response.headers["Cache-Control"] = "private, max-age=3600"
    if span:
        response.headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    if download_as:
        response.headers["Content-Disposition"] = f'attachment; filename="{download_as}"'
    return response


async def _pieces(path: Path, span: Span) -> AsyncIterator[bytes]:
    file = await sync_to_async(lambda: path.open("rb"))()
    try:
        await sync_to_async(file.seek)(span.first)
        left = span.length
        while left and (piece := await sync_to_async(file.read)(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece
    finally:
        await sync_to_async(file.close)()
