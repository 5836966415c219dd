"""Approvals as the audit log describes them."""

from chalicelib.audit import Snapshot
from chalicelib.tool_approvals.models import Approvals


def describe_approvals(approvals: Approvals) -> Snapshot:
    """Which tools are approved, by name and by the hash of what was approved."""
    approved = (f"{name} {each.tool.hash}" for name, each in approvals.items())
    return {"approved_tools": sorted(approved)}
