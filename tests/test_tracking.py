"""W&B's real client against a server of our own: what arrives, and what training makes of one that fails."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wandb
from omegaconf import DictConfig

import ganlab
from ganlab import cli
from ganlab.errors import GanlabError
from ganlab.protocol import fingerprint
from ganlab.runs import RunFolder
from ganlab.tracking import Tracker, sync, wandb_mode
from ganlab.tracking.background import Background
from ganlab.tracking.records import last_step, parts
from tests.conftest import TINY, crash_after
from tests.wandb_server import KEY, Received, StandIn, stand_in

Compose = Callable[..., DictConfig]
MEASURED = ("evaluation=digits", "evaluation.n_fake=40", "evaluation.every=32")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A user who has no key and has never used W&B."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    wandb.teardown()  # it keeps the settings that it found first
    yield
    wandb.teardown()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with stand_in() as standing_in:
        for name, value in standing_in.environment().items():
            monkeypatch.setenv(name, value)
        yield standing_in


def only(server: StandIn) -> Received:
    (run,) = server.runs.values()
    return run


def wandb_records(part: Path) -> list[dict]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(part)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=part)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_online_run_arrives_whole(tiny: Compose, server: StandIn) -> None:
    words = ["run.notes=it's <b>noted</b>", "run.tags=[a,b]", "wandb.group=losses", "wandb.gradients=true"]
    run = ganlab.train(tiny(*MEASURED, *words, "wandb.mode=auto", "wandb.log_model=true"))
    received = only(server)
    assert received.id == (run.path / "wandb_id").read_text()
    assert received.exit_code == 0
    assert received.fields["groupName"] == "losses"
    assert received.fields["jobType"] == "train"
    assert received.fields["tags"] == ["a", "b"]
    assert received.fields["notes"] == "it's <b>noted</b>"
    assert received.config["data"]["batch_size"] == 8
    assert received.config["environment"]["git_commit"] == run_commit(run.path)

    by_images = {row["images"]: row for row in received.history}
    assert [row["_step"] for row in received.history] == sorted(by_images)
    assert sorted(by_images) == [0, 8, 16, 24, 32, 40, 48, 56, 64]  # those between are gradients
    assert {i for i, row in by_images.items() if "samples" in row} == {0, 32, 64}
    for line in run.metrics:
        assert line.items() <= by_images[line["images"]].items()
    assert by_images[64]["animation"]["_type"] == "video-file"
    assert any(
        name.startswith("media/videos/animation") and data[:3] == b"GIF"
        for name, data in received.files.items()
    )
    grid = run.folder.sample_grid(32).read_bytes()
    assert grid in received.files.values()

    assert received.summary["eval/fid_digits"] == {"min": run.summary["best"]["fid_digits"]}
    assert received.summary["eval/is_digits"] == {"max": run.summary["best"]["is_digits"]}
    assert received.summary["best/fid_digits"] == run.summary["best"]["fid_digits"]
    assert received.summary["state"] == "finished"
    protocol = run.summary["protocol"]
    assert received.config["loss"] == "non_saturating"
    assert {name: value for name, value in received.summary.items() if name.startswith("protocol/")} == {
        "protocol/id": fingerprint(protocol),
        "protocol/extractor": "digits",
        "protocol/n_fake": 40,
        "protocol/reference": protocol["reference"],
    }
    axes = {m.get("1") or m.get("2"): m for m in received.config["_wandb"]["m"]}
    assert axes["*"]["5"] == list(axes).index("images") + 1  # the x-axis of all that has none of its own


def run_commit(path: Path) -> str:
    return json.loads((path / "environment.json").read_text())[-1]["git_commit"]


def test_gradients_and_the_model_arrive(tiny: Compose, server: StandIn) -> None:
    run = ganlab.train(tiny(*MEASURED, "wandb.mode=online", "wandb.gradients=true", "wandb.log_model=true"))
    row = next(row for row in only(server).history if row["images"] == 24)
    histograms = {name: value for name, value in row.items() if name.startswith("gradients/")}
    parameters = dict(run.generator(averaged=False).named_parameters())
    assert {f"gradients/generator.{name}" for name in parameters} <= histograms.keys()
    assert any(name.startswith("gradients/discriminator.") for name in histograms)
    name, parameter = max(parameters.items(), key=lambda item: item[1].numel())
    assert sum(histograms[f"gradients/generator.{name}"]["values"]) == parameter.numel()

    by_alias = {alias["alias"]: a for a in models(server) for alias in a["aliases"]}
    newest, best = by_alias["latest"], by_alias["best"]
    assert newest is by_alias["64-images"]
    assert newest["state"] == best["state"] == "COMMITTED"
    assert newest["files"]["model.ckpt"] == run.folder.newest_checkpoint().read_bytes()
    assert best["files"]["model.ckpt"] == run.folder.best_checkpoint.read_bytes()
    metadata = json.loads(newest["metadata"])
    assert metadata["images"] == 64
    assert metadata["protocol"] == run.summary["protocol"]
    assert metadata["final"] == run.summary["final"]


def models(server: StandIn) -> list[dict]:
    return [artifact for artifact in server.artifacts if artifact["artifactTypeName"] == "model"]


def test_the_best_model_is_sent_beside_the_newest_and_none_of_a_run_that_has_not_ended(
    tiny: Compose, tmp_path: Path
) -> None:
    """What is asked of the client, whatever checkpoint happens to be the best."""
    cfg = tiny("wandb.mode=offline", "wandb.log_model=true")
    folder = RunFolder(tmp_path / "run")
    folder.create("")
    for images in (32, 64):
        folder.checkpoint(images).write_text(str(images))
    asked: list[tuple] = []
    tracking = Tracker(cfg, folder, directions={})
    tracking._ask = lambda *words: asked.append(words)  # type: ignore[method-assign]
    for state, best in (("preempted", 32), ("finished", 32), ("finished", 64)):
        folder.write_summary(state=state, images=64, best={"fid": 2.0})
        folder.keep_as_best(best)
        tracking._models(folder.read_summary()) if state == "finished" else tracking.finish()
    metadata = {"best": {"fid": 2.0}}
    assert [words for words in asked if words[0] == "model"] == [
        ("model", folder.best_checkpoint, ["best"], metadata),
        ("model", folder.checkpoint(64), ["latest", "64-images"], {"images": 64, **metadata}),
        ("model", folder.checkpoint(64), ["latest", "64-images", "best"], {"images": 64, **metadata}),
    ]


def test_a_resumed_run_goes_on_in_the_same_wandb_run(tiny: Compose, server: StandIn) -> None:
    words = (*MEASURED, "wandb.mode=online", "budget.images=96")
    crash_after(6, tiny(*words))
    first = only(server)
    assert first.exit_code == 1
    assert first.summary["reason"] == "OSError: the machine burns"
    run = ganlab.train(tiny(*words))
    received = only(server)
    assert [row["images"] for row in received.history] == [0, 16, 32, 48, 64, 80, 96]
    assert received.exit_code == 0
    assert received.summary["state"] == "finished"
    logged = {row["images"]: row.get("loss/d") for row in received.history}
    assert {
        line["images"]: line["loss/d"] for line in run.metrics if "loss/d" in line
    }.items() <= logged.items()


def test_offline_parts_are_merged_by_sync(
    tiny: Compose, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*MEASURED, "wandb.mode=offline", "wandb.log_model=true", "budget.images=96")
    crash_after(6, tiny(*words))
    time.sleep(1.1)  # parts are ordered by the second they were started in
    run = ganlab.train(tiny(*words))
    assert server.runs == {}
    assert len(list(run.path.glob("wandb/offline-run-*"))) == 2
    done = subprocess.run(
        [sys.executable, "-m", "ganlab", "sync", str(run.path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{run.path}: 2 parts uploaded\n"
    received = only(server)
    assert [row["images"] for row in received.history] == [0, 16, 32, 48, 64, 80, 96]
    assert received.summary["best/fid_digits"] == run.summary["best"]["fid_digits"]
    assert run.folder.sample_grid(96).read_bytes() in received.files.values()
    assert any(
        a["files"].get("model.ckpt") == run.folder.newest_checkpoint().read_bytes() for a in server.artifacts
    )
    assert sync(run.folder) == []
    assert server.unknown == []


def test_parts_of_a_run_that_was_killed_are_merged_and_no_row_comes_twice(
    tiny: Compose, server: StandIn, tmp_path: Path
) -> None:
    """SIGKILL leaves an incomplete record at the end of a part; without a checkpoint all rows are made again."""
    root, words = tmp_path / "runs", ["evaluation.every=64000", "wandb.mode=offline", "log.every=8"]
    command = [sys.executable, "-m", "ganlab", "train", *TINY, *words, f"run.root={root}"]
    folder, quiet = RunFolder(root / "tiny"), subprocess.DEVNULL
    with subprocess.Popen([*command, "budget.images=64000"], stdout=quiet, stderr=quiet) as process:
        while not any(part.stat().st_size > 1 << 15 for part in parts(folder)):  # written in blocks
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    last = last_step(parts(folder))
    assert last > 80
    end = last + 80
    done = subprocess.run([*command, f"budget.images={end}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(parts(folder)) == 2
    other = ganlab.train(tiny("wandb.mode=offline", "run.name=zz"))
    wandb.teardown()

    done = subprocess.run(
        [sys.executable, "-m", "ganlab", "sync", str(root)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder.path}: 2 parts uploaded\n{other.path}: 1 part uploaded\n"
    received = server.runs[(folder.path / "wandb_id").read_text()]
    assert [row["images"] for row in received.history] == list(range(0, end + 1, 8))
    assert received.exit_code == 0
    assert sync(folder) == []


def test_a_run_that_trains_is_not_uploaded(
    tiny: Compose, server: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came later would be missing, or all of it be there twice."""
    run = ganlab.train(tiny("wandb.mode=offline"))
    run.folder.write_summary(state="running")  # by this process, which lives
    assert cli.main(["sync", str(run.path)]) == 0
    assert capsys.readouterr().out == f"{run.path}: still running; it is uploaded when it has ended\n"
    assert server.runs == {}
    run.folder.write_summary(state="finished")
    assert cli.main(["sync", str(run.path)]) == 0
    assert [row["images"] for row in only(server).history] == [0, 16, 32, 48, 64]


