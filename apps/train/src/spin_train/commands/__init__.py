"""The commands beside `spin-train`: each a module with `main(argv)`."""
