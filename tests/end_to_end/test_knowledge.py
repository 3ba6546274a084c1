"""The knowledge base as the Agent Orchestration API documents it, through a real Envoy."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import grpc
import httpx2 as httpx
import psutil
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from orchestrator.v1 import knowledge_service_pb2 as pb
from orchestrator.v1 import knowledge_service_pb2_grpc
from orchestrator.v1.document_pb2 import Document

from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
DOCUMENTS = "/v1/knowledge/documents"


def upload(client: httpx.Client, data: bytes | str, name: str = "notes.txt", **metadata) -> httpx.Response:
    said = {"metadata": json.dumps(metadata)} if metadata else {}
    return client.post(DOCUMENTS, files={"file": (name, data)}, data=said)


def ready(client: httpx.Client, identifier: str) -> dict:
    def read() -> bool:
        return client.get(f"{DOCUMENTS}/{identifier}").json()["status"] != "processing"

    until(read)
    return client.get(f"{DOCUMENTS}/{identifier}").json()


def test_a_document_is_uploaded_as_documented_and_a_sentence_of_it_is_found(client: httpx.Client) -> None:
    answer = upload(client, "Otters hold hands.\n\nBears do not.", title="Document Title", tags=["tag1", "tag2"])
    made = answer.json()
    assert answer.status_code == 201 and answer.headers["etag"] == '"1"'
    assert made["title"] == "Document Title" and made["tags"] == ["tag1", "tag2"] and made["status"] == "processing"
    again = upload(client, "Otters hold hands.\n\nBears do not.", "other.txt")
    assert again.status_code == 200 and again.json()["id"] == made["id"]
    assert ready(client, made["id"])["status"] == "ready"
    found = client.get("/v1/knowledge/search", params={"q": "holding hands", "limit": 10}).json()
    (result,) = found.pop("results")
    assert found == {"query": "holding hands", "limit": 10, "offset": 0, "has_more": False}
    assert result["document_id"] == made["id"] and result["title"] == "Document Title" and result["page"] == 0
    assert "Otters <mark>hold</mark> <mark>hands</mark>." in result["snippet"]
    assert result["chunk_sha256"] == hashlib.sha256(result["text"].encode()).hexdigest()
    listed = client.get(DOCUMENTS, params={"tag": "tag1"}).json()
    assert [each["id"] for each in listed["documents"]] == [made["id"]] and listed["total"] == 1


def test_a_file_is_downloaded_whole_or_in_part(client: httpx.Client) -> None:
    page = "<script>alert(1)</script> hello"
    made = upload(client, page, 'ü"x\\.html').json()
    whole = client.get(f"{DOCUMENTS}/{made['id']}/content")
    assert whole.status_code == 200 and whole.text == page
    assert whole.headers["content-disposition"].startswith('attachment; filename="')
    assert whole.headers["x-content-type-options"] == "nosniff" and "sandbox" in whole.headers["content-security-policy"]
    for asked, status, text, shown in (
        ("bytes=0-7", 206, page[:8], f"bytes 0-7/{len(page)}"),
        ("bytes=-5", 206, "hello", f"bytes {len(page) - 5}-{len(page) - 1}/{len(page)}"),
        ("bytes=26-", 206, page[26:], f"bytes 26-{len(page) - 1}/{len(page)}"),
        ("bytes=5-2", 200, page, None),
        ("bytes=0-1,3-4", 200, page, None),
        ("lines=1-2", 200, page, None),
    ):
        part = client.get(f"{DOCUMENTS}/{made['id']}/content", headers={"range": asked})
        assert (part.status_code, part.text, part.headers.get("content-range")) == (status, text, shown), asked
    beyond = client.get(f"{DOCUMENTS}/{made['id']}/content", headers={"range": "bytes=9999-"})
    assert beyond.status_code == 416 and beyond.json()["error"]["code"] == "RANGE_NOT_SATISFIABLE"
    assert beyond.headers["content-range"].startswith("bytes */")
    assert client.head(f"{DOCUMENTS}/{made['id']}/content").status_code == 200


def test_a_document_is_changed_replaced_and_deleted(client: httpx.Client) -> None:
    made = upload(client, "first words", title="t").json()
    path = f"{DOCUMENTS}/{made['id']}"
    ready(client, made["id"])
    assert client.patch(path, json={"tags": ["x"]}, headers={"if-match": '"1"'}).status_code == 412
    assert client.patch(path, json={"title": "Zebra"}).json()["title"] == "Zebra"
    ready(client, made["id"])
    assert client.get("/v1/knowledge/search", params={"q": "zebra"}).json()["results"]
    replaced = client.put(f"{path}/content", files={"file": ("new.txt", "second words")})
    assert replaced.status_code == 200 and replaced.json()["content_version"] == 2
    ready(client, made["id"])
    texts = [each["text"] for each in client.get("/v1/knowledge/search", params={"q": "words"}).json()["results"]]
    assert texts == ["second words"]
    assert client.post(f"{path}/reprocess", json={}).json()["status"] == "processing"
    assert client.delete(path).json() == {"id": made["id"], "deleted": True}
    assert client.get("/v1/knowledge/search", params={"q": "words"}).json()["results"] == []
    assert client.get(path).status_code == client.get(f"{path}/content").status_code == 404


def test_bad_uploads_are_refused_in_the_apis_shape(client: httpx.Client, stack: Stack) -> None:
    def refused(answer: httpx.Response) -> tuple[int, str]:
        return answer.status_code, answer.json()["error"]["code"]

    many = {"metadata": json.dumps({"tags": [f"t{n}" for n in range(1000)]})}
    for files, data in (
        ({"file": ("a.txt", b"")}, {}),
        ({"other": ("a.txt", b"x")}, {}),
        ({"file": ("a.txt", b"x")}, {"metadata": "{"}),
        ({"file": ("a.txt", b"x")}, {"metadata": "[]"}),
        ({"file": ("a.txt", b"x")}, {"metadata": '{"title": 5}'}),
        ({"file": ("a.txt", b"x")}, {"metadata": '{"title": "\\ud800"}'}),
        ({"file": ("a.txt", b"x")}, {"metadata": "x" * 70_000}),
        ({"file": ("a.txt", b"x")}, many),
    ):
        assert refused(client.post(DOCUMENTS, files=files, data=data)) == (400, "INVALID_REQUEST")
    assert refused(client.post(DOCUMENTS, json={})) == (400, "INVALID_REQUEST")
    assert refused(client.post(DOCUMENTS)) == (400, "INVALID_REQUEST")
    form = {"content-type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
    assert refused(client.post(DOCUMENTS, content=cut, headers=form)) == (400, "INVALID_REQUEST")
    assert client.get(DOCUMENTS).json()["total"] == 0
    for parameters in ({}, {"q": ""}, {"q": "x" * 10_000}, {"q": "-x"}, {"q": "x", "limit": 0}, {"q": "x", "limit": 1000}):
        assert refused(client.get("/v1/knowledge/search", params=parameters)) == (400, "INVALID_REQUEST")
    with httpx.Client(base_url=stack.url) as nobody:
        assert refused(upload(nobody, "x")) == (401, "UNAUTHORIZED")


def test_what_is_too_large_is_refused_as_soon_as_that_is_known(client: httpx.Client, stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", stack.port)) as said:
        said.sendall(
            f"POST {DOCUMENTS} HTTP/1.1\r\nhost: localhost\r\nauthorization: {client.headers['authorization']}\r\n"
            "content-type: multipart/form-data; boundary=x\r\ncontent-length: 105906176\r\n\r\n".encode()
        )
        said.settimeout(10)
        answer = said.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 413") and "PAYLOAD_TOO_LARGE" in answer


def test_an_upload_costs_no_memory_and_one_that_is_cut_off_leaves_nothing(client: httpx.Client, stack: Stack) -> None:
    servers = [each for each in stack.children() if "envoy" in each.name()] + stack.servers()
    before = {each.pid: each.memory_info().rss for each in servers}
    line = b"a line of a large file, which has many of them; " * 20_000
    # No text, so that nobody has to wait for it to be read.
    program = b"\0\1" * 4000
    answer = client.post(DOCUMENTS, files={"file": ("large.bin", program + line * 40)})
    assert answer.status_code == 201 and answer.json()["size"] == len(line) * 40 + len(program)
    grown = {each.name(): each.memory_info().rss - before[each.pid] for each in servers}
    assert all(bytes < 30 << 20 for bytes in grown.values()), grown
    ready(client, answer.json()["id"])
    blobs = stack.data_dir / "blobs"
    kept = {path for path in blobs.rglob("*") if path.is_file()}
    with socket.create_connection(("127.0.0.1", stack.port)) as said:
        said.sendall(
            f"POST {DOCUMENTS} HTTP/1.1\r\nhost: localhost\r\nauthorization: {client.headers['authorization']}\r\n"
            "content-type: multipart/form-data; boundary=x\r\ncontent-length: 90000000\r\n\r\n"
            '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
        )
        said.sendall(b"x" * 20_000_000)
        until(lambda: {path for path in blobs.rglob("*") if path.is_file()} > kept)
    until(lambda: {path for path in blobs.rglob("*") if path.is_file()} == kept)


def test_the_same_over_grpc(stack: Stack, key: str, tmp_path: Path) -> None:
    metadata = [("authorization", f"Bearer {key}")]
    piece = pb.UploadDocumentRequest
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        service = knowledge_service_pb2_grpc.KnowledgeServiceStub(channel)
        pieces = [
            piece(upload=piece.Upload(filename="a.md", title="Seas", tags=["w"])),
            piece(data=b"# Water\n\nWhales "),
            piece(data=b"sing."),
        ]
        made = service.UploadDocument(iter(pieces), metadata=metadata)
        assert made.created and made.document.state == Document.STATE_PROCESSING
        identifier = made.document.id
        get = pb.GetDocumentRequest(id=identifier)
        until(lambda: service.GetDocument(get, metadata=metadata).document.state == Document.STATE_READY)
        request = pb.SearchKnowledgeRequest(query="whale song", tags=["w"], page_size=1000)
        (result,) = service.SearchKnowledge(request, metadata=metadata).results
        assert (result.heading, result.title, result.text) == ("Water", "Seas", "Water\n\nWhales sing.")
        sent = service.DownloadDocument(pb.DownloadDocumentRequest(id=identifier, offset=2), metadata=metadata)
        assert b"".join(each.data for each in sent) == b"Water\n\nWhales sing."
        change = pb.UpdateDocumentRequest(
            document=Document(id=identifier, tags=["x"], etag="2"), update_mask=FieldMask(paths=["tags"]), request_id="r"
        )
        changed = [service.UpdateDocument(change, metadata=metadata).document for _ in range(2)]
        assert [each.etag for each in changed] == ["3", "3"] and changed[0].tags == ["x"]
        new = [piece(upload=piece.Upload(filename="b.txt", document_id=identifier, etag="3")), piece(data=b"Sharks.")]
        assert not service.UploadDocument(iter(new), metadata=metadata).created
        assert [each.content_version for each in service.ListDocuments(pb.ListDocumentsRequest(), metadata=metadata).documents] == [2]
        for bad in ([], [piece(data=b"x")], [pieces[0]], [pieces[0], pieces[0]]):
            with pytest.raises(grpc.RpcError) as refused:
                service.UploadDocument(iter(bad), metadata=metadata)
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        for _ in range(2):
            service.DeleteDocument(pb.DeleteDocumentRequest(id=identifier, request_id="d"), metadata=metadata)
        assert not service.ListDocuments(pb.ListDocumentsRequest(), metadata=metadata).documents
