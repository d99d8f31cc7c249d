"""`bt-gex paper` and `bt-gex plan`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.typed import call
from paper.golden_bars import fifty_bars, make_spec
from paper.test_broker import CONDOR, STRATEGY, WORKSPACE, raw

from bt_gex.paper.generator import plain_spec


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "home"
    monkeypatch.setenv("BT_GEX_HOME", str(found))
    return found


def written(folder: Path, content: Any) -> Path:
    file = folder / "intent.json"
    file.write_text(json.dumps(content))
    return file


def test_an_account_from_the_first_intent_on(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = call(capsys, "paper", "state")
    assert (status, home.exists()) == (1, False)
    assert "no journal yet" in err
    file = written(tmp_path, raw(1, "open_long", 2.0))
    status, out, err = call(capsys, "paper", "intent", file, "--fill-price", "100")
    assert (status, err) == (0, "")
    assert out.startswith("opened: 2 at 100; holds 2 at 100; order ")
    assert home.stat().st_mode & 0o77 == 0
    status, out, _ = call(capsys, "paper", "intent", file, "--fill-price", "120")
    assert status == 1
    assert out.startswith("refused: ALREADY_EXECUTED")
    status, out, _ = call(capsys, "paper", "state")
    assert (status, "$9,800.00" in out, "BTC" in out) == (0, True, True)
    status, out, _ = call(capsys, "paper", "state", str(WORKSPACE), "--json")
    assert json.loads(out)["cash"] == 9_800.0
    status, out, _ = call(capsys, "paper", "positions", "--json")
    assert [one["symbol"] for one in json.loads(out)] == ["BTC"]
    status, out, _ = call(capsys, "paper", "reconcile")
    assert status == 0
    assert "agrees with its 1 fill" in out
    for url in ((home / "journal.db",), ()):
        status, out, _ = call(capsys, "journal", "verify", *url)
        assert (status, out[:2]) == (0, "ok")


def test_resetting_needs_the_account_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, raw(1, "open_long", 2.0))
    call(capsys, "paper", "intent", file, "--fill-price", "100")
    assert call(capsys, "paper", "reset")[0] == 2
    status, _, err = call(capsys, "paper", "reset", "44444444-4444-4444-4444-444444444444")
    assert (status, "no events" in err) == (2, True)
    assert call(capsys, "paper", "reset", WORKSPACE)[0] == 0
    assert "No open position" in call(capsys, "paper", "positions")[1]
    assert call(capsys, "paper", "reconcile")[0] == 0
    assert "BTC" in call(capsys, "paper", "positions")[1]


def test_stopping_and_pausing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def send(name: int) -> str:
        file = written(tmp_path, raw(name, "open_long", 1.0))
        return call(capsys, "paper", "intent", file, "--fill-price", "10")[1]

    assert send(1).startswith("opened")
    assert call(capsys, "paper", "kill-switch", "on")[0] == 2
    status, out, _ = call(capsys, "paper", "kill-switch", "on", "--scope", "entries", "--why", "x")
    assert (status, out) == (0, f"kill switch for entries is on: {WORKSPACE}\n")
    assert "kill_switch_active" in send(2)
    assert "KILL SWITCH for entries is on" in call(capsys, "paper", "state")[1]
    call(capsys, "paper", "kill-switch", "off", "--scope", "entries", "--why", "x")
    call(capsys, "paper", "pause", STRATEGY, "--why", "x")
    assert "STRATEGY_PAUSED" in send(3)
    assert call(capsys, "paper", "pause", "gexx", "--why", "x")[0] == 2
    status, out, _ = call(capsys, "paper", "pause", "gex", "--why", "x")
    assert (status, str(STRATEGY) in out) == (0, False)
    call(capsys, "paper", "resume", STRATEGY, "--why", "x")
    assert send(4).startswith("scaled")
    status, out, _ = call(capsys, "paper", "kill-switch", "on", "--everywhere", "--why", "x")
    assert (status, "all accounts" in out) == (0, True)
    assert "kill_switch_active" in send(5)
    assert str(WORKSPACE) in call(capsys, "paper", "state")[1]


def test_a_spread_at_the_quotes_of_its_legs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    legs = [one | {"expiration": "2099-01-12"} for one in CONDOR]  # its clock is the wall's
    intent = raw(1, "open_spread", 1, legs=legs, symbol="SPXW")
    quotes = [
        {"leg": "6070C", "bid": 2.0, "ask": 2.2},
        {"leg": "6080C", "bid": 0.9, "ask": 1.1},
        {"leg": "6030P", "bid": 1.5, "ask": 1.7},
        {"leg": "6020P", "bid": 0.6, "ask": 0.8},
    ]
    file = written(tmp_path, {"intent": intent, "fill": {"quotes": quotes}})
    status, out, err = call(capsys, "paper", "intent", file, "--fee-rate", "0.65")
    assert (status, err) == (0, "")
    assert out.startswith("opened: 1 at 1.6, fees $2.60")
    assert "IC 6070C/6080C/6030P/6020P" in call(capsys, "paper", "positions")[1]


def test_bad_files_end_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, raw(1, "open_long", 1.0) | {"qty": 1})
    status, out, err = call(capsys, "paper", "intent", file, "--fill-price", "1")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "qty" in err
    status, _, err = call(capsys, "paper", "intent", tmp_path / "none.json")
    assert (status, "none.json" in err) == (1, True)


# ------------------------------------------------------------------------------ plans


def plan_files(folder: Path, **more: Any) -> tuple[Path, Path]:
    spec, bars = folder / "plan.yaml", folder / "bars.csv"
    content = {
        "base_spec": plain_spec(make_spec()),
        "constraints": {"lookback_days_values": [15, 20], "dollars_per_trade_values": [-1, 500]},
        "objective": "return",
    } | more
    spec.write_text(json.dumps(content))  # JSON is YAML
    bars.write_bytes(fifty_bars())
    return spec, bars


def test_generating_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, _ = plan_files(tmp_path)
    status, out, _ = call(capsys, "plan", "generate", spec)
    assert status == 0
    assert "lookback=15,dollars=500.0,max_pos=3" in out
    status, out, _ = call(capsys, "plan", "generate", spec, "--json", "--objective", "sharpe")
    found = json.loads(out)
    assert (found["n_variants"], found["objective"]) == (len(found["variants"]), "sharpe")
    assert found["variants"][0] == {
        "variant_id": found["variants"][0]["variant_id"],
        "label": "baseline",
        "tags": ["baseline"],
    }


def test_running_a_plan_and_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, bars = plan_files(tmp_path)
    status, out, err = call(capsys, "plan", "run", spec, "--csv", bars)
    assert (status, err) == (0, "")
    assert "Best by return:" in out
    assert "invalid_params: " in out
    assert "dollars_per_trade" in out
    status, again, _ = call(capsys, "plan", "run", spec, "--csv", bars, "--json")
    found = json.loads(again)
    assert found["best_variant_id"] in out
    assert {one["status"] for one in found["results"]} == {"success", "skipped"}
    status, out, _ = call(capsys, "plan", "run", spec, "--csv", bars)
    assert "had been run before" in out


def test_plans_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, bars = plan_files(tmp_path, constrains={})
    status, _, err = call(capsys, "plan", "run", spec, "--csv", bars)
    assert (status, "did you mean constraints?" in err) == (2, True)
    spec, bars = plan_files(tmp_path, workspace_id=str(WORKSPACE))
    assert "leave one of them out" in call(capsys, "plan", "generate", spec)[2]
    spec, bars = plan_files(tmp_path, objective="luck")
    assert call(capsys, "plan", "generate", spec)[0] == 2
    spec, bars = plan_files(tmp_path)
    bars.write_text("ts,open\n")
    status, _, err = call(capsys, "plan", "run", spec, "--csv", bars)
    assert (status, "Missing required columns" in err) == (1, True)
