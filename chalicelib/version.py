"""The version of what runs, as CHANGELOG.md tells its story."""

VERSION = "0.1.0"
