"""The command `spin-train`."""

import os
import signal
import sys
from collections.abc import Sequence

from spin_train.cli.arguments import exit_code
from spin_train.cli.train_arguments import help_text, parse
from spin_train.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
      argv: the arguments after the command's name; None for those of the process.

    Returns:
      The exit code: 0 on success, 2 after a user error, which is printed to stderr as one line, and
      128 plus the signal's number after a signal.
    """
    code = exit_code("spin-train", lambda: _train(sys.argv[1:] if argv is None else argv))
    if argv is None and _unwritable:
        # Orbax's threads may never end after a failed write, and the end of Python waits for them.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


_unwritable: list[UserError] = []


def _train(words: Sequence[str]) -> int:
    command = parse(words)
    if command.wants_help or command.workdir is None:
        print(help_text(command.config))
        return 0
    # Imported here, because `--help` and misspelled keys need no JAX.
    from spin_train.devices.processes import is_first_process, join_processes
    from spin_train.training.interruption import Interrupted
    from spin_train.training.run import train
    from spin_train.workdir.checkpoints import UnwritableError

    join_processes(command.launch)
    try:
        train(command.config, command.workdir)
    except UnwritableError as error:
        _unwritable.append(error)
        raise
    except Interrupted as end:
        if is_first_process():
            print(f"spin-train: {end}", file=sys.stderr)
        return 128 + end.signal
    except KeyboardInterrupt:
        again = "run the same command to continue from the last checkpoint, if there is one"
        print(f"spin-train: interrupted; {again}", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
