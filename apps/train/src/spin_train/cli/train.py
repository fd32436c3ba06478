"""The command `spin-train`."""

import sys
from collections.abc import Sequence

from spin_registry.command_signals import CommandSignals


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
      argv: the arguments after the command's name; None for those of the process.

    Returns:
      The exit code: 0 on success, 2 after a user error, which is printed to stderr as one line, and
      128 plus the signal's number after a signal.
    """
    with CommandSignals("spin-train", is_process=argv is None) as signals:
        # Imported here, so that a signal is answered while they load.
        from spin_train.cli.arguments import exit_code

        words = sys.argv[1:] if argv is None else argv
        code = exit_code("spin-train", lambda: _train(words, signals))
    return signals.end(code)


def _train(words: Sequence[str], signals: CommandSignals) -> int:
    from spin_train.cli.train_arguments import help_text, parse

    command = parse(words)
    if command.wants_help or command.workdir is None:
        print(help_text(command.config))
        return 0
    # Imported here, because `--help` and misspelled keys need no JAX.
    from spin_train.devices.processes import is_first_process, join_processes
    from spin_train.training.interruption import Interrupted, Interruption
    from spin_train.training.run import train_until_interrupted
    from spin_train.workdir.checkpoints import UnwritableError

    join_processes(command.launch)
    interruption = Interruption(is_watched=True)
    signals.farewell = interruption.farewell
    try:
        train_until_interrupted(command.config, command.workdir, interruption)
    except UnwritableError:
        # Orbax's threads may never end after a failed write, and the end of Python waits for them.
        signals.ends_at_once = True
        raise
    except Interrupted as end:
        if is_first_process():
            return signals.end_by(end.signal, str(end))
        return 128 + end.signal
    return 0


if __name__ == "__main__":
    sys.exit(main())
