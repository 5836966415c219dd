"""What a newcomer reads when the product has started: the main job, to be pasted line by line."""

import json

_SERVERS = "/api/experimental/mcp/servers"
_CHATS = "/api/experimental/chats"

_GUIDE = """
  Ciborium    {base_url}
  Admin       {token}
  Model       {model}

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

  5. Start a chat in your organisation with that server{asking}:

    CHAT=$(curl -s $CIBORIUM{chats} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{{"organization_id":"{organization_id}","mcp_server_ids":["'$SERVER'"],"content":[{content}]}}' | tee /dev/stderr | sed -n 's/.*"id":"\\([^"]*\\)".*/\\1/p')

  6. See what became of it: your message{reading}:

    curl -s "$CIBORIUM{chats}/$CHAT/messages?after_id=0" -H "Authorization: Bearer $TOKEN"

  7. Or talk, in the folder that you started this in; Ctrl-D ends it:

    CIBORIUM_URL=$CIBORIUM CIBORIUM_TOKEN=$TOKEN .venv/bin/python -m chalicelib.sdk.cli chat --server {slug}

  Ctrl-C stops everything and keeps what you made.
"""  # noqa: E501 -- lines to be pasted whole

_NO_MODEL = "none, so chats cannot be started: set OPENAI_API_KEY, or try make demo"


def build_guide(
    *,
    base_url: str,
    token: str,
    organization_id: str,
    server_url: str,
    is_demo: bool,
    model: str | None,
) -> str:
    """The text, with this run's addresses, token and model filled in."""
    name, slug = ("Demo", "demo") if is_demo else ("Linear", "linear")
    body = (
        f'{{"display_name":"{name}","slug":"{slug}","url":"{server_url}",'
        '"transport":"streamable_http","auth_type":"oauth2","availability":"default_on",'
        '"enabled":true}'
    )
    tool, arguments = ("read_note", {"title": "todo"}) if is_demo else ("list_teams", {})
    asked = f"use {tool} {json.dumps(arguments)}"
    return _GUIDE.format(
        base_url=base_url,
        token=token,
        model=model or _NO_MODEL,
        what="the demo server" if is_demo else "an OAuth2-protected MCP server (here Linear's)",
        servers=_SERVERS,
        chats=_CHATS,
        body=body,
        call=json.dumps({"name": tool, "arguments": arguments}),
        organization_id=organization_id,
        content=json.dumps({"type": "text", "text": asked}),
        asking=" and have the model call the tool" if model else "",
        reading=", the model's call, the tool's result, the answer" if model else "",
        slug=slug,
    )
