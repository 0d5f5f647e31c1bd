"""Settings: each is documented, each bad value is said, and nothing of one machine is in the repository."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from klix_site.environment import rate

ROOT = Path(__file__).resolve().parent.parent.parent
READERS = (
    r'\b(?:text|number|decimal|flag|rate|words|kept_secret|env\.db_url|env\.email_url|environ\.get)\(\s*"([A-Z_]+)"'
)
# Read by name in settings.py, or by the sandbox's own: what a person may set.
MISSION = {"OPENAI_API_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "YOUR_TWILIO_NUMBER"}


def names_read() -> set[str]:
    return set(re.findall(READERS, (ROOT / "klix_site" / "settings.py").read_text()))


def names_documented() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))


def names_in_example() -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_every_setting_is_documented_and_no_other() -> None:
    assert names_read() == names_documented()


def test_the_example_holds_the_four_names_and_only_real_ones() -> None:
    assert MISSION <= names_in_example() <= names_read()


def test_the_example_holds_every_setting_of_the_telephone_and_the_call() -> None:
    sections = re.split(r"^## ", (ROOT / "docs" / "settings.md").read_text(), flags=re.MULTILINE)
    wanted = [section for section in sections if section.startswith(("Telephony\n", "The call\n"))]
    assert len(wanted) == 2
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", "".join(wanted), re.MULTILINE)) <= names_in_example()


def settings_with(tmp_path: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if name not in names_read()}
    env = own | {"KLIX_ENV_FILE": os.devnull, "KLIX_VAR_DIR": str(tmp_path)} | environment
    code = "import klix_site.settings as s; print(s.PUBLIC_BASE_URL, s.PORT, s.DEBUG, s.SECRET_KEY)"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, text=True, capture_output=True)


def test_a_rate_is_a_number_in_a_period_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, told in (("", "5/hour"), ("90/minute", "90/minute"), ("off", "")):
        monkeypatch.setenv("KLIX_API_RATE", value)
        assert rate("KLIX_API_RATE", "5/hour") == told


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("KLIX_MAX_CALL_S", "ten", "KLIX_MAX_CALL_S must be a whole number, not 'ten'."),
        ("KLIX_PORT", "87.65", "KLIX_PORT must be a whole number, not '87.65'."),
        ("TWILIO_TIMEOUT_S", "soon", "TWILIO_TIMEOUT_S must be a number, not 'soon'."),
        ("KLIX_API_RATE", "many", "KLIX_API_RATE must be a rate such as 1200/minute, or off, not 'many'."),
        ("DJANGO_DEBUG", "perhaps", "DJANGO_DEBUG must be true or false, not 'perhaps'."),
    ],
)
def test_a_value_that_cannot_be_read_is_said_with_its_name(name: str, value: str, reason: str, tmp_path: Path) -> None:
    read = settings_with(tmp_path, **{name: value})
    assert read.returncode != 0
    assert reason in read.stderr


def test_the_address_follows_the_port_and_blank_is_not_set(tmp_path: Path) -> None:
    read = settings_with(tmp_path, KLIX_PORT="9001", PUBLIC_BASE_URL=" ", DJANGO_DEBUG="")
    assert read.stdout.split()[:3] == ["http://127.0.0.1:9001", "9001", "False"]


def test_a_generated_secret_is_kept_and_readable_by_us_alone(tmp_path: Path) -> None:
    first, second = settings_with(tmp_path), settings_with(tmp_path)
    assert first.stdout == second.stdout
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_package_index_and_no_path_of_this_machine_is_in_a_tracked_file() -> None:
    index = re.compile(r"(index-url|find-links)[ =]+\S*(https?|file):|\"resolved\": *\"http", re.IGNORECASE)
    places = {str(ROOT), str(Path.home())} - {"/", "/root"}
    found = []
    for path in tracked_files():
        text = path.read_text(errors="replace")
        if index.search(text) or any(f"{place}/" in text for place in places):
            found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_the_locks_name_a_hash_for_every_package() -> None:
    for lock in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / lock).read_text().splitlines()
        pins = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9._-]+(\[.*\])?==", line)]
        assert pins
        assert all("--hash=sha256:" in lines[number + 1] for number in pins)
