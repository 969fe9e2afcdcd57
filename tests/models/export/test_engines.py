"""Exports: reloaded by transformers they give our logits, and what an engine cannot express is refused by name."""

import json

import pytest
import torch
from tests.models.export.engines_naive import llamacpp as llamacpp_naive
from tests.models.export.engines_naive import vllm as vllm_naive
from tests.models.tiny_model import saved, tiny_model
from transformers import AutoModelForCausalLM

from longspan.core.discover import entries
from longspan.core.errors import InputError
from longspan.models.export import export
from longspan.models.export.engines import check
from longspan.models.export.llamacpp import flags
from longspan.models.export.proof import TOLERANCE
from longspan.models.export.scaling import changed_rope
from longspan.models.export.vllm import overrides
from longspan.models.method import Method
from longspan.models.model import Model

WINDOW, LENGTH, PAIRS = 64, 256, 4
FACTORS = "|".join(str(1 + pair * 0.75) for pair in range(PAIRS))
WRITTEN = {
    "yarn": "rope=yarn:factor=4",
    "dynamic_ntk": "rope=dynamic_ntk:factor=1.5",
    "pi": "rope=pi:factor=4",
    "ntk_aware": "rope=ntk_aware:factor=6",
    "abf": "rope=abf:base=500000",
    "llama3": "rope=llama3:factor=4",
    "longrope": f"rope=longrope:factor=4,long={FACTORS},short=1|1|1|1",
    "ntk_by_parts": "rope=ntk_by_parts:factor=4",
    "giraffe_power": "rope=giraffe_power",
    "giraffe_truncated": "rope=giraffe_truncated",
}
BEYOND = {"longrope2": "rope=longrope2:factor=4", "longrope": f"rope=longrope:factor=4,long={FACTORS}"}
REFUSED = {
    "rerope": ("positions=rerope:window=32", "No engine can"),
    "snapkv": ("kv=snapkv:budget=128", "No engine can"),
    "dynamic_yarn": ("rope=dynamic_yarn", "change with the length"),
    "entropy_abf": ("rope=entropy_abf", "some tokens or layers apart"),
}
HERE = {entry.name for entry in entries()}


def known(table):
    return [text for name, text in table.items() if name in HERE]


TRANSLATED = [
    *(("vllm", text) for text in known({name: text for name, text in WRITTEN.items() if name != "dynamic_ntk"})),
    *(("vllm", text) for text in known(BEYOND)),
    *(("llamacpp", text) for text in known({name: WRITTEN[name] for name in ("yarn", "pi", "ntk_aware", "abf")})),
]


@pytest.fixture(scope="module", params=["llama", "gemma3"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / request.param
    wide = {"head_dim": 2 * PAIRS} if request.param == "gemma3" else {}
    base = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}} if request.param == "llama" else {}
    saved(folder, family=request.param, max_position_embeddings=WINDOW, initializer_range=0.15, **wide, **base)
    return Model.load(folder, device="cpu", dtype="float32")


def fits(model, text):
    return not (text == WRITTEN["abf"] and changed_rope(model.network)[1].base > 500_000)


def tokens(n):
    return torch.randint(3, 600, (1, n), generator=torch.Generator().manual_seed(n))


def ours(model, method, text_BT):
    with model.open(method, length=text_BT.shape[1]) as session:
        first = session.prefill(text_BT[:, :1].tolist())
        return torch.cat([first[:, None], session.decode(text_BT[:, 1:])], 1)


