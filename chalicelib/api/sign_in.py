"""Signing a browser in and out: with an API token, or through an identity provider."""

import re
from dataclasses import replace
from urllib.parse import parse_qs

from chalicelib.api.call import Call
from chalicelib.api.contract import PAGE, Answer, Parameter
from chalicelib.api.cookies import build_login_cookie, build_session_cookie, login_cookie_name
from chalicelib.api.errors import InvalidBodyError, body_error
from chalicelib.api.pages import login_page, message_page
from chalicelib.api.people_wire import to_user
from chalicelib.api.replies import Reply, json_reply, message_reply, redirect_reply
from chalicelib.api.routing import Route
from chalicelib.errors import UnauthenticatedError
from chalicelib.identity.errors import InvalidTokenError
from chalicelib.identity.models import Session
from chalicelib.oidc.flow import LOGIN_SECONDS, LoginAnswer
from chalicelib.sdk import requests
from chalicelib.sdk.identity import User
from chalicelib.sdk.system import Message

_OIDC_LOGIN = "/api/v2/users/oidc/login"
_LONGEST_NEXT = 1024  # It travels in a cookie, of which browsers take 4 KB.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]*")


def get_login(call: Call) -> Reply:
    """The sign-in page; it says who is signed in already."""
    return _login_page(call, _own_path(call.query("next")), username=_find_username(call))


def login(call: Call) -> Reply:
    """Exchange an API token for a session cookie; a form's sender is sent on.

    An API token only; the session ends with it. Its cookie is for browsers: what such a browser
    changes must come from Ciborium's own pages.
    """
    if call.is_from_browser:
        call.require_own_origin()
    request = _form(call) if call.is_form else call.body(requests.identity.LoginRequest)
    try:
        session = call.services.identity.start_session(
            request.token.get_secret_value(), call.context
        )
    except InvalidTokenError as exc:
        if not call.is_form:
            raise
        return _login_page(call, _own_path(request.next), exc.message)
    if call.is_form:
        return _signed_in(call, session, _own_path(request.next))
    organization_ids = call.services.organizations.ids_of(session.user.id)
    reply = json_reply(to_user(session.user, organization_ids), 201)
    return replace(reply, cookies=(_session_cookie(call, session),))


def logout(call: Call) -> Reply:
    """Forget the token of this request, and the session cookie with it."""
    call.services.identity.end_session(call.actor)
    cookie = build_session_cookie(call.services.public_url, "", 0)
    return replace(message_reply("Logged out!"), cookies=(cookie,))


def start_oidc(call: Call) -> Reply:
    """Send the browser to the identity provider.

    The identity provider sends it back to the callback, and from there it goes to `next`.
    """
    call.leads_to_sign_in = True
    started = call.services.sign_in.start(_own_path(call.query("next")))
    cookie = build_login_cookie(call.services.public_url, started.cookie, LOGIN_SECONDS)
    return redirect_reply(303, started.authorization_url, (cookie,))


def finish_oidc(call: Call) -> Reply:
    """The identity provider sends the browser back here; the cookie goes, good or bad."""
    public_url = call.services.public_url
    call.leads_to_sign_in = True
    call.cookies_to_set = (build_login_cookie(public_url, "", 0),)
    answer = LoginAnswer(
        code=call.query("code") or "",
        state=call.query("state") or "",
        iss=call.query("iss"),
        error=call.query("error") or "",
        error_description=call.query("error_description") or "",
        cookie=call.cookies.get(login_cookie_name(public_url), ""),
    )
    done = call.services.sign_in.finish(answer, call.context)
    return _signed_in(call, done.session, done.next_path)


def _signed_in(call: Call, session: Session, next_path: str) -> Reply:
    cookie = _session_cookie(call, session)
    if next_path:
        return redirect_reply(303, call.services.public_url.url(next_path), (cookie,))
    page = message_page("Signed in", "You are signed in to Ciborium in this browser.")
    return replace(page, cookies=(cookie,))


def _session_cookie(call: Call, session: Session) -> str:
    max_age = int((session.token.expires_at - session.token.created_at).total_seconds())
    return build_session_cookie(call.services.public_url, session.text, max_age)


def _find_username(call: Call) -> str:
    """Who is signed in in this browser; empty if nobody is."""
    try:
        return call.actor.username or call.actor.user_id
    except UnauthenticatedError:
        return ""


def _login_page(call: Call, next_path: str, problem: str = "", username: str = "") -> Reply:
    provider_path = _OIDC_LOGIN if call.services.sign_in.is_available else ""
    return login_page(call.services.public_url, next_path, problem, provider_path, username)


def _form(call: Call) -> "requests.identity.LoginRequest":
    from pydantic import ValidationError

    try:
        fields = parse_qs(call.raw_body().decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:
        raise InvalidBodyError("The form has too many fields.") from None
    try:
        return requests.identity.LoginRequest.model_validate(
            {name: values[-1] for name, values in fields.items()}, strict=False
        )
    except ValidationError as exc:
        raise body_error(exc, fields) from None  # The cause would carry what was sent.


def _own_path(path: str | None) -> str:
    """A path of ours to go on to, or nothing: never another site's address."""
    is_own = path and len(path) <= _LONGEST_NEXT and _OWN_PATH.fullmatch(path)
    return path if path and is_own else ""


_NEXT = Parameter("next", "A path of this deployment to go on to.")
_ONWARD = Answer(303, headers=("Location",))
ROUTES = (
    Route(
        "GET",
        "/login",
        get_login,
        public=True,
        browser=True,
        any_token=True,
        reply=PAGE,
        query=(_NEXT,),
    ),
    Route(
        "POST",
        "/api/v2/users/login",
        login,
        public=True,
        browser=True,
        form=True,
        body=lambda: requests.identity.LoginRequest,
        reply=User,
        status=201,
        also=(Answer(200, PAGE), _ONWARD),
        errors=(401, 403),
    ),
    Route("POST", "/api/v2/users/logout", logout, any_token=True, reply=Message),
    Route(
        "GET",
        _OIDC_LOGIN,
        start_oidc,
        public=True,
        browser=True,
        status=303,
        headers=("Location",),
        query=(_NEXT,),
        errors=(404, 502, 504),
    ),
    Route(
        "GET",
        "/api/v2/users/oidc/callback",
        finish_oidc,
        public=True,
        browser=True,
        reply=PAGE,
        also=(_ONWARD,),
        query=(
            Parameter("code", "The authorization code (RFC 6749 section 4.1.2)."),
            Parameter("state", "As it was sent to the identity provider."),
            Parameter("iss", "The identity provider's issuer (RFC 9207)."),
            Parameter("error", "The identity provider's refusal, instead of a code."),
            Parameter("error_description", "What it says about it."),
        ),
        errors=(401, 403, 404, 409, 502, 504),
    ),
)
