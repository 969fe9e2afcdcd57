"""Stored tokens are found by what they are, proved before use, and refused when anything is wrong with them."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tests.models.tiny_model import tiny_model

from longspan.archive import Archive, cached, digest_of, proof
from longspan.archive.cache import Cache
from longspan.core.errors import InputError
from longspan.documents.document import Document
from longspan.kv.full import Full
from longspan.kv.retrieve.infllm import InfLLM
from longspan.kv.reuse import file
from longspan.models.disk import occupied
from longspan.models.method import Method

MODEL, PLAIN = tiny_model(num_hidden_layers=2), Method()
DOCUMENTS = [Document("a.txt", "text", "text", digest=digest_of("a"))]


def text(length, seed=0):
    return torch.randint(3, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


@pytest.fixture
def cache(tmp_path):
    return Cache(Archive(tmp_path / "home"))


@pytest.fixture
def made(cache):
    return cache.add(MODEL, PLAIN, text(100), DOCUMENTS)[0]


def rewritten(path, *, tensors=None, about=None, layout=file.LAYOUT, sign=False):
    """The file with something changed, with or without a digest to match."""
    with safe_open(path, "pt") as old:
        metadata = old.metadata()
        parts = {name: old.get_tensor(name).clone() for name in old.keys()}  # noqa: SIM118 (a file is no mapping)
    parts |= tensors or {}
    metadata["about"] = json.dumps({**json.loads(metadata["about"]), **(about or {})})
    metadata[file.MARK] = layout
    if sign:
        metadata["sha256"] = file._digest(metadata["about"], parts, file._gathered)
    save_file(parts, path, metadata)


def test_a_text_is_read_once_and_described(cache, made):
    again, new = cache.add(MODEL, PLAIN, text(100), DOCUMENTS)
    assert (again, new) == (made, False)
    assert cache.readings() == ([made], {})
    assert (made.files, made.digests, made.tokens) == (["a.txt"], [digest_of("a")], 100)
    assert (made.model, made.dtype, made.method) == ("tiny-llama", "float32", "")
    assert made.weights == MODEL.digest
    assert cache.path(made.key).stat().st_size > made.tokens * 2 * 2 * 2 * 8 * 4


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma3"])
@pytest.mark.parametrize(
    "method",
    [
        "",
        "rope=yarn:factor=2",
        "positions=self_extend:group=4,window=64",
        "kv=h2o:budget=64,recent=8",
        "kv=kvquant:sample=8",
        "kv=keydiff:budget=0.5,keep=kivi,bits=4,group=8,residual=8",
    ],
)
def test_what_is_loaded_goes_on_to_the_bit(cache, family, method):
    model, way, tokens = tiny_model(family), Method.parse(method), text(300)
    found = cache.find(model, way, [*tokens, 7, 8], 320)
    assert found is None
    stored, _ = cache.add(model, way, tokens, DOCUMENTS)
    found = cache.find(model, way, [*tokens, 7, 8], 320)
    assert found.cached == stored
    with model.open(way, length=found.length) as session:
        session.restore(cache.load(found.cached, model))
        got = session.prefill([[7, 8]])
    with model.open(way, length=found.length) as session:
        session.prefill([tokens])
        assert torch.equal(got, session.prefill([[7, 8]]))


def test_the_longest_stored_beginning_is_found(cache):
    for length in (50, 100, 80):
        cache.add(MODEL, PLAIN, text(100)[:length], DOCUMENTS)
    for length, longest in ((120, 100), (101, 100), (100, 80), (81, 80), (60, 50), (50, 0)):
        found = cache.find(MODEL, PLAIN, text(100)[:length] + text(20, 1)[: max(0, length - 100)], 200)
        assert (found.cached.tokens if found else 0) == longest


def test_another_model_precision_method_or_text_finds_nothing(cache, made):
    tokens = [*text(100), 5]
    assert cache.find(MODEL, PLAIN, tokens, 120)
    assert cache.find(tiny_model(num_hidden_layers=2, seed=1), PLAIN, tokens, 120) is None
    assert cache.find(MODEL, Method.parse("kv=full rope=yarn:factor=2"), tokens, 120) is None
    assert cache.find(MODEL, PLAIN, [*text(99), 3, 5], 120) is None
    half = tiny_model(num_hidden_layers=2)
    half.network.to(torch.bfloat16)
    assert cache.find(half, PLAIN, tokens, 120) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weights": "0" * 64}, "for another model"),
        ({"dtype": "bfloat16"}, "in bfloat16, not in float32"),
        ({"method": "rope=pi"}, "by the method 'rope=pi', not by 'plain'"),
        ({"profile": "0" * 64}, "under other names"),
    ],
)
def test_why_stored_tokens_are_not_used_is_said(cache, made, monkeypatch, changed, said):
    monkeypatch.setattr(cache, "readings", lambda: ([replace(made, **changed)], {}))
    assert said in cache.why_not(MODEL, PLAIN, DOCUMENTS)
    assert cache.why_not(MODEL, PLAIN, [Document("a.txt", "text", "text", digest=digest_of("b"))]) == ""


def test_a_request_whose_rotations_depend_on_its_length_is_planned_for_the_stored_one(cache):
    way, tokens = Method.parse("rope=dynamic_ntk"), [*text(600), 5]
    made, _ = cache.add(MODEL, way, text(600), DOCUMENTS)
    assert cache.find(MODEL, way, tokens, 700).length == made.length == 600 + cached.ROOM
    assert cache.find(MODEL, way, tokens, made.length + 1) is None
    assert cache.find(MODEL, way, tokens, made.length).length == made.length


def count_proofs(monkeypatch):
    proofs, prove = [], proof.prove
    monkeypatch.setattr(proof, "prove", lambda *words: proofs.append(words) or prove(*words))
    return proofs


def test_the_first_use_on_a_machine_is_proved_and_later_ones_need_not_be(cache, made, monkeypatch):
    proofs = count_proofs(monkeypatch)
    cache.load(made, MODEL)
    assert proofs == []
    for mark in cache.path(made.key).parent.glob("proved.*"):
        mark.unlink()
    for _ in range(3):
        cache.load(made, MODEL)
    assert len(proofs) == 1
    monkeypatch.setattr(cached, "versions", lambda: {"torch": "another"})
    cache.load(made, MODEL)
    assert len(proofs) == 2
    assert cache.verify(made.key, MODEL) == 0


def damage(path, how):
    data = path.read_bytes()
    match how:
        case "a bit of a value":
            path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        case "cut off":
            path.write_bytes(data[:-9])
        case "only the header":
            path.write_bytes(data[:200])
        case "empty":
            path.write_bytes(b"")
        case "another program's":
            save_file({"a": torch.zeros(3)}, path)
        case "no tensors at all":
            path.write_bytes(b"PK\x03\x04" + bytes(100))
        case "another layout":
            rewritten(path, layout="1")
        case "a name that moves the cursor":
            rewritten(path, about={"files": ["\x1b[2J"]}, sign=True)
        case "a number for a name":
            rewritten(path, about={"model": 3}, sign=True)
        case "a key that leads elsewhere":
            rewritten(path, about={"key": "../../../etc/passwd"}, sign=True)
        case "another text":
            rewritten(path, tensors={"text": torch.tensor([text(100, 1)])}, sign=True)
        case "another place":
            rewritten(path, tensors={"pos": torch.arange(1, 101)[None]}, sign=True)
        case "a probe outside":
            rewritten(path, about={"probe": 10**6}, sign=True)
        case "a renamed layer":
            rewritten(path, tensors={"layer.x.k": torch.zeros(3)}, sign=True)


DAMAGES = [
    ("a bit of a value", "damaged or changed"),
    ("cut off", "cut off"),
    ("only the header", "cut off"),
    ("empty", "cut off"),
    ("another program's", "not one of stored tokens"),
    ("no tensors at all", "no whole file"),
    ("another layout", "has layout '1' and this longspan reads layout 2"),
    ("a name that moves the cursor", "for its files"),
    ("a number for a name", "for its model"),
    ("a key that leads elsewhere", "which is no digest"),
    ("another text", "other tokens than its name says"),
    ("another place", "other tokens than its name says"),
    ("a probe outside", "no proof"),
    ("a renamed layer", "not laid out"),
]


@pytest.mark.parametrize(("how", "said"), DAMAGES)
def test_a_damaged_or_foreign_file_is_refused_and_the_store_stays_as_it_is(cache, made, tmp_path, how, said):
    other, _ = cache.add(MODEL, PLAIN, text(50, 2), DOCUMENTS)
    copy = cache.give(made.key, tmp_path / "copy.safetensors")
    damage(cache.path(made.key), how)
    damage(copy, how)
    cache.load(other, MODEL)
    for use in (lambda: cache.load(made, MODEL), lambda: cache.verify(made.key, MODEL), lambda: cache.take(copy)):
        with pytest.raises(InputError, match=said):
            use()
    good, bad = cache.readings()
    assert other in good
    assert {one.key for one in good} | {*bad} == {made.key, other.key}
    assert list((tmp_path / "home" / "partial").iterdir()) == []


def test_a_damaged_file_is_replaced_when_its_document_is_added_again(cache, made):
    damage(cache.path(made.key), "cut off")
    again, new = cache.add(MODEL, PLAIN, text(100), DOCUMENTS)
    assert (again.key, new) == (made.key, True)
    assert cache.verify(made.key, MODEL) == 0


def test_tokens_that_go_on_otherwise_fail_their_proof(cache, made):
    path = cache.path(made.key)
    with safe_open(path, "pt") as old:
        value = old.get_tensor("layer.1.v").clone()
    value[0, 0, 0, 0] += 1e-3
    rewritten(path, tensors={"layer.1.v": value}, sign=True)
    with pytest.raises(InputError, match="fail their proof"):
        cache.load(made, MODEL)
    rewritten(path, tensors={"layer.1.v": value}, about={"machine": "another"}, sign=True)
    assert 0 < cache.verify(made.key, MODEL) < 1e-4
    rewritten(path, tensors={"layer.1.v": value + 1}, sign=True)
    with pytest.raises(InputError, match="fail their proof"):
        cache.verify(made.key, MODEL)
    rewritten(path, tensors={"layer.1.v": value * float("nan")}, sign=True)
    with pytest.raises(InputError, match=r"non-finite|fail their proof"):
        cache.verify(made.key, MODEL)


def test_tokens_of_another_shape_do_not_fit(cache, made):
    path = cache.path(made.key)
    rewritten(path, tensors={"layer.1.k": torch.zeros(1, 3, 100, 8)}, sign=True)
    with pytest.raises(InputError, match="do not fit tiny-llama"):
        cache.verify(made.key, MODEL)


def test_another_model_is_told_apart_when_it_is_asked_to_prove(cache, made):
    with pytest.raises(InputError, match="for another model"):
        cache.verify(made.key, tiny_model(num_hidden_layers=2, seed=1))


def test_a_file_goes_out_and_comes_in_and_is_proved_there(cache, made, tmp_path, monkeypatch):
    out = cache.give(made.key, tmp_path / "copy.safetensors")
    there = Cache(Archive(tmp_path / "there"))
    assert there.take(out) == (made, True)
    assert there.take(out) == (made, False)
    proofs = count_proofs(monkeypatch)
    there.load(made, MODEL)
    assert len(proofs) == 1
    with pytest.raises(InputError, match="exists: name a file that does not"):
        cache.give(made.key, out)
    with pytest.raises(InputError, match="is no file"):
        there.take(tmp_path / "none")


def test_a_disk_that_is_full_before_or_while_writing_is_said_and_nothing_stays(cache, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("longspan.archive.cache.free", lambda folder: 10)
        with pytest.raises(InputError, match="not enough room on the disk"):
            cache.add(MODEL, PLAIN, text(100), DOCUMENTS)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("longspan.archive.cache.file.write", full)
        with pytest.raises(InputError, match="not enough room on the disk"):
            cache.add(MODEL, PLAIN, text(100), DOCUMENTS)
    assert cache.readings() == ([], {})
    assert list((tmp_path / "home").rglob("*.safetensors")) == []
    cache.add(MODEL, PLAIN, text(100), DOCUMENTS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_what_the_disk_says_is_an_os_error(cache, made):
    stored = proof.opened(cache.path(made.key), made.key)[1]
    with pytest.raises(OSError, match="No space left") as caught:
        file.write(Path("/dev/full"), stored.snapshot, {}, stored.logits_V)
    assert caught.value.errno == errno.ENOSPC


def test_a_method_that_cannot_be_stored_is_refused_before_the_text_is_read(cache, monkeypatch):
    def unfinished(policy, layer):
        full = Full().open(layer)
        names = ("append", "read", "observe", "truncate", "nbytes")
        return SimpleNamespace(**{name: getattr(full, name) for name in names})

    heard = []
    monkeypatch.setattr(InfLLM, "open", unfinished)
    with pytest.raises(InputError, match="InfLLM cannot hand its stored tokens over"):
        cache.add(MODEL, Method.parse("kv=infllm"), text(100), DOCUMENTS, progress=lambda *words: heard.append(words))
    assert heard == []


def test_the_least_recently_used_are_beyond_a_limit(cache):
    made = [cache.add(MODEL, PLAIN, text(100, seed), DOCUMENTS)[0] for seed in range(3)]
    for age, one in enumerate(made):
        os.utime(cache.path(one.key).parent, (10**9 - age, 10**9 - age))
    size = occupied(cache.path(made[0].key).parent)
    cache.load(made[2], MODEL)
    assert cache.beyond(3 * size + 200) == []
    assert cache.beyond(2 * size + 200) == [made[1].key]
    assert set(cache.beyond(0)) == {one.key for one in made}


def test_keys_may_be_shortened_as_long_as_they_are_clear(cache, made):
    assert cache.key(made.key[:4]) == cache.key(made.key) == made.key
    for wrong, said in ((made.key[:3], "4 characters"), ("zzzz", "no key begins"), ("", "4 characters")):
        with pytest.raises(InputError, match=said):
            cache.key(wrong)
    twin = made.key[:8] + "0" * 56
    shutil.copytree(cache.path(made.key).parent, cache.path(made.key).parent.with_name(twin))
    with pytest.raises(InputError, match="2 keys begin"):
        cache.key(made.key[:6])
    cache.remove(twin)
    cache.remove(made.key)
    with pytest.raises(InputError, match="nothing is stored under"):
        cache.path(made.key)
