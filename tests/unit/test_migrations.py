from pathlib import Path

import pytest

from tieout.migrations import Migration, MigrationError, read_migrations, unapplied


def _write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / f"{name}.sql").write_text(text)


def _files(*names: str) -> list[Migration]:
    return [Migration(name, f"select '{name}'", f"sum of {name}") for name in names]


def _record(*names: str) -> dict[str, str]:
    return {name: f"sum of {name}" for name in names}


class TestReading:
    def test_files_are_read_in_the_order_of_their_numbers(self, tmp_path: Path) -> None:
        _write(tmp_path, **{"0002_b": "select 2", "0001_z": "select 1"})
        assert [m.name for m in read_migrations(tmp_path)] == ["0001_z.sql", "0002_b.sql"]

    def test_the_checksum_is_of_the_text_not_of_its_line_ends(self, tmp_path: Path) -> None:
        (tmp_path / "0001_a.sql").write_bytes(b"select 1;\nselect 2;\n")
        unix = read_migrations(tmp_path)[0].checksum
        (tmp_path / "0001_a.sql").write_bytes(b"select 1;\r\nselect 2;\r\n")
        assert read_migrations(tmp_path)[0].checksum == unix

    @pytest.mark.parametrize(
        ("names", "wanted"),
        [
            pytest.param(["0001_a", "0003_c"], "0002_<what_it_does>.sql", id="gap"),
            pytest.param(["0001_a", "0001_b"], "0002_<what_it_does>.sql", id="repetition"),
            pytest.param(["1_a"], "0001_<what_it_does>.sql", id="short number"),
            pytest.param(["0001-a"], "0001_<what_it_does>.sql", id="dash"),
            pytest.param(["0001_A"], "0001_<what_it_does>.sql", id="upper case"),
            pytest.param(["0000_a"], "0001_<what_it_does>.sql", id="from zero"),
        ],
    )
    def test_a_wrong_name_is_refused_with_the_right_one(self, tmp_path: Path, names: list[str], wanted: str) -> None:
        _write(tmp_path, **dict.fromkeys(names, "select 1"))
        with pytest.raises(MigrationError, match=wanted):
            read_migrations(tmp_path)

    @pytest.mark.parametrize("statement", ["begin;", "COMMIT;", "  rollback ;", "start transaction;"])
    def test_a_file_that_controls_its_transaction_is_refused(self, tmp_path: Path, statement: str) -> None:
        _write(tmp_path, **{"0001_a": f"create table t (i int);\n{statement}\n"})
        with pytest.raises(MigrationError, match=r"0001_a\.sql controls the transaction itself"):
            read_migrations(tmp_path)

    def test_the_begin_of_a_function_is_none(self, tmp_path: Path) -> None:
        _write(tmp_path, **{"0001_a": "create function f() ... as $$\nbegin\n  return null;\nend\n$$;"})
        assert len(read_migrations(tmp_path)) == 1

    def test_an_empty_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(MigrationError, match="holds no migration"):
            read_migrations(tmp_path)


class TestWhatIsPending:
    def test_what_follows_the_record(self) -> None:
        files = _files("0001_a.sql", "0002_b.sql", "0003_c.sql")
        assert unapplied(files, _record("0001_a.sql")) == files[1:]
        assert unapplied(files, {}) == files
        assert unapplied(files, _record("0001_a.sql", "0002_b.sql", "0003_c.sql")) == []

    @pytest.mark.parametrize(
        ("record", "message"),
        [
            pytest.param({"0001_a.sql": "other"}, "0001_a.sql was changed after", id="changed"),
            pytest.param(_record("0001_a.sql", "0009_x.sql"), "0009_x.sql, which is not among", id="removed"),
            pytest.param(_record("0002_b.sql"), "0001_a.sql comes before 0002_b.sql", id="slipped in"),
        ],
    )
    def test_another_history_is_refused(self, record: dict[str, str], message: str) -> None:
        with pytest.raises(MigrationError, match=message):
            unapplied(_files("0001_a.sql", "0002_b.sql"), record)
