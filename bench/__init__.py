"""How fast it is, against a limit measured in the same run. `make bench`, or `make bench ARGS="fills reads"`."""
