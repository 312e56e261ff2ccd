# SPDX-License-Identifier: Apache-2.0
"""Backups of the embedded store: made under load, interrupted, restored; and how the service reports a damaged store when it starts."""
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from support.faults import PATIENCE, Importers
from support.http import csv_rows
from support.ports import wait_until
from support.service import BINARY, Service

pytestmark = pytest.mark.embedded
PAGE = 8192
ROWS = 20_000


def command(service, *words, **options):
    env = {key: value for key, value in service.env.items() if key != "STORE_TIMEOUT_MS"}
    return subprocess.Popen([BINARY, *map(str, words)], env=env, cwd=service.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, **options)


def run(service, *words):
    """Run the command and return its answer, parsed. It must print nothing else."""
    process = command(service, *words)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, ""), err
    return json.loads(out)


def refusal(service, *words):
    process = command(service, *words)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, ""), (out, err)
    assert len(err.splitlines()) == 1, err
    return err


def emails(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:  # a connection left open counts as a user of the store
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        return [row[0] for row in db.execute("SELECT email FROM crm_prospects")]


def overwrite_rows(path, data):
    """Overwrite one page of prospects with `data`. Look the page up: a page from the middle may be free, and then damage is not an error."""
    with closing(sqlite3.connect(path)) as db:
        page, = db.execute("SELECT min(pageno) FROM dbstat WHERE name = 'crm_prospects' AND pagetype = 'leaf'").fetchone()
    whole = path.read_bytes()
    path.write_bytes(whole[:(page - 1) * PAGE] + data + whole[page * PAGE:])


def stopped_in_the_middle(service, file):
    """A backup process, stopped (SIGSTOP) after it has written a part of the copy. If one ends before we can stop it, start another."""
    partial = file.with_name(file.name + ".partial")

    def some_is_written():
        try:
            return partial.stat().st_size > PAGE * 256
        except FileNotFoundError:
            return False

    def caught():
        process = command(service, "backup", file)
        wait_until("the backup copies", lambda: process.poll() is not None or some_is_written(), interval=0.001)
        process.send_signal(signal.SIGSTOP)
        wait_until("the backup is stopped", lambda: process.poll() is not None or state(process.pid) == "T", interval=0.001)
        if process.poll() is None and some_is_written():
            return process
        process.send_signal(signal.SIGCONT)
        said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
        return None
    return wait_until("a backup stopped in the middle", caught)


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def names(service):
    return {path.name for path in service.data_dir.iterdir() if path.name.startswith("ingest.db")}


@pytest.fixture(scope="session")
def many_rows(tmp_path_factory):
    """A store with enough rows that a copy takes some time: (file, organisation). Made once per pytest process."""
    service = Service(tmp_path_factory.mktemp("filled")).start()
    owner = service.organisation()
    assert service.client(owner).import_csv(csv_rows(ROWS, tag="old")).status == 200
    service.settled("all of its jobs done", lambda m: m.total("prospects_total", action="researched") == ROWS)
    service.close()
    return service.data_dir / "ingest.db", owner


@pytest.fixture
def filled(make_service, many_rows):
    service = make_service(started=False, STORE_TIMEOUT_MS=60000)  # a busy disk must not fail a request
    file, service.owner = many_rows
    shutil.copy(file, service.data_dir)
    return service.start()


def test_a_copy_made_under_load_has_all_acknowledged_rows(filled, make_service, tmp_path):
    file = tmp_path / "copy.db"
    load = Importers(filled, filled.owner, workers=4, rows=5, tag="load")
    load.wait_for(500)
    with load._lock:
        before = set(load.acknowledged)
    backup = stopped_in_the_middle(filled, file)
    meanwhile = len(load.acknowledged)
    load.wait_for(meanwhile + 100)  # the service does not wait for the backup
    backup.send_signal(signal.SIGCONT)
    made, err = backup.communicate(timeout=PATIENCE)
    assert (backup.returncode, err) == (0, ""), err
    made, meanwhile = json.loads(made), len(load.acknowledged) - len(before)
    load.stop()
    assert load.refused == load.unanswered == 0
    assert made | {"seconds": 0} == {"file": str(file), "bytes": file.stat().st_size, "schema_version": made["schema_version"],
                                     "organisations": 1, "seconds": 0}
    assert file.stat().st_mode & 0o777 == 0o600 and [p.name for p in tmp_path.iterdir() if p.name.startswith("copy")] == ["copy.db"]
    there = emails(file)
    assert len(there) == len(set(there)) and before <= set(there), "a row that was acknowledged before the backup is missing"
    assert set(Counter(e.split(".")[0] for e in there if e.startswith("load")).values()) == {5}, "an import is in the copy only in part"
    print(f"copy: {len(there)} rows, {len(before)} of the load acknowledged before, {meanwhile} more meanwhile, {made['seconds']:.2f} s")

    # Restored in another place, the copy is the same store and can be used.
    other = make_service(started=False)
    assert run(other, "restore", file) | {"schema_version": 0} == {
        "store": str(other.data_dir / "ingest.db"), "bytes": file.stat().st_size, "schema_version": 0, "organisations": 1, "replaced": None}
    other.start()
    client = other.client(filled.owner)
    assert client.import_csv(csv_rows(3, tag="new")).json()["imported"] == 3
    assert sorted(p["email"] for p in client.prospects() if not p["email"].startswith("new")) == sorted(there)


def test_backup_refuses_to_overwrite(filled, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("not a database")
    assert "exists and is not a backup" in refusal(filled, "backup", precious)
    assert precious.read_text() == "not a database"
    assert "is the database itself" in refusal(filled, "backup", filled.data_dir / "ingest.db")
    assert "No such file" in refusal(filled, "backup", tmp_path / "nowhere/copy.db")
    filled.env["DATA_DIR"] = tmp_path / "elsewhere"
    assert "no database" in refusal(filled, "backup", tmp_path / "copy.db")
    filled.env["STORE"] = "postgres://somebody@127.0.0.1/nothing"
    for words in (("backup", precious), ("restore", precious)):
        assert "pg_dump" in refusal(filled, *words)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_backup_keeps_the_old_one(filled, tmp_path, how):
    file, partial = tmp_path / "copy.db", tmp_path / "copy.db.partial"
    run(filled, "backup", file)
    before = file.read_bytes()

    def cut_off():
        """A backup that gets SIGTERM after its last slice succeeds. A killed one never does."""
        nonlocal before
        process = stopped_in_the_middle(filled, file)
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=PATIENCE)
        assert process.returncode != 0 or how != signal.SIGKILL
        assert file.read_bytes() == before or process.returncode == 0
        assert partial.exists() == (how == signal.SIGKILL)
        before = file.read_bytes()
        return process.returncode != 0
    for _ in range(2):  # the second run finds the .partial file of the first
        wait_until("an interrupted backup", cut_off)
    run(filled, "backup", file)
    assert len(emails(file)) == ROWS and not partial.exists()


def test_two_backups_at_once(filled, tmp_path):
    first, second = (command(filled, "backup", tmp_path / "copy.db") for _ in range(2))
    said = [process.communicate(timeout=PATIENCE) for process in (first, second)]
    assert 0 in (first.returncode, second.returncode), said
    for process, (_, err) in zip((first, second), said):
        assert process.returncode == 0 or "is being written by another process" in err
    assert len(emails(tmp_path / "copy.db")) == ROWS


def test_a_restore_replaces_data_only_with_replace(filled, tmp_path, make_service):
    file, store = tmp_path / "copy.db", filled.data_dir / "ingest.db"
    run(filled, "backup", file)
    client = filled.client(filled.owner)
    assert client.import_csv(csv_rows(1, tag="late")).status == 200
    for words in ((), ("--replace",)):
        assert "is in use: stop every ingest-api that uses it first" in refusal(filled, "restore", *words, file)
    assert client.import_csv(csv_rows(1, tag="later")).status == 200
    filled.kill()  # the last commit is only in the WAL
    assert "--replace moves it aside" in refusal(filled, "restore", file)
    assert "is the database itself" in refusal(filled, "restore", "--replace", store)
    done = run(filled, "restore", "--replace", file)
    assert len(emails(store)) == ROWS
    assert len(emails(done["replaced"])) == ROWS + 2, "the old database was not kept together with its WAL"
    filled.start()
    assert len(filled.client(filled.owner).prospects()) == ROWS
    # A store without data is replaced without --replace.
    fresh = make_service()
    fresh.stop()
    run(fresh, "restore", file)
    fresh.start()
    assert len(fresh.client(filled.owner).prospects()) == ROWS


def test_restore_refuses_invalid_backups(filled, tmp_path):
    file, store = tmp_path / "copy.db", filled.data_dir / "ingest.db"
    run(filled, "backup", file)
    filled.stop()
    good, before = file.read_bytes(), store.read_bytes()

    def refused(data, words):
        file.write_bytes(data)
        assert words in refusal(filled, "restore", "--replace", file)
        assert store.read_bytes() == before and names(filled) <= {"ingest.db", "ingest.db-wal", "ingest.db-shm"}
    refused(b"", "is not a backup")
    refused(b"not a database\n" * 1000, "not a database")
    refused(good[:-PAGE * 10], "malformed")
    file.write_bytes(good)
    overwrite_rows(file, bytes(PAGE))
    refused(file.read_bytes(), "is damaged")
    refused(good[:len(good) // 3], "")
    file.write_bytes(good)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE tracking_schema_migrations SET version = 9999 WHERE version = 1")
    refused(file.read_bytes(), "use a newer ingest-api")
    file.unlink()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE somebody_elses (a)")
    refused(file.read_bytes(), "is not a database of ingest-api")
    assert "No such file" in refusal(filled, "restore", tmp_path / "nowhere")


def test_a_killed_restore_never_leaves_a_partial_store(filled, tmp_path):
    """Whenever it is killed: the old store is whole, or the new store is whole, or the service does not start until the restore is repeated."""
    file, store, random_ = tmp_path / "copy.db", filled.data_dir / "ingest.db", random.Random(7)
    run(filled, "backup", file)
    assert filled.client(filled.owner).import_csv(csv_rows(1, tag="late")).status == 200
    filled.kill()
    begin = time.monotonic()
    run(filled, "restore", "--replace", file)
    takes, seen = time.monotonic() - begin, Counter()
    for at in range(6):
        for path in filled.data_dir.glob("ingest.db.replaced-*"):
            path.unlink()
        filled.start()
        assert filled.client(filled.owner).import_csv(csv_rows(1, tag="late")).status == 200
        filled.kill()
        process = command(filled, "restore", "--replace", file)
        if at % 2:
            while process.poll() is None and not any("replaced" in name and not name.endswith("-wal") for name in names(filled)):
                pass  # try to kill it between the two renames
        else:
            time.sleep(random_.uniform(0, takes) if at else 0)
        process.kill()
        process.communicate(timeout=PATIENCE)
        if store.exists():
            rows = len(emails(store))
            assert rows in (ROWS, ROWS + 1)
            seen[rows] += 1
        else:
            assert (filled.data_dir / "ingest.db.restoring").exists()
            seen["none"] += 1
            second = int(time.time())
            wait_until("the next second: it is part of the name of the replaced store", lambda: int(time.time()) > second)
            run(filled, "restore", file)
    assert len(seen) > 1, seen


@pytest.mark.parametrize("with_log", [True, False])
def test_no_start_after_an_interrupted_restore(filled, tmp_path, with_log):
    """The two states that a kill leaves only at an exact moment."""
    store, file = filled.data_dir / "ingest.db", tmp_path / "copy.db"
    run(filled, "backup", file)
    filled.kill()
    shutil.copy(file, filled.data_dir / "ingest.db.restoring")
    store.rename(filled.data_dir / "ingest.db.replaced-20260101T000000Z")
    if not with_log:
        (filled.data_dir / "ingest.db-wal").rename(filled.data_dir / "ingest.db.replaced-20260101T000000Z-wal")
    assert "a restore to it was interrupted: run ingest-api restore again" in does_not_start(filled)
    run(filled, "restore", file)
    filled.start()
    assert len(filled.client(filled.owner).prospects()) == ROWS


# ---- what the service reports when it starts ----


def does_not_start(service):
    """Assert that the service does not start and changes no file. Return its error text."""
    def files():
        """What is in the files. An empty one says nothing, and may come or go."""
        contents = {name: (service.data_dir / name).read_bytes() for name in names(service) if not name.endswith("-shm")}
        return {name: content for name, content in contents.items() if content}
    before = files()
    done = subprocess.run([BINARY], env={k: str(v) for k, v in service.env.items()}, cwd=service.directory, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 1, done
    said = [line for line in map(json.loads, done.stdout.splitlines()) if line["msg"] == "cannot open the store"]
    assert len(said) == 1, done
    assert files() == before
    return said[0]["error"]


def test_an_empty_file_where_a_database_was(filled):
    filled.stop()
    (filled.data_dir / "ingest.db").write_bytes(b"")
    said = does_not_start(filled)
    assert "is empty: the database is lost" in said and "ingest-api restore FILE" in said
    assert (filled.data_dir / "ingest.db").stat().st_size == 0


def test_a_wal_without_its_database(filled):
    filled.kill()
    (filled.data_dir / "ingest.db").rename(filled.data_dir / "elsewhere")
    assert "is missing, but its log (-wal) exists" in does_not_start(filled)
    (filled.data_dir / "elsewhere").rename(filled.data_dir / "ingest.db")
    filled.start()
    assert len(filled.client(filled.owner).prospects()) == ROWS


def test_a_truncated_or_invalid_database(filled):
    filled.stop()
    store = filled.data_dir / "ingest.db"
    whole = store.read_bytes()
    for damaged in (whole[:len(whole) // 2], b"\xff" * PAGE + whole[PAGE:]):
        store.write_bytes(damaged)
        said = does_not_start(filled)
        assert str(store) in said and "the database is damaged" in said and "ingest-api restore --replace FILE" in said


def test_a_damaged_wal_is_reported_and_can_be_replaced(make_service, tmp_path):
    """The WAL has twenty imports; one bit is flipped before the last ten. SQLite itself would silently drop these."""
    service = make_service(ROLE="api")  # no jobs: so few pages are written that SQLite does not restart the WAL
    organisation = service.organisation()
    client = service.client(organisation)
    log, sizes = service.data_dir / "ingest.db-wal", []
    for i in range(20):
        assert client.import_csv(csv_rows(3, tag=f"n{i:02}")).status == 200
        sizes.append(log.stat().st_size)
    service.kill()
    whole = log.read_bytes()
    at = sizes[9] - PAGE // 2
    log.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
    said = does_not_start(service)
    assert "is damaged at frame" in said and "later commits cannot be read. Nothing was changed." in said
    assert log.stat().st_size == len(whole)
    # As the message says: back up what can be read and restore that.
    run(service, "backup", tmp_path / "copy.db")
    assert log.stat().st_size == len(whole)
    replaced = run(service, "restore", "--replace", tmp_path / "copy.db")["replaced"]
    assert (service.data_dir / f"{replaced}-wal").stat().st_size == len(whole)
    service.start()
    there = {p["email"].split(".")[0] for p in service.client(organisation).prospects()}
    assert {f"n{i:02}" for i in range(8)} <= there and f"n{19}" not in there


@pytest.mark.parametrize("cut", ["in the last commit", "garbage behind the last commit"])
def test_a_power_cut_is_not_reported_as_damage(make_service, cut):
    service = make_service(ROLE="api")
    organisation = service.organisation()
    client = service.client(organisation)
    log = service.data_dir / "ingest.db-wal"
    for i in range(5):
        assert client.import_csv(csv_rows(3, tag=f"n{i}")).status == 200
    service.kill()
    whole = log.read_bytes()
    log.write_bytes(whole[:-100] if cut == "in the last commit" else whole + bytes(random.Random(1).randbytes(5 * PAGE)))
    service.start()
    assert len(service.client(organisation).prospects()) in (12, 15)


# ---- /health/ready ----


def health(service):
    return service.client().get("/health/ready").status


def test_a_damaged_page_is_found_after_the_start(filled):
    """No request reads the page: the service checks the whole database by itself."""
    filled.errors_allowed = True
    filled.stop()
    overwrite_rows(filled.data_dir / "ingest.db", b"\x77" * PAGE)
    filled.launch()
    wait_until("the damage is found", lambda: any(line["msg"].startswith("the database is damaged") for line in filled.log_lines()))
    wait_until("/health/ready says so", lambda: health(filled) == 503)
    assert filled.client().get("/health").json()["checks"]["store"] == "error"
    assert filled.client().get("/health/live").status == 200


def test_a_missing_table_makes_health_fail(service):
    """Remove each table in turn. This fails for a new table that is not in the list of store/check.c."""
    service.errors_allowed = True
    store = service.data_dir / "ingest.db"

    def rename(old, new):
        with sqlite3.connect(store, timeout=PATIENCE) as db:
            db.execute(f"ALTER TABLE {old} RENAME TO {new}")
    with sqlite3.connect(store, timeout=PATIENCE) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    assert len(tables) > 10
    for table in tables:
        rename(table, "away")
        wait_until(f"/health/ready says so without {table}", lambda: health(service) == 503)
        rename("away", table)
        wait_until(f"/health/ready is 200 again with {table}", lambda: health(service) == 200)


# ---- PostgreSQL: its own tools ----


def test_postgres_is_dumped_under_load_and_restored(make_service, postgres_server, tmp_path):
    """The commands of docs/service/reliability.md."""
    url = postgres_server.database()
    service = make_service(STORE=url)
    organisation = service.organisation()
    load = Importers(service, organisation, workers=2, rows=5, pause=0.005, tag="load")
    load.wait_for(200)
    with load._lock:
        before = set(load.acknowledged)
    name, file = url.rsplit("/", 1)[1], tmp_path / "copy.dump"
    tool(postgres_server, "pg_dump", "--format=custom", f"--file={file}", name)
    load.stop()
    assert load.refused == load.unanswered == 0
    other = postgres_server.database()
    tool(postgres_server, "pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={other.rsplit('/', 1)[1]}", file)
    restored = make_service(STORE=other)
    there = [p["email"] for p in restored.client(organisation).prospects()]
    assert len(there) == len(set(there)) and before <= set(there)
    assert set(Counter(e.split(".")[0] for e in there).values()) == {5}
    assert restored.client(organisation).import_csv(csv_rows(3, tag="new")).json()["imported"] == 3
    # The dump includes row-level security: without an organisation, the service's role sees no rows.
    assert postgres_server.sql("SELECT count(*) FROM crm.prospects", other.rsplit("/", 1)[1], user="ingest") == "0"
    assert int(postgres_server.sql("SELECT count(*) FROM crm.prospects", other.rsplit("/", 1)[1])) > len(there)


def tool(server, program, *words):
    done = server._client(program, "-U", "postgres", *map(str, words))
    assert done.returncode == 0, done
