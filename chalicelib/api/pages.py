"""The few pages that people see in a browser. No script but the popup's, nothing from elsewhere."""

import base64
import hashlib
import json
from html import escape
from urllib.parse import urlencode

from chalicelib.api.errors import status_of
from chalicelib.api.replies import Reply
from chalicelib.config import PublicURL
from chalicelib.errors import CiboriumError

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:12vh auto;max-width:30rem;padding:0 1rem;"
    "color:#1d2330;background:#fafaf8}h1{font-size:1.25rem}code{font-size:.85em;color:#667}"
    "input,button{font:inherit;padding:.5rem .7rem;width:100%;box-sizing:border-box;"
    "margin:.3rem 0 .8rem}.button{display:block;padding:.5rem .7rem;text-align:center;"
    "text-decoration:none}button,.button{background:#243b6b;color:#fff;border:0;border-radius:.3rem}"
)


def error_page(error: CiboriumError, request_id: str, sign_in_url: str = "") -> Reply:
    """An error as a small readable page, which may lead to the sign-in page."""
    detail = f"<p>{escape(error.detail)}</p>" if error.detail else ""
    if sign_in_url:
        detail += f'<p><a href="{escape(sign_in_url, quote=True)}">To the sign-in page</a></p>'
    page = _page(
        status_of(error),
        "That did not work",
        f"<p>{escape(error.message)}</p>{detail}<p><code>{escape(error.code)} · "
        f"{escape(request_id)}</code></p>",
    )
    if error.retry_after:
        page.headers["Retry-After"] = str(error.retry_after)
    return page


def login_page(
    public_url: PublicURL,
    next_path: str,
    problem: str = "",
    provider_path: str = "",
    username: str = "",
) -> Reply:
    """The form that turns an API token into a browser session, and the way to the provider.

    Whoever is signed in already, as `username`, may go on.

    Its referrer policy lets the browser say where the form comes from: with `no-referrer` it would
    send `Origin: null`, which is what a foreign page may send as well.
    """
    action = escape(public_url.url("/api/v2/users/login"), quote=True)
    warning = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    if username:
        warning += _say_who(public_url, next_path, username)
    provider = _provider_link(public_url, provider_path, next_path) if provider_path else ""
    page = _page(
        401 if problem else 200,
        "Sign in to Ciborium",
        f'{warning}{provider}<form method="post" action="{action}">'
        f'<input type="hidden" name="next" value="{escape(next_path, quote=True)}">'
        '<label for="token">API token</label>'
        '<input id="token" name="token" type="password" required autofocus '
        'autocomplete="current-password"><button>Sign in</button></form>',
    )
    page.headers["Referrer-Policy"] = "same-origin"
    return page


def _say_who(public_url: PublicURL, next_path: str, username: str) -> str:
    url = escape(public_url.url(next_path), quote=True)
    onward = f' <a id="onward" href="{url}">Go on</a>' if next_path else ""
    return (
        f"<p>You are signed in as <b>{escape(username)}</b>.{onward}</p>"
        "<p>To sign in as somebody else:</p>"
    )


def _provider_link(public_url: PublicURL, provider_path: str, next_path: str) -> str:
    target = public_url.url(f"{provider_path}?{urlencode({'next': next_path})}")
    return (
        f'<p><a class="button" id="provider" href="{escape(target, quote=True)}">'
        "Sign in with your organization</a></p><p>Or with an API token:</p>"
    )


def message_page(title: str, text: str) -> Reply:
    """A heading and a sentence."""
    return _page(200, title, f"<p>{escape(text)}</p>")


def connected_page(public_url: PublicURL, server_id: str) -> Reply:
    """The end of the popup: it tells its opener, of our own origin only, and closes."""
    message = json.dumps({"type": "mcp-oauth2-complete", "serverID": server_id})
    origin = json.dumps(public_url.origin)
    script = (
        f"if(window.opener){{window.opener.postMessage({message},{origin});window.close()}}"
    ).replace("<", "\\u003c")
    return _page(
        200,
        "Connected",
        "<p>Authentication successful. You may close this window.</p>",
        script=script,
    )


def _page(status: int, title: str, content: str, *, script: str = "") -> Reply:
    # No form-action: browsers apply it to the redirects after a form too, and signing in may lead
    # on to an authorization server.
    sources = [f"style-src {_hash(_STYLE)}", "frame-ancestors 'none'"]
    if script:
        sources.append(f"script-src {_hash(script)}")
    policy = "; ".join(["default-src 'none'", "base-uri 'none'", *sources])
    tag = f"<script>{script}</script>" if script else ""
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1>{content}{tag}</html>"
    )
    return Reply(
        status, html, "text/html; charset=utf-8", headers={"Content-Security-Policy": policy}
    )


def _hash(text: str) -> str:
    """A Content-Security-Policy source that admits exactly this inline text."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
