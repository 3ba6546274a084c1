"""TLS at both ports for HTTP and at gRPC's, as a client meets it: who is believed, what is renewed, who is let in."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx2 as httpx
import pytest
from cryptography import x509
from orchestrator.v1 import session_service_pb2, session_service_pb2_grpc
from websockets.sync.client import connect

from tests.support.authority import Authority, Issued
from tests.support.launcher import ORCHESTRATOR
from tests.support.stack import Stack
from tests.support.waiting import until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def placed(issued: Issued, folder: Path) -> Issued:
    """The files where a server looks for them, put there as programs that renew certificates do."""
    folder.mkdir(exist_ok=True)
    there = Issued(folder / "tls.pem", folder / "tls.key")
    for source, target in ((issued.chain, there.chain), (issued.key, there.key)):
        shutil.copyfile(source, target.with_suffix(".new")).replace(target)
    return there


@pytest.fixture(scope="module")
def stack(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("tls")
    shown = placed(authority.issue("first"), folder / "shown")
    running = Stack(folder / "data", TLS_CERTIFICATE=str(shown.chain), TLS_KEY=str(shown.key)).start()
    yield running
    assert running.stop() == 0


def believing(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.path))


def shown_at(port: int, authority: Authority) -> str:
    """The name in the certificate that whoever connects now is shown."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        believing(authority).wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        certificate = x509.load_der_x509_certificate(encrypted.getpeercert(binary_form=True))
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def listed(stack: Stack, credentials: grpc.ChannelCredentials | None) -> int:
    """How many sessions gRPC tells of."""
    place = f"localhost:{stack.grpc_port}"
    channel = grpc.insecure_channel(place) if credentials is None else grpc.secure_channel(place, credentials)
    with channel:
        stub = session_service_pb2_grpc.SessionServiceStub(channel)
        metadata = (("authorization", f"Bearer {stack.key}"),)
        return len(stub.ListSessions(session_service_pb2.ListSessionsRequest(), metadata=metadata, timeout=10).sessions)


@pytest.mark.xdist_group("tls")
def test_every_port_speaks_tls_and_nothing_else(stack: Stack, authority: Authority) -> None:
    assert stack.output[-1].strip() == f"ready  https://127.0.0.1:{stack.port}"
    headers = {"authorization": f"Bearer {stack.key}"}
    for port, path in ((stack.port, "/v1/sessions"), (stack.operations_port, "/v1/tasks")):
        with httpx.Client(base_url=f"https://localhost:{port}", headers=headers, verify=believing(authority)) as client:
            assert client.get(path).status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}{path}", headers=headers)
        # Whoever does not know the authority does not believe it.
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://localhost:{port}{path}", headers=headers)
    assert listed(stack, grpc.ssl_channel_credentials(authority.path.read_bytes())) == 0
    for wrong in (None, grpc.ssl_channel_credentials()):
        with pytest.raises(grpc.RpcError) as refused:
            listed(stack, wrong)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    with connect(
        f"wss://localhost:{stack.operations_port}/v1/ws?token={stack.key}", ssl=believing(authority)
    ) as opened:
        opened.ping().wait(10)


@pytest.mark.xdist_group("tls")
def test_http2_is_offered(stack: Stack, authority: Authority) -> None:
    context = believing(authority)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", stack.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        assert encrypted.selected_alpn_protocol() == "h2" and encrypted.version() == "TLSv1.3"


@pytest.mark.xdist_group("tls")
def test_a_certificate_is_renewed_without_a_restart_and_one_that_will_not_do_is_not_shown(
    stack: Stack, authority: Authority, tmp_path: Path
) -> None:
    folder = Path(stack.environment["TLS_CERTIFICATE"]).parent
    ports = (stack.port, stack.operations_port, stack.grpc_port)
    before = {process.pid for process in stack.children()}
    with httpx.Client(
        base_url=f"https://localhost:{stack.port}", headers={"authorization": f"Bearer {stack.key}"}, verify=believing(authority)
    ) as client:
        assert client.get("/v1/sessions").status_code == 200
        # A connection that goes on is not ended by it.
        placed(authority.issue("second"), folder)
        until(lambda: [shown_at(port, authority) for port in ports] == ["second"] * 3)
        assert client.get("/v1/sessions").status_code == 200
    (folder / "tls.key").write_bytes(authority.issue("third").key.read_bytes())
    until(lambda: "cannot be renewed" in stack.log_path.read_text())
    assert [shown_at(port, authority) for port in ports] == ["second"] * 3
    # A server that is started meanwhile needs one that will do, and the next one is taken.
    placed(authority.issue("fourth"), folder)
    until(lambda: [shown_at(port, authority) for port in ports] == ["fourth"] * 3)
    assert {process.pid for process in stack.children()} == before
    log = stack.log_path.read_text()
    assert "PRIVATE KEY" not in log and "Traceback" not in log


