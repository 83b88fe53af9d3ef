"""The command ``bot``: run · train · chat · evaluate · practitioners · staff · lint · purge."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.settings import SettingError, Settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bot",
        description="The support assistant. Settings come from the environment (BOT_*): see docs/operations.md.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", help="serve the web chat, training the model first if its data are new")
    train = commands.add_parser("train", help="train the model for the present data")
    train.add_argument("--if-needed", action="store_true", help="only when no model fits the data")
    commands.add_parser("chat", help="talk to the assistant in the terminal; nothing is stored")
    evaluate = commands.add_parser("evaluate", help="measure how well topics are recognised")
    evaluate.add_argument(
        "file", type=Path, help="lines of ACCEPTED<TAB>UTTERANCE; several accepted topics joined by |"
    )
    evaluate.add_argument("--output", type=Path, help="write one JSON object a line here, with what was answered")
    practitioners = commands.add_parser(
        "practitioners", help="bring the directory of coaches and physiotherapists in and out"
    )
    doing = practitioners.add_subparsers(dest="doing", required=True, metavar="DOING")
    bring_in = doing.add_parser("import", help="import a CSV file, all of it or nothing")
    bring_in.add_argument("file", type=Path)
    bring_in.add_argument("--dry-run", action="store_true", help="only check, and say what is wrong by line")
    bring_in.add_argument("--replace", action="store_true", help="also remove everybody who is not in the file")
    bring_out = doing.add_parser("export", help="write the directory as a CSV file, contacts included")
    bring_out.add_argument("file", type=Path, nargs="?", help="where to; the standard output by default")
    staff = commands.add_parser("staff", help="accounts of the staff desk")
    doing = staff.add_subparsers(dest="doing", required=True, metavar="DOING")
    add = doing.add_parser("add", help="print an invitation link for a new account")
    add.add_argument("email")
    add.add_argument("--name", default="", help="as visitors will see it")
    add.add_argument("--role", default="administrator", choices=("coach", "coordinator", "administrator"))
    doing.add_parser("list", help="who has an account")
    for name, what in (("disable", "end an account at once"), ("reset", "print a link for a new password")):
        doing.add_parser(name, help=what).add_argument("email")
    lint = commands.add_parser("lint", help="check answers and training examples")
    lint.add_argument("--write", action="store_true", help="also renew docs/knowledge.md")
    commands.add_parser("purge", help="erase the conversations past retention now")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 1 failed, 2 not understood."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.load()
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Requests are counted in the metrics; an access log would hold addresses.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # The database driver's debug lines hold the values of every statement.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    try:
        # Imported late: each command pays only for what it needs, and `--help` for nothing.
        match options.command:
            case "run":
                from bot.commands.run import run

                return run(settings)
            case "train":
                from bot.assistant.training import ensure_model, train

                if options.if_needed:
                    print(f"The model is {ensure_model(settings.data_dir)}")
                else:
                    print(f"Trained: {train(settings.data_dir)}")
                return 0
            case "chat":
                from bot.commands.chat import chat

                return chat(settings)
            case "evaluate":
                from bot.commands.evaluate import evaluate

                return evaluate(settings, options.file, options.output)
            case "practitioners":
                from bot.commands.practitioners import export_file, import_file

                if options.doing == "export":
                    return export_file(settings, options.file)
                return import_file(settings, options.file, dry_run=options.dry_run, replace_all=options.replace)
            case "staff":
                from bot.commands import staff

                match options.doing:
                    case "add":
                        return staff.add(settings, options.email, options.name, options.role)
                    case "list":
                        return staff.list_(settings)
                    case "disable":
                        return staff.disable(settings, options.email)
                return staff.reset(settings, options.email)
            case "lint":
                from bot.commands.lint import lint

                return lint(write=options.write)
            case "purge":
                from bot.commands.purge import purge

                return purge(settings)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not _is_expected(error):
            raise
        print(error, file=sys.stderr)
        return 1
    return 2


def _is_expected(error: Exception) -> bool:
    """Errors whose message is all a person needs; anything else shows where it happened."""
    from bot.assistant.training import TrainingFailed
    from bot.storage.database import StorageUnavailable
    from bot.storage.encryption import EncryptionError

    kinds: tuple[type[Exception], ...] = (SettingError, TrainingFailed, StorageUnavailable, EncryptionError, OSError)
    return isinstance(error, kinds)
