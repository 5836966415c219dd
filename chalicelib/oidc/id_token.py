"""ID tokens: whose signature they bear, and whether they are meant for us (OIDC Core section 2)."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.egress import parse_json
from chalicelib.oidc.errors import InvalidIDTokenError, ProviderUnusableError, UnknownKeyError
from chalicelib.oidc.models import Claims
from chalicelib.sdk.base import CONTROLS

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

_LEEWAY_SECONDS = 60
_MOST_KEYS = 100
_LONGEST_SUBJECT = 255  # OIDC Core section 2.
_LONGEST_EMAIL = 254
_LONGEST_NAME = 128


def parse_keys(body: bytes) -> "KeySet":
    """A provider's public keys (RFC 7517 section 5); those that we cannot use are left out.

    Raises:
        ProviderUnusableError: there is none that can be used.
    """
    from joserfc.errors import JoseError  # Costs some 60 ms; only signing in needs it.
    from joserfc.jwk import JWKRegistry, KeySet

    try:
        listed = parse_json(body)["keys"]
    except (ValueError, KeyError, TypeError):
        raise ProviderUnusableError("its jwks_uri has no keys") from None
    keys = []
    for each in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
        is_for_signing = isinstance(each, dict) and each.get("use", "sig") == "sig"
        if not is_for_signing or each.get("kty") not in {"RSA", "EC", "OKP"}:
            continue
        try:
            keys.append(JWKRegistry.import_key(each))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not keys:
        raise ProviderUnusableError("its jwks_uri has no keys for signing")
    return KeySet(keys)


def verify_id_token(
    unverified: str,
    keys: "KeySet",
    algorithms: Sequence[str],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: datetime,
) -> Mapping[str, Any]:
    """The claims of an ID token that the provider made for this very sign-in.

    OIDC Core section 3.1.3.7; what is compared is compared as strings.

    Raises:
        UnknownKeyError: none of the keys is the one that it names.
        InvalidIDTokenError: its signature, issuer, audience, time or nonce is wrong.
    """
    claims = _verify_signature(unverified, keys, algorithms)
    if claims.get("iss") != issuer:
        raise InvalidIDTokenError("its iss is another issuer")
    _check_audience(claims, client_id)
    _check_time(claims, now.timestamp())
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise InvalidIDTokenError("its nonce is not that of this sign-in")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= _LONGEST_SUBJECT:
        raise InvalidIDTokenError("its sub is missing or too long")
    return claims


def read_claims(claims: Mapping[str, Any]) -> Claims:
    """Who an ID token, or it and the UserInfo response, is about (OIDC Core section 5.1).

    An e-mail address counts only where the provider says that it is verified. Some providers send
    that as a text.
    """
    email = _text(claims, "email")
    verified = claims.get("email_verified")
    is_verified = verified is True or verified == "true"
    has_form = email.count("@") == 1 and email.isprintable() and " " not in email
    return Claims(
        subject=str(claims["sub"]),
        email=email if is_verified and has_form and len(email) <= _LONGEST_EMAIL else "",
        name=CONTROLS.sub("", _text(claims, "name"))[:_LONGEST_NAME],
        preferred_username=_text(claims, "preferred_username")[:_LONGEST_NAME],
    )


def _verify_signature(
    unverified: str, keys: "KeySet", algorithms: Sequence[str]
) -> Mapping[str, Any]:
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError, JoseError

    try:
        return jwt.decode(unverified, keys, algorithms=list(algorithms)).claims
    except InvalidKeyIdError as exc:
        raise UnknownKeyError from exc
    except (JoseError, ValueError, TypeError, KeyError) as exc:
        raise InvalidIDTokenError("its signature does not hold") from exc


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise InvalidIDTokenError("its aud is another client")
    party = claims.get("azp")
    if party != client_id and (party is not None or len(audiences) > 1):
        raise InvalidIDTokenError("its azp is another client")


def _check_time(claims: Mapping[str, Any], now: float) -> None:
    times = {name: claims.get(name) for name in ("exp", "iat", "nbf") if name in claims}
    for value in times.values():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidIDTokenError("a time in it is no number")
    if "exp" not in times or "iat" not in times:
        raise InvalidIDTokenError("it does not say when it was issued, or when it expires")
    if claims["exp"] <= now - _LEEWAY_SECONDS:
        raise InvalidIDTokenError("it has expired")
    if max(claims["iat"], claims.get("nbf", 0)) > now + _LEEWAY_SECONDS:
        raise InvalidIDTokenError("it is not valid yet; the clocks may differ")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip() if isinstance(value, str) else ""
