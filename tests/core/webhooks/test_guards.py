"""Which addresses, headers and secrets a webhook may have."""

from __future__ import annotations

import pytest

from server.core.webhooks.addresses import AddressGuard, Refused, is_public, parse_url
from server.core.webhooks.headers import check_headers
from server.core.shared.sealing import Sealer, Unsealable
from server.core.webhooks.signatures import check_secret, new_secret, signed, signing_secret
from server.core.webhooks.wording import EventPatterns
from server.errors import InvalidRequest

PRIVATE = [
    "127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "3fff::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0",
    "fec0::1", "fc00::1", "fd12::1", "ff02::1", "100::1", "5f00::1", "not an address", "1", "",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_leads_into_a_private_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "/hook", "file:///etc/passwd", "ftp://example.com/", "gopher://example.com", "javascript:alert(1)",
        "https://", "https:///hook", "https://user@example.com/", "https://user:pass@example.com/", "https://:@example.com",
        "https://example.com:0/", "https://example.com:65536/", "https://example.com:x/", "https://example.com\\@evil.com/",
        "https://exa mple.com/", "https://example.com/\r\nHost: evil", "https://example.com/#x", "https://%6cocalhost/",
        "https://[::1", "https://[::1%25eth0]/", "https://./", "https://a..b/", "https://exämple.com/",
        "https://example.com/" + "x" * 2000, "http://example.com:80:80/",
    ],
)  # fmt: skip
async def test_a_url_that_is_no_plain_http_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="^url: "):
        await AddressGuard(allow_private=True).check(url)


def test_a_url_names_a_host_and_a_port() -> None:
    assert parse_url("https://Example.com") == ("Example.com", 443)
    assert parse_url("HTTP://example.com.:8080/x?y=%20z") == ("example.com.", 8080)
    assert parse_url("http://[2606:4700::1]/") == ("2606:4700::1", 80)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/", "http://localhost./", "http://LOCALHOST:8000/", "http://127.0.0.1/", "http://127.1/", "http://2130706433/",
        "http://0x7f000001/", "http://0177.0.0.1/", "http://0/", "http://0.0.0.0/", "http://[::1]/", "http://[::]/",
        "http://[::ffff:127.0.0.1]/", "http://[::ffff:a9fe:a9fe]/", "http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/",
        "http://2852039166/", "http://127.0.0.1./",
    ],
)  # fmt: skip
async def test_a_host_that_is_this_machine_or_a_neighbour_is_refused_however_it_is_written(url: str) -> None:
    """By the system's own reading of names: no other machine is asked for these."""
    with pytest.raises(InvalidRequest, match="public addresses|four plain numbers"):
        await AddressGuard(allow_private=False).check(url)


async def test_a_name_is_refused_where_one_of_its_addresses_is_private_or_there_is_none() -> None:
    known = {"good": ["1.1.1.1"], "mixed": ["1.1.1.1", "10.0.0.1"], "none": []}

    async def resolve(host: str, port: int) -> list[str]:
        if host == "broken":
            raise OSError("no such name")
        return known[host]

    guard = AddressGuard(allow_private=False, resolve=resolve)
    await guard.check("https://good/")
    for host, why in (("mixed", "public"), ("none", "found"), ("broken", "found")):
        with pytest.raises(InvalidRequest, match=why):
            await guard.check(f"https://{host}/")
    with pytest.raises(Refused):
        guard.admit("127.0.0.1")
    AddressGuard(allow_private=True).admit("127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "x"), ("content-length", "1"), ("Transfer-Encoding", "chunked"), ("connection", "close"), ("Content-Type", "x"),
        ("TE", "x"), ("upgrade", "x"), ("Trailer", "x"), ("Expect", "100-continue"), ("proxy-authorization", "x"),
        ("webhook-id", "x"), ("Webhook-Signature", "x"), ("X-Orchestrator-Event", "x"), ("x-forwarded-for", "1.1.1.1"),
        ("X A", "x"), ("X:A", "x"), ("", "x"), ("X\r\nY", "x"), ("Ä", "x"), ("X" * 101, "x"), ("X-A", "a\r\nB: c"), ("X-A", "a\nb"),
        ("X-A", "a\0"), ("X-A", "ä"), ("X-A", " a"), ("X-A", "a "), ("X-A", "x" * 1001), ("X-A", 1), ("X-A", None),
    ],
)  # fmt: skip
def test_a_header_that_could_smuggle_or_lie_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match="headers"):
        check_headers({name: value})


def test_other_headers_are_kept_as_they_are() -> None:
    given = {"User-Agent": "Orchestrator-Webhook/1.0", "Authorization": "Bearer a.b\tc", "X-Empty": ""}
    assert check_headers(given) == given
    with pytest.raises(InvalidRequest, match="at most 20"):
        check_headers({f"X-{n}": "" for n in range(21)})
    with pytest.raises(InvalidRequest, match="given twice"):
        check_headers({"X-A": "1", "x-a": "2"})


def test_a_sealed_secret_opens_with_its_key_for_its_row_and_not_otherwise() -> None:
    old, new = Sealer("a" * 32), Sealer("b" * 32, "a" * 32)
    sealed = old.seal("words", "row")
    assert "words" not in sealed and sealed != old.seal("words", "row")
    assert old.open(sealed, "row") == new.open(sealed, "row") == "words"
    assert (old.is_stale(sealed, "row"), new.is_stale(sealed, "row")) == (False, True)
    assert not new.is_stale(new.seal("words", "row"), "row")
    for sealer, row in ((old, "another row"), (Sealer("b" * 32), "row")):
        with pytest.raises(Unsealable):
            sealer.open(sealed, row)


def test_both_secrets_sign_for_standard_webhooks_and_the_newest_for_the_documented_verifier() -> None:
    from standardwebhooks.webhooks import Webhook

    body = b'{"a":1}'
    headers = dict(signed(body, delivery="delivery_1", event="a.b", seconds=1_700_000_000, signing=["newest one", "older one"]))
    assert headers["X-Orchestrator-Signature"] == signed(body, delivery="", event="", seconds=0, signing=["newest one"])["X-Orchestrator-Signature"]
    for secret in ("newest one", "older one"):
        ours = Webhook(signing_secret(secret)).sign("delivery_1", _moment(1_700_000_000), body.decode())
        assert ours in headers["webhook-signature"].split()


def _moment(seconds: int):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("secret", ["short", "x" * 257, " padded words ", "two\nlines of it", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_secret_that_would_not_sign_the_same_everywhere_is_refused(secret: str) -> None:
    with pytest.raises(InvalidRequest, match="^secret: "):
        check_secret(secret)


def test_a_new_secret_is_a_good_one() -> None:
    assert check_secret(new_secret()) != new_secret()


def test_patterns_take_names_prefixes_and_all() -> None:
    patterns = EventPatterns(["session.*", "agent.failed"])
    assert [patterns.takes(name) for name in ("session.created", "agent.failed", "agent.created", "sessions.x")] == [True, True, False, False]
    assert EventPatterns(["*"]).takes("anything.at_all") and not EventPatterns([]).takes("a.b")
