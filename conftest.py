"""What all tests share: suites inside tests."""

pytest_plugins = ["pytester"]
