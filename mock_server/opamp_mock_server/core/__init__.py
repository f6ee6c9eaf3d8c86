"""The protocol core: one module for each chapter of the specification."""
