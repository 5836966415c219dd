"""`make packages`: the packages in the artifact bucket, which can be deployed again."""

import os
import sys

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloudformation import DeploymentError
from infra.deploy import require_account


def main() -> None:
    """List them, the newest first."""
    try:
        bucket = require_account().bucket(os.environ.get("ARTIFACT_BUCKET", ""))
        for package_id, when in bucket.list_packages() if bucket.exists() else ():
            print(f"{when}  {package_id}")
    except (DeploymentError, BotoCoreError, ClientError) as exc:
        sys.exit(f"Cannot list packages: {exc}")


if __name__ == "__main__":
    main()
