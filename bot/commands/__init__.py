"""The subcommands of ``bot``, one module each."""
