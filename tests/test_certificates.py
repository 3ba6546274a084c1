"""Certificates: which will do, and when they are taken anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from server.certificates import Certificate
from server.errors import Misconfigured
from tests.support.authority import Authority, Issued


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def good(authority: Authority) -> Issued:
    return authority.issue("good")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_what_does_not_go_together_is_refused(authority: Authority, good: Issued, tmp_path: Path) -> None:
    other = authority.issue("other")
    both = written(tmp_path / "both", other.key.read_bytes() + other.chain.read_bytes())
    empty = written(tmp_path / "empty", b"")
    key = ec.generate_private_key(ec.SECP256R1())
    locked = written(tmp_path / "locked", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    os.mkfifo(tmp_path / "pipe")
    large = written(tmp_path / "large", b" " * (1 << 21))
    for chain, key_path, says in (
        (good.chain, other.key, "not the key of the first"),
        (good.chain, both, "not the key of the first"),
        (good.key, good.chain, "is no certificate"),
        (empty, both, "empty is no certificate"),
        (both, empty, "empty is no key"),
        (good.chain, locked, "no key without a password"),
        (good.chain, tmp_path / "pipe", "is no file"),
        (large, good.key, "is no file"),
        (tmp_path, good.key, "is no file"),
        (tmp_path / "nowhere", good.key, "cannot be read: No such file"),
    ):
        with pytest.raises(Misconfigured, match=says) as refused:
            Certificate(chain, key_path).read()
        assert "PRIVATE" not in refused.value.message
    with pytest.raises(Misconfigured, match="empty holds no certificates"):
        Certificate(good.chain, good.key, empty).read()


def test_comments_are_let_pass_and_the_key_is_in_no_text(authority: Authority, good: Issued, tmp_path: Path) -> None:
    commented = written(tmp_path / "commented", "# für alle\n".encode() + authority.path.read_bytes())
    chain = written(tmp_path / "chain", b"by hand\r\n" + good.chain.read_bytes() + authority.path.read_bytes())
    pair = Certificate(chain, good.key, commented).read()
    assert pair.client_authorities == commented.read_bytes() and "PRIVATE" not in repr(pair)


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        (ec.generate_private_key(ec.SECP256K1()), False),
        (rsa.generate_private_key(65537, 1024), False),
        (ec.generate_private_key(ec.SECP384R1()), True),
        (rsa.generate_private_key(65537, 2048), True),
    ],
    ids=["secp256k1", "rsa 1024", "p-384", "rsa 2048"],
)
def test_only_keys_that_envoy_and_grpc_show_are_taken(authority: Authority, key, taken: bool) -> None:
    issued = authority.issue("kind", key)
    if taken:
        assert Certificate(issued.chain, issued.key).read().key == issued.key.read_bytes()
    else:
        with pytest.raises(Misconfigured, match="of a kind that is not shown"):
            Certificate(issued.chain, issued.key).read()


def test_what_changed_is_taken_and_what_will_not_do_is_told_of_once(authority: Authority, good: Issued, tmp_path: Path) -> None:
    certificate = Certificate(good.chain, good.key)
    first = certificate.read()
    assert certificate.renewed() is None and certificate.pair is first
    second, before = authority.issue("second"), good.key.read_bytes()
    good.key.write_bytes(second.key.read_bytes())
    with pytest.raises(Misconfigured, match="not the key"):
        certificate.renewed()
    assert certificate.renewed() is None and certificate.pair is first
    # What is away for a moment is looked for again, and told of once.
    good.key.unlink()
    with pytest.raises(Misconfigured, match="cannot be read"):
        certificate.renewed()
    assert certificate.renewed() is None
    good.key.write_bytes(before)
    assert certificate.renewed() == first
    for path, content in ((good.chain, second.chain.read_bytes()), (good.key, second.key.read_bytes())):
        path.with_suffix(".new").write_bytes(content)
        path.with_suffix(".new").replace(path)
    renewed = certificate.renewed()
    assert renewed is not None and renewed.chain == second.chain.read_bytes() and certificate.pair is renewed
