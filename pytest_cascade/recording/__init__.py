"""The work of all tests in one file, to be compared with later: no marker needed."""
