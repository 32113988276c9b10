"""The subcommands of the demonstration: their options and settings."""
