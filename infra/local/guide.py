"""What a newcomer reads when the product has started: the main job, to be pasted line by line."""

import json

_SERVERS = "/api/experimental/mcp/servers"

_GUIDE = """
  Ciborium    {base_url}
  Admin       {token}

  The main job, in a second terminal:

    export CIBORIUM={base_url} TOKEN={token}

  1. Register {what} by its URL alone:

    SERVER=$(curl -s $CIBORIUM{servers} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{body}' | tee /dev/stderr | sed -n 's/.*"id":"\\([^"]*\\)".*/\\1/p')

  2. Connect to it: print this link and open it in a browser. It asks for the admin's token once.

    echo "$CIBORIUM/login?next={servers}/$SERVER/oauth2/connect"

  3. List your tools, through your own connection:

    curl -s $CIBORIUM{servers}/$SERVER/tools -H "Authorization: Bearer $TOKEN"

  4. Call one of them:

    curl -s $CIBORIUM{servers}/$SERVER/tools/call -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{call}'

  5. Start a chat in your organisation with that server:

    curl -s $CIBORIUM/api/experimental/chats -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{{"organization_id":"{organization_id}","mcp_server_ids":["'$SERVER'"],"content":[{{"type":"text","text":"What is new?"}}]}}'

  Ctrl-C stops everything and keeps what you made.
"""  # noqa: E501 -- lines to be pasted whole


def build_guide(
    *, base_url: str, token: str, organization_id: str, server_url: str, is_demo: bool
) -> str:
    """The text, with this run's addresses and token filled in."""
    name, slug = ("Demo", "demo") if is_demo else ("Linear", "linear")
    body = (
        f'{{"display_name":"{name}","slug":"{slug}","url":"{server_url}",'
        '"transport":"streamable_http","auth_type":"oauth2","availability":"default_on",'
        '"enabled":true}'
    )
    tool, arguments = ("read_note", {"title": "todo"}) if is_demo else ("list_teams", {})
    return _GUIDE.format(
        base_url=base_url,
        token=token,
        what="the demo server" if is_demo else "an OAuth2-protected MCP server (here Linear's)",
        servers=_SERVERS,
        body=body,
        call=json.dumps({"name": tool, "arguments": arguments}),
        organization_id=organization_id,
    )
