"""Manifests: what a delivery's sender says its files are, held against them before anything is loaded.

A manifest is an object <any name>.manifest.json in the folder of a table and day:

  {"files": {"part-1.parquet": {"rows": 150000, "sha256": "9f86…", "columns": {"id": "string", "amount": "int64"}}}}

A folder may have several; together they list every file of it. rows and sha256 are stated of each file, columns (names
and Arrow types, in any order) of Parquet files where the sender wants them held against the file's own schema. A folder
without a manifest is loaded as it is. A sender who would not have it loaded half puts the manifest down first as

  {"unfinished": "what makes it whole"}

and replaces it once every file is there: until then the folder is refused.

A folder is verified once in a batch: when one of its manifests, or one of its files, is not yet judged by another.
Bytes are hashed once for all, in deliveries.py; rows are counted while they are read.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from tieout.extract.deliveries import Chosen, Delivery, Taken, choose, last_judged
from tieout.extract.faults import (
    COLUMNS_DIFFER,
    FILE_MISSING,
    FILE_UNLISTED,
    HASH_DIFFERS,
    MANIFEST_UNREADABLE,
    NOT_AS_NAMED,
    ROWS_DIFFER,
    UNFINISHED,
    UnreadableFile,
)
from tieout.extract.readers import format_of

# A million files' entries; a larger manifest is a mistake.
LIMIT_BYTES = 256 * 1024 * 1024
_NAMED = 5
_REMEDY = "deliver the folder again as its manifest says, or put the manifest right"


def manifest_text(files: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a manifest; files: {name: {rows, sha256, columns if wanted}}."""
    return json.dumps({"files": {name: dict(files[name]) for name in sorted(files)}}, indent=1) + "\n"


def unfinished_text(remedy: str) -> str:
    """The text of a manifest that holds its folder back. remedy: what makes the delivery whole."""
    return json.dumps({"unfinished": remedy}) + "\n"


@dataclass(frozen=True)
class Listed:
    """What a manifest says of a file. columns: {name: Arrow type}, None where it does not say."""

    manifest: str
    rows: int
    sha256: str
    columns: Mapping[str, str] | None

    def check_hash(self, sha256: str | None) -> None:
        """Raises UnreadableFile unless the bytes are those that were sent."""
        if sha256 != self.sha256:
            raise UnreadableFile(
                HASH_DIFFERS, f"its sha256 is {sha256}, but {self.manifest} says {self.sha256}: {_REMEDY}"
            )

    def check_columns(self, schema: pa.Schema) -> None:
        """Raises UnreadableFile unless a Parquet file's columns and their types are those that were listed."""
        if self.columns is None:
            return
        found = {column.name: str(column.type) for column in schema}
        wrong = [
            f"{name}: listed {self.columns.get(name, 'nowhere')}, found {found.get(name, 'nowhere')}"
            for name in dict.fromkeys([*self.columns, *found])
            if self.columns.get(name) != found.get(name)
        ]
        if wrong:
            more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
            raise UnreadableFile(
                COLUMNS_DIFFER, f"{'; '.join(wrong[:_NAMED])}{more} (listed in {self.manifest}): {_REMEDY}"
            )

    def check_rows(self, found: int) -> None:
        """Raises UnreadableFile unless as many rows were found as were sent."""
        if found != self.rows:
            raise UnreadableFile(ROWS_DIFFER, f"it has {found} rows, but {self.manifest} says {self.rows}: {_REMEDY}")


@dataclass(frozen=True)
class Verified:
    """What the manifests of a table say. listed: by file; judged: the manifests that were read, with their hashes.

    wrong: {file: why} of what cannot be trusted: manifests that cannot be read, files that are listed and not there,
    there and not listed, or of other bytes than listed.
    """

    listed: dict[str, Listed] = field(default_factory=dict)
    judged: list[Chosen] = field(default_factory=list)
    wrong: dict[str, UnreadableFile] = field(default_factory=dict)


def verify(
    files: Sequence[Delivery], manifests: Sequence[Delivery], chosen: Sequence[Chosen], taken: Sequence[Taken]
) -> Verified:
    """Hold a table's folders against their manifests, as far as that is open.

    files, manifests: all of the table, of every folder. chosen: what `choose` made of the files. taken: what other
    batches hold or have judged.
    """
    # A manifest that another batch has judged is as settled as a file that it took.
    fresh = {c.delivery.file: c for c in choose(manifests, taken)}
    open_folders = {_folder(file) for file in fresh} | {_folder(c.delivery.file) for c in chosen}
    hashes = {t.file: t.sha256 for t in last_judged(taken).values()} | {c.delivery.file: c.sha256 for c in chosen}
    present: dict[str, list[Delivery]] = defaultdict(list)
    for file in files:
        present[_folder(file.file)].append(file)

    found = Verified()
    for folder, of_folder in _by_folder(manifests).items():
        if folder not in open_folders:
            continue
        listed: dict[str, Listed] = {}
        for manifest in of_folder:
            if manifest.file in fresh:
                found.judged.append(fresh[manifest.file])
            try:
                listed |= _read(manifest, listed)
            except UnreadableFile as error:
                found.wrong[manifest.file] = error
        found.listed.update(listed)
        if not any(_folder(file) == folder for file in found.wrong):
            _compare(folder, listed, present[folder], hashes, found.wrong)
    return found


