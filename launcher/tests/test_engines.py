import json
import signal
import socket
from pathlib import Path

import psycopg2
import pytest
import redis

from launcher.engines.anvil import KEEP_BLOCKS, trim
from launcher.stack import Stack
from launcher.tests.conftest import is_alive, plain_environment, rpc, transfer, wait_for

ELSEWHERE = {"DATABASE_URL": "postgresql://elsewhere/x", "REDIS_URL": "redis://elsewhere/0"}


def _query(url: str, statement: str) -> list[tuple]:
    connection = psycopg2.connect(url, connect_timeout=5)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _answers(url: str) -> bool:
    try:
        return _query(url, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False


def _on(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"


def _processes(data_dir: Path) -> dict[str, int]:
    return dict(json.loads((data_dir / "pids.json").read_text()))


def _environment(data_dir: Path) -> dict[str, str]:
    return dict(json.loads((data_dir / "environment.json").read_text()))


def _chain_only(data_dir: Path, chain_port: int = 0) -> Stack:
    return Stack(data_dir, chain_port=chain_port, env={**plain_environment(), **ELSEWHERE})


def test_engines_survive_kills_and_the_application_owns_nothing(stack, data_dir):
    stack.start_engines()
    found = _environment(data_dir)
    owner, application, admin = (found[f"DATABASE_{name}URL"] for name in ("OWNER_", "", "ADMIN_"))
    assert (data_dir / "environment.json").stat().st_mode & 0o077 == 0

    # What the launcher grants reaches databases that are made later.
    _query(admin, "CREATE DATABASE later OWNER soke_owner")
    _query(_on(owner, "later"), "CREATE TABLE note (id bigserial PRIMARY KEY, text text)")
    assert _query(_on(application, "later"), "INSERT INTO note (text) VALUES ('a') RETURNING id") == [(1,)]
    for refused in ("CREATE TABLE other (id int)", "TRUNCATE note", "DROP TABLE note"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            _query(_on(application, "later"), refused)

    redis.Redis.from_url(found["REDIS_URL"]).set("key", "value")
    sent = transfer(found["CHAIN_RPC_URL"])
    copy = data_dir / "anvil" / "state.previous.json"
    wait_for(lambda: copy.exists() and sent in copy.read_text())
    before = {name: stack.kill(name) for name in ("postgresql", "anvil")}

    wait_for(lambda: _answers(application))
    assert _query(_on(application, "later"), "SELECT text FROM note") == [("a",)]
    wait_for(lambda: stack.pid("anvil") not in (before["anvil"], None))
    receipt = wait_for(lambda: _receipt(found["CHAIN_RPC_URL"], sent))
    assert receipt["status"] == "0x1"
    assert redis.Redis.from_url(found["REDIS_URL"]).get("key") == b"value"


def _receipt(url: str, sent: str) -> dict | None:
    try:
        return dict(rpc(url, "eth_getTransactionReceipt", sent) or {})
    except OSError:
        return None


def test_a_killed_launcher_leaves_nothing_and_the_next_start_finds_everything(launch, data_dir):
    first = launch("engines", SOKE_CHAIN_PORT="0x")
    assert "SOKE_CHAIN_PORT is not the number of a port: 0x" in first.communicate()[0]

    port = str(_free_port())
    first = launch("engines", SOKE_CHAIN_PORT=port)
    found = wait_for(lambda: (data_dir / "environment.json").exists() and _environment(data_dir), 30)
    _query(found["DATABASE_OWNER_URL"], "CREATE TABLE note AS SELECT 'kept' AS text")
    busy = psycopg2.connect(found["DATABASE_URL"])
    pids = list(_processes(data_dir).values())

    second = launch("engines", SOKE_CHAIN_PORT=port)
    assert f"SOKE already runs on {data_dir} (process {first.pid})" in second.communicate()[0]
    assert second.returncode == 1
    attached = launch("exec", "--", "sh", "-c", "echo $DATABASE_URL", SOKE_CHAIN_PORT=port)
    assert attached.communicate()[0].strip() == found["DATABASE_URL"]

    first.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in pids), seconds=3)
    busy.close()

    launch("engines", SOKE_CHAIN_PORT=port)
    again = wait_for(lambda: found == _known(data_dir) and _answers(found["DATABASE_URL"]) and found, 30)
    assert _query(again["DATABASE_URL"], "SELECT text FROM note") == [("kept",)]


def _known(data_dir: Path) -> dict[str, str] | None:
    return _environment(data_dir) if (data_dir / "environment.json").exists() else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_chain_is_trimmed_and_outlives_half_a_file(data_dir):
    stack = _chain_only(data_dir)
    stack.start_engines()
    url = stack.environment["CHAIN_RPC_URL"]
    old = transfer(url)
    rpc(url, "anvil_mine", hex(3 * KEEP_BLOCKS))
    recent = transfer(url)
    head = int(rpc(url, "eth_blockNumber"), 16)
    genesis = rpc(url, "eth_getBlockByNumber", "0x0", False)["hash"]
    stack.stop()
    state = data_dir / "anvil" / "state.json"
    whole = state.stat().st_size

    stack = _chain_only(data_dir)
    stack.start_engines()
    assert stack.environment["CHAIN_RPC_URL"] == url
    assert state.stat().st_size < whole / 2
    assert int(rpc(url, "eth_blockNumber"), 16) >= head
    assert int(rpc(url, "eth_getBlockByNumber", "finalized", False)["number"], 16) >= head - 2
    assert rpc(url, "eth_getBlockByNumber", "0x0", False)["hash"] == genesis
    assert [rpc(url, "eth_getTransactionReceipt", sent)["status"] for sent in (old, recent)] == ["0x1", "0x1"]
    assert rpc(url, "eth_getBlockByNumber", hex(head - 2 * KEEP_BLOCKS), False) is None
    transfer(url)
    stack.stop()

    state.write_bytes(state.read_bytes()[:1000])
    stack = _chain_only(data_dir)
    stack.start_engines()
    assert int(rpc(url, "eth_blockNumber"), 16) >= head
    stack.stop()


def test_trim_keeps_one_genesis_the_newest_and_the_busy():
    def block(number: int, timestamp: int) -> dict:
        return {"header": {"number": hex(number), "timestamp": hex(timestamp)}}

    last = 4 * KEEP_BLOCKS
    blocks = [block(0, 900), *(block(number, number) for number in range(last + 1))]
    state = {"best_block_number": last, "blocks": blocks, "transactions": [{"block_number": 7}], "accounts": {}}

    numbers = [int(block["header"]["number"], 16) for block in trim(state)["blocks"]]

    assert numbers == [0, 7, *range(last - KEEP_BLOCKS + 1, last + 1)]
    assert trim(state)["blocks"][0]["header"]["timestamp"] == "0x0"
    assert trim(state)["transactions"] == state["transactions"]


@pytest.mark.parametrize(("command", "variable"), [("engines", "SOKE_CHAIN_PORT"), ("run", "SOKE_PORT")])
def test_a_taken_port_is_a_sentence(launch, command, variable):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        elsewhere = ELSEWHERE | ({"CHAIN_RPC_URL": "http://elsewhere"} if command == "run" else {})
        process = launch(command, **elsewhere, **{variable: str(port)})
        printed = process.communicate(timeout=30)[0]
    assert f"port {port} " in printed
    assert f"for example {variable}={port + 1}" in printed
    assert "Traceback" not in printed
    assert process.returncode == 1


@pytest.mark.parametrize("spoilt", ["a file in its place", "secrets that are not JSON"])
def test_a_spoilt_data_directory_is_a_sentence(launch, data_dir, spoilt):
    if spoilt == "a file in its place":
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.write_text("")
    else:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / "launcher.json").write_text("{")
    process = launch("engines", **ELSEWHERE, SOKE_CHAIN_PORT=str(_free_port()))
    printed = process.communicate(timeout=30)[0]
    assert str(data_dir) in printed
    assert "Traceback" not in printed
    assert process.returncode == 1


def test_a_terminated_command_ends_with_the_engines_started_for_it(launch, data_dir):
    process = launch(
        "exec", "--", "sh", "-c", "echo $$ && exec sleep 60", **ELSEWHERE, SOKE_CHAIN_PORT=str(_free_port())
    )
    sleeper = int(wait_for(lambda: (line := process.stdout.readline()).strip().isdecimal() and line))
    pids = [sleeper, *_processes(data_dir).values()]
    assert len(pids) == 2
    process.terminate()
    assert process.wait(timeout=10) == 130
    assert not any(is_alive(pid) for pid in pids)
