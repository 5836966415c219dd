"""What our cold start is compared with: a Chalice app whose only work is a DynamoDB client."""

from typing import Any

import botocore.session
from chalice.app import Chalice

app = Chalice(app_name="hello")
dynamodb: Any = botocore.session.get_session().create_client("dynamodb")


@app.route("/")
def hello() -> dict[str, str]:
    return {"hello": "world"}


@app.route("/item")
def item() -> dict[str, str]:
    """One that also reads an item, as whatever answers somebody in particular must."""
    key = {"PK": {"S": "nobody"}, "SK": {"S": "nothing"}}
    dynamodb.get_item(TableName="ciborium-local-identity", Key=key)
    return {"hello": "world"}
