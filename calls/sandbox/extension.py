"""Parameters of Calls create that Twilio does not have: what the line is like, and an application to call directly.

`SandboxLine`         a scenario's `line` as JSON (docs/line-conditions.md)
`SandboxSide`         which of the line's two parties the originating leg is: caller (default) or agent
`SandboxVoiceUrl`     answers instead of the application of the number that is called
`SandboxVoiceTwiml`   likewise, as a document
`SandboxAccountSid`   the account of that application, if it is not the exchange's own…
`SandboxAuthToken`    …and the token that signs what it is asked, and with which it may read and end its call
"""

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Final

from calls.audio.line.chain import Chain
from calls.audio.line.spec import GOOD_LINE, LineError, LineSpec, parse_line
from calls.sandbox.accounts import Account
from calls.sandbox.errors import RestError
from calls.sandbox.exchange import Exchange, Placement
from calls.sandbox.performance import Source
from calls.sandbox.rest import Form
from calls.states import Side

_SID: Final = re.compile(r"AC[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Extension:
    line: LineSpec = GOOD_LINE
    side: Side = Side.CALLER
    source: Source | None = None
    account: Account | None = None

    def applied_to(self, placement: Placement) -> Placement:
        near, far = self._chain(self.side), self._chain(self.side.other)
        return dataclasses.replace(placement, line=near, far_line=far, far_source=self.source, far_account=self.account)

    def _chain(self, side: Side) -> Chain | None:
        filters = self.line.filters(side)
        return Chain(filters) if filters else None


def read_extension(form: Form, exchange: Exchange) -> Extension:
    line, side = _line(form.text("SandboxLine")), Side(form.choice("SandboxSide", tuple(Side), Side.CALLER))
    url, twiml = form.url("SandboxVoiceUrl", exchange), form.text("SandboxVoiceTwiml")
    account = _account(form.text("SandboxAccountSid"), form.text("SandboxAuthToken"), exchange)
    if url and twiml:
        raise RestError(400, 20001, "Give SandboxVoiceUrl or SandboxVoiceTwiml, not both.")
    if not (url or twiml):
        if account is not None:
            raise RestError(400, 20001, "SandboxAuthToken is for an application that is called: give its voice URL.")
        return Extension(line, side)
    return Extension(line, side, Source(url, text=twiml), account)


def _line(text: str) -> LineSpec:
    try:
        return parse_line(json.loads(text)) if text else GOOD_LINE
    except LineError as error:
        raise RestError(400, 20001, f"SandboxLine: {error}") from error
    except (ValueError, RecursionError) as error:
        raise RestError(400, 20001, "SandboxLine is not JSON.") from error


def _account(sid: str, token: str, exchange: Exchange) -> Account | None:
    if sid and not _SID.fullmatch(sid):
        raise RestError(400, 20001, "SandboxAccountSid must be AC and 32 hexadecimal digits.")
    if sid and not token:
        raise RestError(400, 20001, "SandboxAccountSid needs a SandboxAuthToken.")
    return Account(sid or exchange.setup.account_sid, token) if token else None