def reloaded(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize("text", known(WRITTEN))
def test_a_reloaded_folder_gives_our_logits_within_the_window_and_beyond(model, text, tmp_path):
    if not fits(model, text):
        text = "rope=abf:base=5000000"
    method = Method.parse(text)
    exported = export("hf", tmp_path / "out", model, method, LENGTH)
    theirs = reloaded(tmp_path / "out")
    for n in (50, WINDOW, WINDOW + 1, 200):
        with torch.inference_mode():
            gap = (ours(model, method, tokens(n)) - theirs(tokens(n)).logits).abs().max()
        assert gap < TOLERANCE
    assert exported.proof.within < TOLERANCE
    assert exported.proof.beyond < TOLERANCE
    plain = ours(model, Method(), tokens(200)) - ours(model, method, tokens(200))
    assert plain.abs().max() > 10 * TOLERANCE


@pytest.mark.parametrize("text", known(BEYOND))
def test_what_holds_beyond_the_window_only_says_so(model, text, tmp_path):
    method = Method.parse(text)
    exported = export("hf", tmp_path / "out", model, method, LENGTH)
    assert exported.proof.beyond < TOLERANCE
    assert exported.proof.within > TOLERANCE
    assert "the same in requests longer than the window" in exported.notes[0]
    with torch.inference_mode():
        gap = ours(model, method, tokens(200)) - reloaded(tmp_path / "out")(tokens(200)).logits
    assert gap.abs().max() < TOLERANCE


@pytest.mark.parametrize(("engine", "text"), TRANSLATED)
def test_other_engines_compute_our_frequencies_of_their_settings(model, engine, text):
    method = Method.parse(text if fits(model, text) else "rope=abf:base=5000000")
    kind, rope = changed_rope(model.network)
    made = check(engine, model.network, method, LENGTH)
    if engine == "vllm":
        parameters = overrides(made)["rope_parameters"]
        found, temperature = vllm_naive(parameters[kind] if kind else parameters, rope.dim)
    else:
        found, temperature = llamacpp_naive(flags(made), rope.dim, rope.base)
    rotation = method.rope(rope, LENGTH)
    torch.testing.assert_close(torch.tensor(found), rotation.frequencies_P, rtol=3e-6, atol=1e-12)
    assert temperature == pytest.approx(rotation.temperature, rel=1e-6)


@pytest.mark.parametrize("engine", ["hf", "vllm", "llamacpp"])
@pytest.mark.parametrize(("text", "why"), known(REFUSED))
def test_what_no_engine_has_is_refused_with_the_reason(model, text, why, engine, tmp_path):
    if "entropy" in text:
        text += ":base=5000000"
    with pytest.raises(InputError, match=why) as raised:
        export(engine, tmp_path / "out", model, Method.parse(text), LENGTH)
    assert "No engine can: run it with longspan" in str(raised.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("engine", ["vllm", "llamacpp"])
def test_a_refusal_names_the_engines_that_can(model, engine, tmp_path):
    with pytest.raises(InputError, match=r"These can: hf \(transformers\)$"):
        export(engine, tmp_path / "out", model, Method.parse("rope=dynamic_ntk"), LENGTH)


def test_the_exported_window_is_what_the_tokenizer_and_the_configuration_say(model, tmp_path):
    export("hf", tmp_path / "out", model, Method.parse("rope=yarn:factor=4"), LENGTH)
    again = Model.load(tmp_path / "out", device="cpu", dtype="float32")
    assert again.window == LENGTH
    assert again.encode("a needle") == model.encode("a needle")
    record = json.loads((tmp_path / "out/longspan-export.json").read_text())
    assert record["method"] == "rope=yarn:factor=4"


def test_weights_are_shared_and_what_people_edit_is_not(model, tmp_path):
    export("hf", tmp_path / "out", model, Method.parse("rope=yarn:factor=4"), LENGTH)
    shared = {
        path.name: path.samefile(model.folder / path.name)
        for path in (tmp_path / "out").iterdir()
        if (model.folder / path.name).exists()
    }
    assert [name for name, same in shared.items() if same] == ["model.safetensors"]
    config, before = (json.loads((folder / "config.json").read_text()) for folder in (tmp_path / "out", model.folder))
    changed = {name for name in config | before if config.get(name) != before.get(name)}
    assert changed == {"rope_parameters", "max_position_embeddings"}


def test_vllm_gets_the_types_of_layer_it_does_not_change_too(model, tmp_path):
    export("vllm", tmp_path / "out", model, Method.parse("rope=yarn:factor=4"), LENGTH)
    written = json.loads((tmp_path / "out/hf-overrides.json").read_text())["rope_parameters"]
    kind, _ = changed_rope(model.network)
    own = model.network.get_decoder().config.rope_parameters
    assert (written[kind] if kind else written)["rope_type"] == "yarn"
    if kind:
        assert written["sliding_attention"] == own["sliding_attention"]


def test_mistakes_are_told_before_anything_is_written(model, tmp_path):
    yarn = Method.parse("rope=yarn:factor=4")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    cases = [
        ("ollama", "new", LENGTH, "no engine 'ollama'"),
        ("hf", "full", LENGTH, "holds files already"),
        ("hf", "new", WINDOW, "within the window"),
    ]
    for engine, folder, length, why in cases:
        with pytest.raises(InputError, match=why):
            export(engine, tmp_path / folder, model, yarn, length)
    with pytest.raises(InputError, match="in memory only"):
        export("hf", tmp_path / "new", tiny_model(), yarn, 2048)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
