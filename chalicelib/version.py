"""The version of what runs. The SDK holds it, because it imports nothing of ours."""

from chalicelib.sdk.version import VERSION

__all__ = ["VERSION"]
