import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.egress import Egress, EgressConnectionError, EgressTimeoutError
from chalicelib.egress.addresses import AddressPolicy
from chalicelib.egress.guard import Guard
from chalicelib.egress.transport import GuardedTransport
from tests.support.loopback import LoopbackServer, always, answer
from tests.unit.egress.conftest import LOCAL, Serve

NAME = "secure.test"


class Authority:
    """A certificate authority of our own, which only the tests trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = self._sign(self._subject, self._key, is_authority=True)

    def client_context(self) -> ssl.SSLContext:
        pem = self._certificate.public_bytes(serialization.Encoding.PEM)
        return ssl.create_default_context(cadata=pem.decode())

    def server_context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._sign(subject, key, host=host)
        path = self._folder / f"{host}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        host: str | None = None,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(_key_usage(is_authority), critical=True)
        )
        if host is not None:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _key_usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def trusting(authority: Authority) -> Iterator[Egress]:
    """Trusts the test's authority; every name is on loopback."""
    egress = Egress(LOCAL, resolver=lambda _: ["127.0.0.1"], ssl_context=authority.client_context())
    yield egress
    egress.close()


def https_url(server: LoopbackServer, host: str) -> str:
    return server.url("/x", host=host, scheme="https")


@pytest.mark.rule(55)
def test_the_certificate_the_server_name_and_the_host_are_those_of_the_url(
    serve: Serve, authority: Authority, trusting: Egress
) -> None:
    names: list[str | None] = []
    context = authority.server_context(NAME)
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    server = serve(always(answer(body=b"secret")), context)
    assert trusting.request("GET", https_url(server, NAME)).body == b"secret"
    assert names == [NAME]
    assert f"\r\nHost: {NAME}:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.rule(55)
def test_a_certificate_for_another_name_is_refused(
    serve: Serve, authority: Authority, trusting: Egress
) -> None:
    server = serve(always(answer()), authority.server_context(NAME))
    with pytest.raises(EgressConnectionError, match=r"other\.test has a TLS certificate that is"):
        trusting.request("GET", https_url(server, "other.test"))
    assert server.requests == []


def test_a_connection_is_not_shared_by_names_with_the_same_address(
    serve: Serve, authority: Authority, trusting: Egress
) -> None:
    server = serve(always(answer()), authority.server_context(NAME))
    trusting.request("GET", https_url(server, NAME))
    with pytest.raises(EgressConnectionError):
        trusting.request("GET", https_url(server, "other.test"))


def test_a_certificate_of_an_unknown_authority_is_refused(
    serve: Serve, authority: Authority
) -> None:
    server = serve(always(answer()), authority.server_context(NAME))
    egress = Egress(LOCAL, resolver=lambda _: ["127.0.0.1"])
    with pytest.raises(EgressConnectionError, match="TLS certificate that is not trusted"):
        egress.request("GET", https_url(server, NAME))
    egress.close()


def test_a_server_that_is_silent_in_the_handshake_is_cut_off(trusting: Egress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://{NAME}:{listener.getsockname()[1]}/"
        with pytest.raises(EgressTimeoutError):
            trusting.request("GET", url, budget=0.3)


def test_a_server_that_speaks_plain_http_is_a_connection_error(trusting: Egress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.recv(4096)

        greeter = threading.Thread(target=greet)
        greeter.start()
        with pytest.raises(EgressConnectionError, match="could not be spoken to over TLS"):
            trusting.request("GET", f"https://{NAME}:{listener.getsockname()[1]}/", budget=2)
        greeter.join()


@pytest.mark.rule(52)
def test_slow_dripping_inside_tls_does_not_outlast_the_budget(
    serve: Serve, authority: Authority, trusting: Egress
) -> None:
    server = serve(
        lambda connection, _: connection.drip(answer(X="x" * 500), 0.02),
        authority.server_context(NAME),
    )
    with pytest.raises(EgressTimeoutError, match=r"within 0\.4 seconds"):
        trusting.request("GET", https_url(server, NAME), budget=0.4)


def test_a_request_without_a_deadline_does_not_reach_the_network(serve: Serve) -> None:
    server = serve(always(answer()))
    transport = GuardedTransport(Guard(AddressPolicy(LOCAL), lambda _: ["127.0.0.1"]))
    with transport, pytest.raises(TypeError, match="deadline"):
        transport.handle_request(httpx.Request("GET", server.url()))
    assert server.connections == 0
