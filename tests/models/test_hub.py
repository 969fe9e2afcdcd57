import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from longspan.core.errors import InputError
from longspan.models.hub import HubError, from_hub, hub_cache, wanted
from longspan.models.pull import ensure

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": bytes(5000),
    "tokenizer.json": b"{}",
    "pytorch_model.bin": b"a pickle",
    "modeling_custom.py": b"code",
    "onnx/config.json": b"{}",
}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's wire as its client uses to list and fetch a repository."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if "/gated" in self.path:
            self.answer(401, b"{}", {"X-Error-Code": "GatedRepo"})
        elif self.path.startswith("/api/models/test/tiny/tree/"):
            rows = [{"type": "file", "path": name, "size": len(text), "oid": "1"} for name, text in FILES.items()]
            self.answer(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})
        elif self.path.startswith("/api/models/test/tiny"):
            files = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
            listed = {"id": "test/tiny", "sha": COMMIT, "siblings": files, "tags": [], "private": False}
            self.answer(200, json.dumps(listed).encode(), {"Content-Type": "application/json"})
        elif self.path.startswith("/test/tiny/resolve/"):
            content = FILES[self.path.split("/", 5)[5]]
            self.answer(200, content, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT})
        else:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    handler = type("OwnHub", (Hub,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def endpoint(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_only_weights_configuration_and_tokenizer_come_and_the_commit_is_known(endpoint: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    commit = from_hub(
        "test/tiny",
        tmp_path / "out",
        stage="pull",
        progress=lambda _, done, total, __: seen.append((done, total)),
        endpoint=endpoint,
    )
    assert commit == COMMIT
    held = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert held == {name: FILES[name] for name in ("config.json", "model.safetensors", "tokenizer.json")}
    assert seen[-1] == (5025, 5025)


def test_nothing_is_drawn_on_the_screen(endpoint: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from_hub("test/tiny", tmp_path, stage="pull", endpoint=endpoint)
    assert capfd.readouterr() == ("", "")


def test_a_gated_model_and_a_missing_one_say_why(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(HubError, match="terms to be accepted"):
        from_hub("test/gated", tmp_path, stage="pull", endpoint=endpoint)
    with pytest.raises(HubError, match="no such model"):
        from_hub("test/absent", tmp_path, stage="pull", endpoint=endpoint)


def test_a_hub_that_is_not_there_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"does not answer \(ConnectError\)"):
        from_hub("test/tiny", tmp_path, stage="pull", endpoint="http://127.0.0.1:9")


def test_a_hub_that_takes_the_call_and_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longspan.models.hub.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(HubError, match=r"does not answer \(ReadTimeout\)"):
            from_hub("test/tiny", tmp_path, stage="pull", endpoint=endpoint)


def test_a_hub_model_stays_in_the_hubs_own_cache(
    endpoint: str, server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place = hub_cache("test/tiny", stage="pull", endpoint=endpoint)
    assert (place / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert not (place / "pytorch_model.bin").exists()
    server.shutdown()
    server.server_close()
    assert hub_cache("test/tiny", stage="pull", endpoint=endpoint) == place


def test_without_the_hub_a_hub_id_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"test/tiny could not be had.*smollm2"):
        ensure("test/tiny")


def test_pickles_code_and_second_copies_are_not_wanted() -> None:
    names = ["a.py", "b.bin", "consolidated.safetensors", "model.safetensors", "1_Pooling/config.json", "onnx/c.json"]
    assert wanted(names) == ["model.safetensors", "1_Pooling/config.json"]
