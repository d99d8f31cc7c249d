"""Creating blackboxes and filling them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
import uuid
from collections import Counter

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import OperationalError

from bt_gex.blackbox import schema, writer
from bt_gex.errors import BadValue, OutputError

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
QUOTE = ("2026-01-12 14:36:11", "SPX", 6975.0, "put", 30.8, 31.3, 31.05, None, 12, 345)
DUPLICATE = ("2026-01-12 14:36:11", "SPX", 6975.0, "put", None, 31.3, None, None, None, None)
CONTEXT = ("2026-01-12 15:00:21", "SPX", 6962.16, 14.62, 694.1, None)
COMPETING = ("2026-01-12 14:35:11", "NDX", True, 25640.0, 2.13e9, 25740.0, 1.94e9, 0.928, 25690.0)


def fill(engine):
    with engine.begin() as connection:
        assert writer.insert(connection, schema.quotes, [QUOTE, DUPLICATE]) == 2
        assert writer.insert(connection, schema.context, iter([CONTEXT])) == 1
        assert writer.insert(connection, schema.competing, [COMPETING]) == 1
        assert writer.insert(connection, schema.peaks, []) == 0


def rows_of(engine, table):
    with engine.connect() as connection:
        return [tuple(row)[1:] for row in connection.execute(select(table).order_by(table.c.id))]


class WriterContract:
    """What holds for every database."""

    @pytest.fixture
    def engine(self):
        raise NotImplementedError

    def test_rows_come_back(self, engine):
        fill(engine)
        assert [row[1:] for row in rows_of(engine, schema.quotes)] == [QUOTE[1:], DUPLICATE[1:]]
        assert [row[1:] for row in rows_of(engine, schema.context)] == [CONTEXT[1:]]
        assert [row[1:] for row in rows_of(engine, schema.competing)] == [COMPETING[1:]]
        assert rows_of(engine, schema.peaks) == []

    def test_a_timestamp_stays_the_same_instant(self, engine):
        fill(engine)
        (row,) = rows_of(engine, schema.context)
        assert str(row[0]) == "2026-01-12 15:00:21"

    def test_ids_count_up_in_the_order_written(self, engine):
        fill(engine)
        with engine.connect() as connection:
            ids = connection.execute(select(schema.quotes.c.id)).scalars().all()
        assert ids == [1, 2]

    def test_an_error_leaves_nothing_of_its_transaction(self, engine):
        def fail():
            with engine.begin() as connection:
                writer.insert(connection, schema.quotes, [QUOTE])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert rows_of(engine, schema.quotes) == []


class TestSqlite(WriterContract):
    @pytest.fixture
    def engine(self, tmp_path):
        engine = writer.create(tmp_path / "a ?#%.db")
        yield engine
        engine.dispose()

    def test_creating_again_keeps_the_rows(self, engine):
        fill(engine)
        again = writer.create(engine.url.database)
        assert len(rows_of(again, schema.quotes)) == 2
        again.dispose()


class TestPostgres(WriterContract):
    @pytest.fixture
    def engine(self):
        name = f"bt_gex_{uuid.uuid4().hex}"
        admin = create_engine(POSTGRES, connect_args={"connect_timeout": 3})
        try:
            with admin.begin() as connection:
                connection.execute(text(f"CREATE SCHEMA {name}"))
        except OperationalError:
            admin.dispose()
            pytest.skip(f"no PostgreSQL at {POSTGRES}")
        engine = writer.create(f"{POSTGRES}?options=-csearch_path%3D{name}")
        yield engine
        engine.dispose()
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        admin.dispose()

    def test_ten_thousand_rows(self, engine):
        with engine.begin() as connection:
            writer.insert(connection, schema.quotes, [QUOTE] * 10_000)
            count = connection.scalar(select(func.count()).select_from(schema.quotes))
        assert count == 10_000


class TestNewFile:
    def test_it_is_one_plain_sqlite_file_with_the_recorders_tables_and_indexes(self, tmp_path):
        out = tmp_path / "out.db"
        with writer.new_file(out) as engine:
            fill(engine)
        assert os.listdir(tmp_path) == ["out.db"]
        with sqlite3.connect(out) as database:
            kinds = dict(database.execute("SELECT name, type FROM sqlite_master"))
            assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            stored = database.execute("SELECT * FROM options_prices_live").fetchall()
        database.close()
        named = Counter(
            kind for name, kind in kinds.items() if not name.startswith("sqlite_")
        )  # the indexes of UNIQUE constraints have names of SQLite's own
        assert named == {"table": 5, "index": 6}
        assert kinds["idx_prices_time"] == "index"
        assert stored == [(1, *QUOTE), (2, *DUPLICATE)]

    def test_it_has_the_schema_that_create_makes(self, tmp_path):
        def ddl(path):
            with sqlite3.connect(path) as database:
                found = set(database.execute("SELECT type, name, sql FROM sqlite_master"))
            database.close()
            return found

        with writer.new_file(tmp_path / "a.db"):
            pass
        writer.create(tmp_path / "b.db").dispose()
        assert ddl(tmp_path / "a.db") == ddl(tmp_path / "b.db")

    def test_nothing_is_there_before_the_end(self, tmp_path):
        with writer.new_file(tmp_path / "out.db"):
            assert not (tmp_path / "out.db").exists()

    @pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
    def test_an_error_leaves_no_file(self, tmp_path, error):
        def fail():
            with writer.new_file(tmp_path / "out.db") as engine:
                fill(engine)
                raise error

        with pytest.raises(error):
            fail()
        assert os.listdir(tmp_path) == []

    def test_an_existing_file_is_refused_and_untouched(self, tmp_path):
        out = tmp_path / "out.db"
        out.write_bytes(b"precious")
        with pytest.raises(OutputError, match="exists already"), writer.new_file(out):
            pass
        assert out.read_bytes() == b"precious"

    def test_a_file_that_appears_meanwhile_is_not_overwritten(self, tmp_path):
        out = tmp_path / "out.db"
        with pytest.raises(OutputError, match="exists already"), writer.new_file(out):
            out.write_bytes(b"precious")
        assert out.read_bytes() == b"precious"
        assert os.listdir(tmp_path) == ["out.db"]

    def test_force_replaces_the_whole_file(self, tmp_path):
        out = tmp_path / "out.db"
        with writer.new_file(out) as engine:
            fill(engine)
        with writer.new_file(out, force=True):
            assert out.stat().st_size > 0
        engine = create_engine(f"sqlite:///{out}")
        assert rows_of(engine, schema.quotes) == []
        engine.dispose()

    def test_force_and_an_error_keep_the_old_file(self, tmp_path):
        out = tmp_path / "out.db"
        out.write_bytes(b"precious")
        with pytest.raises(ZeroDivisionError), writer.new_file(out, force=True):
            raise ZeroDivisionError
        assert out.read_bytes() == b"precious"

    @pytest.mark.parametrize("suffix", ["-wal", "-journal"])
    def test_a_journal_of_another_database_is_not_inherited(self, tmp_path, suffix):
        (tmp_path / f"out.db{suffix}").write_bytes(b"frames")
        with pytest.raises(OutputError, match="in use"), writer.new_file(tmp_path / "out.db"):
            pass

    def test_a_link_keeps_pointing_at_its_file(self, tmp_path):
        (tmp_path / "disk").mkdir()
        link = tmp_path / "out.db"
        link.symlink_to(tmp_path / "disk" / "real.db")
        with writer.new_file(link):
            pass
        assert link.is_symlink()
        assert (tmp_path / "disk" / "real.db").stat().st_size > 0

    def test_a_missing_folder(self, tmp_path):
        out = tmp_path / "nowhere" / "out.db"
        with pytest.raises(OutputError, match="No such file or directory"), writer.new_file(out):
            pass

    def test_a_folder_in_place_of_the_file(self, tmp_path):
        with pytest.raises(OutputError, match="is a folder"), writer.new_file(tmp_path):
            pass

    def test_a_file_in_place_of_the_folder(self, tmp_path):
        (tmp_path / "file").touch()
        out = tmp_path / "file" / "out.db"
        with pytest.raises(OutputError, match="cannot be written"), writer.new_file(out):
            pass

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_an_unwritable_folder(self, tmp_path):
        tmp_path.chmod(0o500)
        out = tmp_path / "out.db"
        with pytest.raises(OutputError, match="Permission denied"), writer.new_file(out):
            pass

    def test_a_full_disk_is_one_line_and_leaves_nothing(self, tmp_path):
        program = textwrap.dedent(
            """
            import resource, signal, sys
            from bt_gex.blackbox import schema, writer
            from bt_gex.errors import OutputError
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            row = ("2026-01-12 14:36:11", "SPX", 6975.0, "put", 30.8, 31.3, 31.05, None, 1, 2)
            try:
                with writer.new_file(sys.argv[1]) as e, writer.writing(e) as connection:
                    writer.insert(connection, schema.quotes, [row] * 10_000)
            except OutputError as error:
                print(error)
            """
        )
        command = [sys.executable, "-c", program, str(tmp_path / "out.db")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "out.db" in done.stdout
        assert "cannot be written: " in done.stdout
        assert len(done.stdout.splitlines()) == 1
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("nonsense://", BadValue, "not a database URL"),
        ("postgresql+psycopg://nobody:secret@127.0.0.1:1/x", OutputError, "cannot be written"),
        ("/nowhere/at/all/out.db", OutputError, "cannot be written"),
    ],
)
def test_a_database_that_cannot_be_made_says_so_without_a_password(target, error, message):
    with pytest.raises(error, match=message) as caught:
        writer.create(target)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
