import pytest
from twilio.twiml.voice_response import Connect, VoiceResponse

from calls.telephony import twiml

EVERY_VERB: list[twiml.Verb] = [
    twiml.ConnectStream("wss://h.example/ws", {"token": "a<b&\"c'", "empty": ""}, "name", "https://h.example/s", "GET"),
    twiml.Say("Good day & welcome", "hibari:heart", "en-US", 2),
    twiml.Play("https://h.example/a.wav", loop=0),
    twiml.Play(digits="12w#A"),
    twiml.Pause(3),
    twiml.Dial("+15550100001", "/after", "GET", 20, 60, "+15550100000"),
    twiml.Redirect("/next", "GET"),
    twiml.Reject("busy"),
    twiml.Hangup(),
]


@pytest.mark.parametrize("verb", EVERY_VERB, ids=lambda verb: type(verb).__name__)
def test_every_verb_reads_back_as_written(verb: twiml.Verb) -> None:
    assert twiml.parse(twiml.render(verb, verb)) == [verb, verb]


def test_what_twilios_library_writes_is_read() -> None:
    response = VoiceResponse()
    connect = Connect(action="/done")
    stream = connect.stream(url="wss://h.example/ws", name="n")
    stream.parameter(name="a", value="1")
    response.append(connect)
    response.say("Bye", voice="alice", language="en-GB")
    response.dial("+15550100001", timeout=5)
    response.hangup()
    assert twiml.parse(str(response)) == [
        twiml.ConnectStream("wss://h.example/ws", {"a": "1"}, "n", action="/done"),
        twiml.Say("Bye", "alice", "en-GB"),
        twiml.Dial("+15550100001", timeout_s=5),
        twiml.Hangup(),
    ]


def test_the_short_forms_write_whole_documents() -> None:
    stream = twiml.connect_stream("wss://h.example/ws", {"token": "t"}, "https://h.example/s")
    assert twiml.parse(stream) == [
        twiml.ConnectStream("wss://h.example/ws", {"token": "t"}, status_callback="https://h.example/s")
    ]
    assert twiml.parse(twiml.hang_up()) == [twiml.Hangup()]
    assert twiml.parse(twiml.reject("busy")) == [twiml.Reject("busy")]
    assert twiml.parse(twiml.say("Bye.", then_hang_up=True)) == [twiml.Say("Bye."), twiml.Hangup()]
    assert twiml.parse(twiml.redirect("/x?a=1&b=2")) == [twiml.Redirect("/x?a=1&b=2")]


def test_a_dialled_number_may_stand_in_its_own_element() -> None:
    assert twiml.parse("<Response><Dial><Number>+15550100001</Number></Dial></Response>") == [
        twiml.Dial("+15550100001")
    ]


def test_comments_whitespace_and_an_empty_response_are_fine() -> None:
    assert twiml.parse("\n <?xml version='1.0'?><!-- c --><Response>\n <!-- d -->\n</Response>") == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", 12100),
        ("Hello", 12100),
        ("<Response>", 12100),
        ("<Response/><Response/>", 12100),
        ("<response/>", 12100),
        ('<!DOCTYPE r [<!ENTITY a "b">]><Response><Say>&a;</Say></Response>', 12100),
        ('<!DOCTYPE r SYSTEM "file:///etc/passwd"><Response/>', 12100),
        ("<Response>\ud800</Response>", 12100),
        ("<Response>" + " " * 70000 + "</Response>", 11750),
        ("<Response>Hello</Response>", 12200),
        ("<Response><Hangup/>Hello</Response>", 12200),
        ("<Response><say>Hello</say></Response>", 12200),
        ("<Response><Gather/></Response>", 12200),
        ("<Response><Say/></Response>", 12200),
        ("<Response><Say loop='many'>a</Say></Response>", 12200),
        ("<Response><Say loop='²'>a</Say></Response>", 12200),
        ("<Response><Say colour='red'>a</Say></Response>", 12200),
        ("<Response><Play/></Response>", 12200),
        ("<Response><Play digits='x'/></Response>", 12200),
        ("<Response><Pause length='-1'/></Response>", 12200),
        ("<Response><Dial/></Response>", 12200),
        ("<Response><Dial><Sip>sip:a@b</Sip></Dial></Response>", 12200),
        ("<Response><Redirect/></Response>", 12200),
        ("<Response><Redirect method='PUT'>/a</Redirect></Response>", 12200),
        ("<Response><Reject reason='tired'/></Response>", 12200),
        ("<Response><Connect/></Response>", 12200),
        ("<Response><Connect><Room>a</Room></Connect></Response>", 12200),
        ("<Response><Connect><Stream/></Connect></Response>", 12200),
        ("<Response><Connect><Stream url='https://h/ws'/></Connect></Response>", 12200),
        ("<Response><Connect><Stream url='wss://[h/ws'/></Connect></Response>", 12200),
        ("<Response><Connect><Stream url='wss://h/ws?a=1'/></Connect></Response>", 12200),
        ("<Response><Connect><Stream url='wss://h/ws' track='both_tracks'/></Connect></Response>", 12200),
        ("<Response><Connect><Stream url='wss://h/ws'><Say>a</Say></Stream></Connect></Response>", 12200),
        ("<Response><Connect><Stream url='wss://h/ws'><Parameter value='a'/></Stream></Connect></Response>", 12200),
    ],
)
def test_what_twilio_would_refuse_is_refused_with_its_number(document: str, code: int) -> None:
    with pytest.raises(twiml.TwimlError) as refused:
        twiml.parse(document)
    assert refused.value.code == code
    assert refused.value.message


def test_a_long_parameter_is_refused_when_written_too() -> None:
    with pytest.raises(twiml.TwimlError, match="under 500"):
        twiml.connect_stream("wss://h.example/ws", {"token": "x" * 500})
