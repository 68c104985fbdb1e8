"""AdaMLLM-rs as a Python package: two binaries, and a command that starts them."""
