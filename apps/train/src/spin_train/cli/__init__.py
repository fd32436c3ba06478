"""The commands, each a module with `main(argv)`, and what their words mean."""