def test_a_run_that_cannot_be_uploaded_holds_up_no_other(
    tiny: Compose, server: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = (ganlab.train(tiny("wandb.mode=offline", f"run.name={name}")) for name in ("a", "b"))
    (part,) = parts(bad.folder)
    part.write_bytes(b"no records of W&B at all" * 9)
    assert cli.main(["sync", str(bad.path), str(good.path)]) == 1
    out, err = capsys.readouterr()
    assert out == f"{good.path}: 1 part uploaded\n"
    assert f"ganlab: 1 of 1 parts of {bad.path} could not be uploaded: ERROR Failed to read" in err


def test_a_key_is_found_where_the_client_finds_it(
    tiny: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = tiny("wandb.mode=auto")
    monkeypatch.setenv("WANDB_BASE_URL", "http://wandb.example:8080")
    assert wandb_mode(cfg) == "offline"
    (tmp_path / "mine").write_text(f"machine wandb.example:8080 login user password {KEY}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "mine"))
    assert wandb_mode(cfg) == "online"
    (tmp_path / "mine").write_text(f"machine elsewhere login user password {KEY}\n")
    assert wandb_mode(cfg) == "offline"
    monkeypatch.setenv("WANDB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    assert wandb_mode(cfg) == "online"


def test_what_cannot_be_uploaded_is_said_and_kept(tiny: Compose, server: StandIn) -> None:
    run = ganlab.train(tiny("wandb.mode=offline"))
    server.status = 401
    with pytest.raises(GanlabError, match=r"1 of 1 parts of .*tiny could not be uploaded: ."):
        sync(run.folder)
    server.status = 200
    assert len(sync(run.folder)) == 1
    assert only(server).history[-1]["images"] == 64


@pytest.mark.parametrize("trouble", ["500", "401", "silent"])
def test_training_goes_on_when_the_server_does_not(
    tiny: Compose,
    server: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
) -> None:
    """From the middle of the run on, the server is broken, the key revoked, or nobody answers; sync repairs it."""
    breaks_at_48(monkeypatch, server, trouble)
    run = ganlab.train(tiny("wandb.mode=online", "wandb.finish_timeout=3"))
    assert run.summary["state"] == "finished"
    assert [line["images"] for line in run.metrics] == [16, 32, 48, 64]
    (warning,) = warnings(caplog)
    assert warning.startswith("W&B is off from here on: ")
    assert warning.endswith(f"ganlab sync {run.path})")
    server.status, server.silent = 200, False
    wandb.teardown()
    sync(run.folder)
    assert [row["images"] for row in only(server).history] == [0, 16, 32, 48, 64]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Ours; W&B writes its own to a file."""
    ours = [r for r in caplog.records if r.name.startswith("ganlab") and r.levelno >= logging.WARNING]
    return [record.getMessage() for record in ours]


def breaks_at_48(monkeypatch: pytest.MonkeyPatch, server: StandIn, trouble: str) -> None:
    real = Tracker.log

    def log(self: Tracker, values: dict, images: int) -> None:
        if images == 48:
            while not server.runs:
                time.sleep(0.01)
            if trouble == "killed":
                server.shutdown()
                server.server_close()
            elif trouble == "silent":
                server.silent = True
            else:
                server.status = int(trouble)
        real(self, values, images)

    monkeypatch.setattr(Tracker, "log", log)


def test_training_goes_on_when_the_server_is_killed(
    tiny: Compose, server: StandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    breaks_at_48(monkeypatch, server, "killed")
    run = ganlab.train(tiny("wandb.mode=online", "wandb.finish_timeout=3"))
    assert run.summary["state"] == "finished"
    assert len(run.metrics) == 4
    assert [w.partition(": ")[0] for w in warnings(caplog)] == ["W&B is off from here on"]
    wandb.teardown()
    with stand_in() as another:
        monkeypatch.setenv("WANDB_BASE_URL", another.url)
        assert len(sync(run.folder)) == 1
        assert [row["images"] for row in only(another).history] == [0, 16, 32, 48, 64]


def test_training_goes_on_when_wandb_has_no_disk(
    tiny: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """W&B's folder is on a disk of its own, of 40 kB."""
    small, cfg = tmp_path / "small", tiny("wandb.mode=offline", "budget.images=1600", "evaluation.every=800")
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", small], capture_output=True
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        folder = Path(cfg.run.root) / "tiny"
        folder.mkdir(parents=True)
        (folder / "wandb").symlink_to(small)
        run = ganlab.train(cfg)
        wandb.teardown()
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)
    assert run.summary["state"] == "finished"
    assert len(run.metrics) == 100
    (warning,) = warnings(caplog)
    assert "No space left on device" in warning
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("trouble", ["401", "gone"])
def test_a_server_that_is_not_there_makes_the_run_an_offline_one(
    tiny: Compose, server: StandIn, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    if trouble == "gone":
        server.shutdown()
        server.server_close()
    else:
        server.status = 401
    run = ganlab.train(tiny("wandb.mode=auto", "wandb.finish_timeout=3"))
    assert run.summary["state"] == "finished"
    assert len(list(run.path.glob("wandb/offline-run-*"))) == 1
    (warning,) = warnings(caplog)
    assert warning.startswith("W&B cannot be reached (")


def test_a_client_that_raises_is_dropped_with_one_warning(
    tiny: Compose, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def broken(self: wandb.Run, *arguments: object, **options: object) -> None:
        calls.append(options)
        raise ConnectionResetError("the socket is gone")

    monkeypatch.setattr(wandb.Run, "log", broken)
    run = ganlab.train(tiny("wandb.mode=offline"))
    assert run.summary["state"] == "finished"
    assert len(calls) == 1
    assert caplog.text.count("W&B is off from here on: the socket is gone") == 1


def test_without_a_key_a_run_is_offline_and_nothing_is_asked(tiny: Compose) -> None:
    run = ganlab.train(tiny("wandb.mode=auto"))
    identifier = (run.path / "wandb_id").read_text()
    (part,) = run.path.glob(f"wandb/offline-run-*-{identifier}")
    records = wandb_records(part)
    history = [record for record in records if record["type"] == "history"]
    assert len(history) == len({line["images"] for line in run.metrics} | {0, 32, 64})
    assert "loss/d" in json.dumps(history)


def test_a_sweeps_agent_chooses_the_id(
    tiny: Compose, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep0001")
    monkeypatch.setenv("WANDB_RUN_ID", "chosen")
    run = ganlab.train(tiny("wandb.mode=online", "budget.images=32"))
    assert list(server.runs) == ["chosen"]
    assert only(server).fields["sweep"] == "sweep0001"
    assert (run.path / "wandb_id").read_text() == "chosen"
    wandb.teardown()
    monkeypatch.delenv("WANDB_SWEEP_ID")
    monkeypatch.delenv("WANDB_RUN_ID")
    ganlab.train(tiny("wandb.mode=online"))  # requeued, without an agent
    assert list(server.runs) == ["chosen"]
    assert [row["images"] for row in only(server).history] == [0, 16, 32, 48, 64]


def test_a_full_queue_ends_the_tracking_and_not_the_training() -> None:
    reasons: list[str] = []
    stuck, calls = threading.Event(), []
    work = Background(reasons.append)
    work.ask(stuck.wait)
    for number in range(10_100):
        work.ask(calls.append, number)
    assert reasons == ["it has not taken anything of the last 10,000 messages"]
    stuck.set()
    work.close(5)
    assert calls == []
    assert len(reasons) == 1


def test_waiting_for_the_last_call_has_an_end() -> None:
    reasons: list[str] = []
    stuck = threading.Event()
    work = Background(reasons.append)
    work.ask(stuck.wait)
    started = time.monotonic()
    work.close(0.2)
    assert time.monotonic() - started < 2
    assert reasons == ["it did not take everything within 0 s"]
    stuck.set()


def test_calls_are_made_in_order_and_all_of_them() -> None:
    made: list[int] = []
    work = Background(pytest.fail)
    for number in range(500):
        work.ask(made.append, number)
    work.close(30)
    assert made == list(range(500))