@pytest.mark.xdist_group("tls")
def test_whoever_connects_and_says_nothing_is_not_waited_for(stack: Stack, authority: Authority) -> None:
    silent = [socket.create_connection(("127.0.0.1", port), timeout=30) for port in (stack.port, stack.grpc_port)]
    assert [shown_at(port, authority) for port in (stack.port, stack.grpc_port)]
    for each in silent:
        # gRPC begins with its settings only where it has heard something.
        assert each.recv(100) == b""
        each.close()


def test_only_who_has_a_certificate_is_let_in_where_that_is_asked(authority: Authority, tmp_path: Path) -> None:
    shown, client, stranger = authority.issue("server"), authority.issue("client"), Authority(tmp_path).issue("stranger")
    files = {"TLS_CERTIFICATE": shown.chain, "TLS_KEY": shown.key, "TLS_CLIENT_AUTHORITIES": authority.path}
    stack = Stack(tmp_path / "data", **{name: str(path) for name, path in files.items()}).start()
    try:
        headers = {"authorization": f"Bearer {stack.key}"}
        for shows, enters in ((None, False), (stranger, False), (client, True)):
            context = believing(authority)
            if shows is not None:
                context.load_cert_chain(shows.chain, shows.key)
            for port, path in ((stack.port, "/v1/sessions"), (stack.operations_port, "/v1/tasks")):
                with httpx.Client(base_url=f"https://localhost:{port}", headers=headers, verify=context) as opened:
                    if enters:
                        assert opened.get(path).status_code == 200
                    else:
                        with pytest.raises(httpx.HTTPError):
                            opened.get(path)
            credentials = grpc.ssl_channel_credentials(
                authority.path.read_bytes(), shows and shows.key.read_bytes(), shows and shows.chain.read_bytes()
            )
            if enters:
                assert listed(stack, credentials) == 0
            else:
                with pytest.raises(grpc.RpcError) as refused:
                    listed(stack, credentials)
                assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    finally:
        assert stack.stop() == 0


@pytest.mark.parametrize("command", ["up", "server", "gateway"])
def test_nothing_listens_in_plain_where_others_come_unless_that_is_said(command: str, tmp_path: Path) -> None:
    data = [] if command == "gateway" else ["--data-dir", str(tmp_path / "data")]
    done = subprocess.run(
        [ORCHESTRATOR, command, "--host", "0.0.0.0", *data],
        capture_output=True,
        text=True,
        timeout=30,
        # A server alone has no TLS whatever is set, and what is empty is not set.
        env={**os.environ, **dict.fromkeys(("TLS_CERTIFICATE", "TLS_KEY"), "/certificate" if command == "server" else "")},
    )
    assert done.returncode == 1 and "ALLOW_PLAIN=1" in done.stderr
    assert ("TLS_CERTIFICATE" in done.stderr) == (command != "server")
    assert not (tmp_path / "data" / "orchestrator.db").exists()


def test_files_that_are_no_certificate_are_named_and_nothing_starts(authority: Authority, tmp_path: Path) -> None:
    good, other = authority.issue("good"), authority.issue("other")
    (tmp_path / "empty").touch()
    for chain, key, says in (
        (good.chain, other.key, "is not the key of the first certificate in"),
        (tmp_path / "empty", good.key, "empty is no certificate in PEM"),
        (tmp_path / "nowhere", good.key, "nowhere cannot be read"),
    ):
        command = [ORCHESTRATOR, "up", "--data-dir", str(tmp_path / "data")]
        files = {"TLS_CERTIFICATE": str(chain), "TLS_KEY": str(key)}
        ports = {name: "0" for name in ("GRPC_PORT", "ORCHESTRA_PORT", "OPERATIONS_PORT")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env={**os.environ, **files, **ports})
        assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr, done.stderr