def _compare(
    folder: str,
    listed: Mapping[str, Listed],
    present: Iterable[Delivery],
    hashes: Mapping[str, str | None],
    wrong: dict[str, UnreadableFile],
) -> None:
    there = {file.file: file for file in present}
    for file in sorted(listed.keys() - there.keys()):
        wrong[file] = UnreadableFile(
            FILE_MISSING,
            f"{listed[file].manifest} lists it, and it is not there: deliver it, or put the manifest right",
        )
    # What is no delivery of any table is not loaded, and need not be listed.
    for file in sorted(name for name in there.keys() - listed.keys() if not there[name].problem):
        wrong[file] = UnreadableFile(
            FILE_UNLISTED,
            f"it lies in {folder}, whose manifest does not list it: take it away, deliver it in a folder of another "
            "day, or list it",
        )
    for file in sorted(there.keys() & listed.keys()):
        try:
            if there[file].problem:
                raise UnreadableFile(NOT_AS_NAMED, f"{listed[file].manifest} lists it, but {there[file].problem}")
            listed[file].check_hash(hashes.get(file))
        except UnreadableFile as error:
            wrong[file] = error


def _by_folder(manifests: Sequence[Delivery]) -> dict[str, list[Delivery]]:
    folders: dict[str, list[Delivery]] = defaultdict(list)
    for manifest in manifests:
        folders[_folder(manifest.file)].append(manifest)
    return folders


def _folder(file: str) -> str:
    return file.rsplit("/", 1)[0] + "/"


def _read(manifest: Delivery, others: Mapping[str, Listed]) -> dict[str, Listed]:
    """What a manifest lists, by the files' keys. Raises UnreadableFile when it is none."""

    def unreadable(why: str) -> UnreadableFile:
        return UnreadableFile(MANIFEST_UNREADABLE, f"{why}: deliver it again as docs/landing.md shows, or take it away")

    if manifest.bytes > LIMIT_BYTES:
        raise unreadable(f"it has {manifest.bytes:,} bytes, more than {LIMIT_BYTES:,}")
    with manifest.open() as stream:
        data = stream.read()
    try:
        content = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise unreadable(f"it is no JSON ({error})") from error
    if isinstance(content, dict) and "unfinished" in content:
        raise UnreadableFile(
            UNFINISHED, f"its sender has not finished the folder, so nothing of it is loaded: {content['unfinished']}"
        )
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not files:
        raise unreadable("it has no object `files` with an entry a file")
    listed = {}
    for name, entry in files.items():
        file = _folder(manifest.file) + name
        if not name or "/" in name:
            raise unreadable(f"it lists {name!r}, which is no name of a file in its own folder")
        if file in others:
            raise unreadable(f"it lists {name}, and so does {others[file].manifest}")
        if problem := _problem(name, entry):
            raise unreadable(f"files.{name}: {problem}")
        columns = entry.get("columns")
        listed[file] = Listed(manifest.file, entry["rows"], entry["sha256"].lower(), columns)
    return listed


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("an object names a member twice")
    return found


def _problem(name: str, entry: Any) -> str | None:
    """What is wrong with a file's entry."""
    if not isinstance(entry, dict):
        return "expected an object with rows and sha256"
    if unknown := sorted(entry.keys() - {"rows", "sha256", "columns"}):
        return f"{unknown[0]!r} is none of rows, sha256, columns"
    if type(entry.get("rows")) is not int or entry["rows"] < 0:
        return "rows is no whole number"
    if not isinstance(entry.get("sha256"), str) or not re.fullmatch("[0-9a-fA-F]{64}", entry["sha256"]):
        return "sha256 is no 64 hexadecimal digits"
    columns = entry.get("columns")
    if columns is None:
        return None
    if (format_ := format_of(name)) is None or format_.kind != "parquet":
        return "columns are held against Parquet alone, whose files state their schema: leave them out"
    if not isinstance(columns, dict) or not all(isinstance(type_, str) for type_ in columns.values()):
        return "columns is no object of names and Arrow types"
    return None
