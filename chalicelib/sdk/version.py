"""The version of what runs, as CHANGELOG.md tells its story; the wheel has the same."""

VERSION = "0.1.0"
