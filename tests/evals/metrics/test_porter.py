import pytest

from longspan.evals.metrics.porter import stem

# Porter's own examples and the words that NLTK treats otherwise (NLTK 3.8.1 gives these).
WORDS = """caresses ponies dies died agreed plastered motoring hopping falling fizzed
filing happy enjoy say relational conditional valenci geologi radically vietnamization triplicate
formative adjustable adoption homologous controll roll rate cease skies news ally traveling apologi is Running"""
STEMS = """caress poni die die agre plaster motor hop fall fizz
file happi enjoy say relat condit valenc geolog radic vietnam triplic
form adjust adopt homolog control roll rate ceas sky news alli travel apolog is run"""


@pytest.mark.parametrize(("word", "expected"), list(zip(WORDS.split(), STEMS.split(), strict=True)))
def test_stems_are_those_of_nltk(word, expected):
    assert stem(word) == expected
