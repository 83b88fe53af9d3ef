"""``bot practitioners``: bring the directory in and out as a CSV file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.app import open_store
from bot.directory.files import read_file, write_file
from bot.directory.gazetteer import Gazetteer
from bot.directory.places import Places
from bot.directory.practitioner import Practitioner
from bot.directory.service import locate
from bot.settings import Settings
from bot.storage.practitioners import PractitionerStore


def import_file(settings: Settings, file: Path, *, dry_run: bool, replace_all: bool) -> int:
    """Import a file if every row of it is right; otherwise say what is wrong with each, and import nothing.

    Args:
        dry_run: only check.
        replace_all: also remove everybody who is not in the file.
    """
    try:
        content = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        print(f"{file} is not UTF-8; save it as 'CSV UTF-8'.", file=sys.stderr)
        return 1
    places = Places(Gazetteer.open(settings.cache_dir or settings.data_dir), country=settings.country)
    read = read_file(content, locate=lambda one: locate(places, one))
    for bad in read.bad:
        for problem in bad.problems:
            print(f"{file}, line {bad.line}: {problem}", file=sys.stderr)
    if read.bad:
        print(f"Nothing was imported: {len(read.bad)} rows cannot be used.", file=sys.stderr)
        return 1
    if not read.practitioners:
        print("Nothing was imported: the file has no entries.", file=sys.stderr)
        return 1
    if dry_run:
        print(f"{len(read.practitioners)} entries are right. Nothing was imported (--dry-run).")
        return 0

    async def work() -> int:
        async with open_store(settings) as store:
            entries = PractitionerStore(store.database, store.keyring)
            await entries.put(read.practitioners, replace_all=replace_all)
            return await entries.count()

    now_there = asyncio.run(work())
    print(f"Imported {len(read.practitioners)} entries; the directory has {now_there}.")
    return 0


def export_file(settings: Settings, file: Path | None) -> int:
    """Write the directory, contacts included, to a file or to the standard output."""

    async def work() -> list[Practitioner]:
        async with open_store(settings) as store:
            return await PractitionerStore(store.database, store.keyring).all()

    content = write_file(asyncio.run(work()))
    if file is None:
        sys.stdout.write(content)
        return 0
    # Contacts are in it: for nobody else's eyes.
    file.touch(mode=0o600)
    file.write_text(content, encoding="utf-8")
    print(f"Wrote {content.count(chr(10)) - 1} entries to {file}.")
    return 0
