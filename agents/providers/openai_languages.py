"""Whisper names the language it heard by its English name; the rest of Klix by its code."""

from typing import Final

_TABLE: Final = (
    "en english zh chinese de german es spanish ru russian ko korean fr french ja japanese pt portuguese tr turkish "
    "pl polish ca catalan nl dutch ar arabic sv swedish it italian id indonesian hi hindi fi finnish vi vietnamese "
    "he hebrew uk ukrainian el greek ms malay cs czech ro romanian da danish hu hungarian ta tamil no norwegian "
    "th thai ur urdu hr croatian bg bulgarian lt lithuanian la latin mi maori ml malayalam cy welsh sk slovak "
    "te telugu fa persian lv latvian bn bengali sr serbian az azerbaijani sl slovenian kn kannada et estonian "
    "mk macedonian br breton eu basque is icelandic hy armenian ne nepali mn mongolian bs bosnian kk kazakh "
    "sq albanian sw swahili gl galician mr marathi pa punjabi si sinhala km khmer sn shona yo yoruba so somali "
    "af afrikaans oc occitan ka georgian be belarusian tg tajik sd sindhi gu gujarati am amharic yi yiddish lo lao "
    "uz uzbek fo faroese ps pashto tk turkmen nn nynorsk mt maltese sa sanskrit lb luxembourgish my myanmar "
    "bo tibetan tl tagalog mg malagasy as assamese tt tatar ln lingala ha hausa ba bashkir jw javanese su sundanese"
)
_WORDS: Final = _TABLE.split()
CODE_OF: Final = dict(zip(_WORDS[1::2], _WORDS[0::2], strict=True))
NAME_OF: Final = dict(zip(_WORDS[0::2], _WORDS[1::2], strict=True))


def code_of(language: str) -> str:
    """ "english" → "en"; a code stays as it is; "" for what is unknown."""
    language = language.strip().lower()
    if language in CODE_OF:
        return CODE_OF[language]
    return language if language.split("-")[0] in NAME_OF else ""


def name_of(language: str) -> str:
    """ "pt-BR" → "Portuguese (pt-BR)", for a prompt."""
    name = NAME_OF.get(language.split("-")[0].lower(), "").title()
    return f"{name} ({language})" if name else language
