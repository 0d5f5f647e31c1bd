"""The parts of `make run` that decide something."""

import os
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.test import Client, override_settings
from pytest_django import Settings

from klix_site.launch import data, processes, redis, welcome
from klix_site.launch.doors import Blocked, Door, check_free, lock_data
from klix_site.launch.keep import FIRST_PAUSE_S, LONGEST_PAUSE_S, MAX_QUICK_DEATHS, QUICK_S, Patience

ROOT = Path(__file__).resolve().parent.parent.parent


# --- Ports and data ---------------------------------------------------------------------------------------------------
@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_the_setting_that_moves_it(taken_port: int) -> None:
    with pytest.raises(Blocked, match=rf"Port {taken_port} \(web\) is taken.*KLIX_PORT=\d+ make run"):
        check_free([Door(taken_port, "web", "KLIX_PORT")])


def test_free_ports_block_nothing(unused_tcp_port: int) -> None:
    check_free([Door(unused_tcp_port, "web", "KLIX_PORT")])


def test_two_parts_cannot_share_a_port(unused_tcp_port: int) -> None:
    doors = [Door(unused_tcp_port, "web", "KLIX_PORT"), Door(unused_tcp_port, "redis", "KLIX_REDIS_PORT")]
    with pytest.raises(Blocked, match="KLIX_PORT and KLIX_REDIS_PORT are both"):
        check_free(doors)


def test_one_klix_works_on_one_directory(tmp_path: Path) -> None:
    with lock_data(tmp_path), pytest.raises(Blocked, match=rf"already runs with this data \(process {os.getpid()}\)"):
        lock_data(tmp_path)
    lock_data(tmp_path).close()


# --- Processes --------------------------------------------------------------------------------------------------------
PROCFILE = {"web": "w", "worker": "k", "beat": "b", "sandbox": "s", "redis": "r"}


@pytest.mark.parametrize(
    ("telephony", "bundled", "left_out"),
    [
        ("sandbox", True, set()),
        ("twilio", True, {"sandbox"}),
        ("sandbox", False, {"redis"}),
        ("twilio", False, {"sandbox", "redis"}),
    ],
)
def test_only_what_is_needed_is_started(telephony: str, bundled: bool, left_out: set[str]) -> None:
    with override_settings(TELEPHONY=telephony, BUNDLED_REDIS=bundled):
        assert set(PROCFILE) - set(processes.wanted(PROCFILE)) == left_out
        assert len(processes.doors()) == 3 - len(left_out)


def test_every_process_of_the_procfile_is_kept_alive() -> None:
    manager = processes.manager(ROOT / "Procfile")
    commands = {name: entry["obj"].cmd for name, entry in manager._processes.items()}
    assert set(commands) == set(PROCFILE)
    assert all(command.startswith("exec ") and "keep.py" in command for command in commands.values())
    manager.events.close()


def test_the_bundled_redis_listens_on_loopback_only_and_keeps_what_it_was_told(tmp_path: Path) -> None:
    argv = redis.command(Path("/server"), tmp_path, 9999)
    options = dict(zip(argv[1::2], argv[2::2], strict=True))
    assert argv[0] == "/server"
    assert options["--bind"] == "127.0.0.1"
    assert (options["--port"], options["--dir"], options["--appendonly"]) == ("9999", str(tmp_path), "yes")


# --- Patience ---------------------------------------------------------------------------------------------------------
def test_the_pause_doubles_with_each_quick_death_and_then_patience_ends() -> None:
    patience = Patience()
    pauses = [patience.after_death(0.1) for _ in range(MAX_QUICK_DEATHS + 1)]
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-2:] == [LONGEST_PAUSE_S, None]


def test_a_long_life_restores_patience() -> None:
    patience = Patience()
    for _ in range(3 * MAX_QUICK_DEATHS):
        patience.after_death(0.1)
        assert patience.after_death(QUICK_S) == FIRST_PAUSE_S


# --- Data -------------------------------------------------------------------------------------------------------------
def test_static_files_are_collected_when_one_changed(tmp_path: Path) -> None:
    source, stamp = tmp_path / "source", tmp_path / "stamp"
    source.mkdir()
    (source / "a.css").write_text("a{}")
    with override_settings(STATICFILES_DIRS=[source], STATIC_ROOT=tmp_path / "static"):
        assert data.collect_static_files(stamp)
        assert (tmp_path / "static" / "a.css").read_text() == "a{}"
        assert not data.collect_static_files(stamp)
        (source / "b.css").write_text("b{}")
        assert data.collect_static_files(stamp)


# --- Welcome ----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_first_administrator_gets_a_password_that_works_and_is_said_once(client: Client) -> None:
    line = welcome.how_to_sign_in()
    password = line.split("password ")[1].split()[0]
    assert User.objects.get().is_superuser
    assert client.login(username="admin", password=password)
    assert password not in welcome.how_to_sign_in()


@pytest.mark.django_db
def test_a_later_start_says_who_signs_in() -> None:
    User.objects.create_superuser("ada", password="x")
    assert welcome.how_to_sign_in().startswith("Sign in as ada.")
    assert User.objects.count() == 1


class Answering(HTTPServer):
    """Answers every request with one status and body."""

    status, body = 200, b"{}"


@pytest.fixture
def site() -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.server, Answering)
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with Answering(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(site: Answering) -> str:
    return f"http://127.0.0.1:{site.server_address[1]}"


def test_waiting_ends_when_everything_is_ready(site: Answering) -> None:
    assert welcome.wait_until_ready(address(site)) == {}


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'{"parts": {"database": "ok", "worker": "No worker."}}', "worker"),
        (b"<h1>Server Error</h1>", "web"),
        (b'{"parts": 3}', "web"),
        (b"[]", "web"),
    ],
)
def test_waiting_names_the_part_that_is_not_ready(body: bytes, part: str, site: Answering) -> None:
    site.status, site.body = 503, body
    assert list(welcome.wait_until_ready(address(site), 0)) == [part]


def test_a_site_that_does_not_answer_is_not_ready(unused_tcp_port: int) -> None:
    assert list(welcome.wait_until_ready(f"http://127.0.0.1:{unused_tcp_port}", 0)) == ["web"]


# --- Tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_tables_that_are_up_to_date_are_not_migrated_again() -> None:
    assert data.migrate() is False


# --- Settings ---------------------------------------------------------------------------------------------------------


def test_a_setting_that_cannot_be_stops_the_start(settings: Settings) -> None:
    settings.TELEPHONY = "pigeon"
    with pytest.raises(CommandError, match=r"klix\.E002"):
        data.check()
