"""The commands. Each is a module with a function `main(argv)`."""
