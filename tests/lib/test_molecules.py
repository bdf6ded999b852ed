"""Molecules: signs, valences while writing, what RDKit says, the VAE of strings."""

import sys
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib.codecs.molecules import END, Atoms, Valences, Writing, signs
from aigc_lib.codecs.tokenizers import tokenizer_from
from aigc_lib.data.made.molecules import random_molecule, random_molecules
from aigc_lib.metrics import molecules as chemistry
from aigc_lib.models import GPT, StringVAE
from aigc_lib.models.markov import MarkovText

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
SOME = [
    ASPIRIN,
    "CCO",
    "Clc1ccc2[nH]ccc2c1",
    "BrC1=CC=CC=C1",
    "N#CC1CC1",
    "CS(C)(=O)=O",
]


def test_atoms_of_two_letters_and_in_brackets_are_one_sign():
    assert signs("ClCBr[nH]%12c1") == ["Cl", "C", "Br", "[nH]", "%12", "c", "1"]


def test_the_tokenizer_gives_back_what_it_read_and_is_rebuilt_from_its_state():
    code = Atoms.train(SOME)
    text = END.join(["", *SOME, ""])
    assert code.decode(code.encode(text)) == text
    again = tokenizer_from(code.state())
    assert again.alphabet == code.alphabet
    assert code.end_token(END) == 0


@pytest.mark.parametrize(
    ("smiles", "words"),
    [("", "at least one atom"), ("C!C", "'!'"), ("乙醇", "'乙'"), (None, "string")],
)
def test_what_is_no_smiles_is_named(smiles, words):
    with pytest.raises(ValueError, match=words):
        signs(smiles)


def test_a_sign_that_was_never_seen_is_named():
    with pytest.raises(ValueError, match="'I', which the tokenizer never saw"):
        Atoms.train(["CCO"]).encode("CCI")
    with pytest.raises(ValueError, match="list of texts"):
        Atoms.train("CCO")


# ---- what RDKit says


def test_spellings_of_one_molecule_are_one():
    assert chemistry.canonical("OCC") == chemistry.canonical("C(O)C") == "CCO"
    found = chemistry.judge(["OCC", "C(C)O", "CCN", "C(("], ["CCO"])
    assert found == {"valid": 0.75, "unique": 2 / 3, "new": 0.5, "useful": 0.25}


@pytest.mark.parametrize(
    "text",
    ["", "C(", "C1CC", "FC(F)(F)(F)F", "c1cccc1", "x", "CC O", "CC\tname", " CC\n"],
)
def test_no_molecule_is_none_to_the_judge_and_an_error_to_who_needs_one(text):
    assert chemistry.parsed(text) is None
    assert chemistry.judge([text], [])["valid"] == 0
    with pytest.raises(ValueError, match="is no molecule"):
        chemistry.molecule(text)


def test_rdkit_is_silent_here_and_not_elsewhere(capfd):
    assert chemistry.canonical("C((") is None
    assert not capfd.readouterr().err
    pytest.importorskip("rdkit.Chem").MolFromSmiles("C((")
    assert "Parse Error" in capfd.readouterr().err


def test_judging_nothing_is_an_error():
    with pytest.raises(ValueError, match="empty"):
        chemistry.judge([], [])
    with pytest.raises(ValueError, match="list of texts"):
        chemistry.judge("CCO", [])


def test_properties_are_those_of_aspirin():
    weight, log_p, likeness, rings = chemistry.properties([ASPIRIN])[0]
    assert weight == pytest.approx(180.16, abs=0.01)
    assert (log_p, likeness) == pytest.approx((1.31, 0.55), abs=0.01)
    assert rings == 1


def test_a_set_is_at_distance_0_from_itself_and_a_shift_of_one_std_is_1():
    real = np.random.default_rng(0).normal(size=(500, 4))
    same = chemistry.property_distance(real, real)
    moved = chemistry.property_distance(real + real.std(0), real)
    assert max(same.values()) == 0
    assert list(moved.values()) == pytest.approx([1] * 4)


def test_likeness_is_1_with_itself_and_diversity_counts_pairs():
    prints = chemistry.fingerprints([ASPIRIN, "CCO"])
    between = chemistry.likeness(prints, prints)
    assert np.diag(between) == pytest.approx([1, 1])
    assert chemistry.diversity(prints) == pytest.approx(1 - between[0, 1])
    assert chemistry.diversity(chemistry.fingerprints(["CCO"] * 3)) == pytest.approx(0)


def test_a_scaffold_keeps_rings_and_their_links():
    assert chemistry.scaffold("CCc1ccc(CN2CCCC2)cc1O") == "c1ccc(CN2CCCC2)cc1"
    assert chemistry.scaffold("CCO") == ""


def test_a_scaffold_split_shares_no_scaffold():
    texts = [
        f"{'C' * k}{ring}"
        for ring in ("C1CCC1", "C1CC1", "c1ccccc1")
        for k in range(1, 9)
    ] + ["CCO"]
    train, test = chemistry.scaffold_split(texts, 0.4, seed=1)
    assert sorted([*train, *test]) == list(range(len(texts)))
    seen = [{chemistry.scaffold(texts[i]) for i in part} for part in (train, test)]
    assert not seen[0] & seen[1]
    assert "" in seen[0]
    with pytest.raises(ValueError, match="scaffolds: too few"):
        chemistry.scaffold_split(["CCO", "CCN"], 0.5)


def test_a_scaffold_larger_than_the_share_is_never_asked():
    texts = [f"{'C' * k}c1ccccc1" for k in range(1, 7)]
    texts += [f"{'C' * k}C1C{'C' * k}C1" for k in range(1, 9)]
    for seed in range(5):
        _, test = chemistry.scaffold_split(texts, 0.4, seed=seed)
        assert len(test) <= 0.4 * len(texts)
        assert "c1ccccc1" not in {chemistry.scaffold(texts[i]) for i in test}


def test_delaney_on_what_he_published():
    # benzene: 1.69 log P, 78.11 dalton, no rotatable bond, all atoms aromatic
    assert chemistry.delaney(["c1ccccc1"])[0] == pytest.approx(
        0.16 - 0.63 * 1.6866 - 0.0062 * 78.11 - 0.74, abs=1e-3
    )


def test_without_rdkit_the_command_is_told(monkeypatch):
    chemistry._rdkit.cache_clear()
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(
        ModuleNotFoundError, match=r'pip install "aigc-lib\[chemistry\]"'
    ):
        chemistry.canonical("C")
    chemistry._rdkit.cache_clear()


# ---- rules while writing


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
@example(491)  # a ring that opens with a triple bond: no nitrogen can close it
def test_whatever_is_written_under_valences_is_a_molecule(seed):
    code = Atoms.train(["C1=CC=C(S(=O)(=O)N2CC2)C=C1", "N#CC(F)(Cl)C3CC-3", "OBr"])
    source, rule = torch.Generator().manual_seed(seed), Valences(code, 60)
    tokens = torch.zeros(4, 1, dtype=torch.long)
    for _ in range(60):
        logits = torch.randn(4, len(code), generator=source)
        logits = rule(tokens, logits)
        drawn = torch.multinomial(logits.softmax(1), 1, generator=source)
        tokens = torch.cat([tokens, drawn], 1)
    for text in map(code.decode, tokens[:, 1:]):
        assert END in text
        assert chemistry.parsed(text.partition(END)[0]) is not None


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000))
def test_no_molecule_is_forbidden(seed):
    text = chemistry.kekule(random_molecule(Random(seed), 14))
    molecule = Writing()
    for sign in [*signs(text), END]:
        assert molecule.allows(sign), (text, sign)
        molecule.add(sign)


@pytest.mark.parametrize(
    ("begun", "forbidden"),
    [
        ("C", [")"]),
        ("C(", ["(", ")", END, "1"]),
        ("CC1", [END, "1", "F"]),
        ("C1C", ["1", "F"]),  # a ring of two, and no way on
        ("O=C", ["#"]),
        ("C1CC(F)(F)", [")"]),
    ],
)
def test_what_would_end_badly_is_forbidden_in_time(begun, forbidden):
    molecule = Writing()
    for sign in signs(begun):
        assert molecule.allows(sign)
        molecule.add(sign)
    for sign in forbidden:
        assert not molecule.allows(sign), (begun, sign)
    assert any(map(molecule.allows, ("C", END)))


def test_kekule_is_the_same_molecule_without_small_letters():
    for one in SOME:
        text = chemistry.kekule(one)
        assert chemistry.canonical(text) == chemistry.canonical(one)
        assert not set("cnos") & {sign for sign in signs(text) if len(sign) == 1}


def test_signs_without_a_valence_are_refused():
    with pytest.raises(ValueError, match="'c', whose valence is not known"):
        Valences(Atoms.train(["c1ccccc1"]), 40)


def test_a_gpt_writes_molecules_under_the_rule():
    texts = [chemistry.kekule(one) for one in SOME]
    code = Atoms.train(texts)
    model = GPT(code, context=40, depth=1, heads=2, width=16)
    rows = model.generate(
        torch.zeros(10, 1, dtype=torch.long), 40, seed=0, constraint=Valences(code, 40)
    )
    made = [code.decode(row[1:]).partition(END)[0] for row in rows]
    assert all(chemistry.parsed(one) for one in made)


# ---- baselines, data, the VAE


def test_the_grammar_makes_valid_molecules_and_never_the_same_twice():
    made = random_molecules(300, 3)
    assert len(set(made)) == 300
    assert max(map(len, made)) <= 54
    assert chemistry.judge(made, [])["valid"] == 1


def test_a_markov_chain_of_order_0_draws_by_frequency_and_a_long_one_copies():
    rows = [[1, 1, 2], [1, 2, 1]]
    drawn = MarkovText(rows, order=0, end=0).sample(4_000, seed=0)
    flat = [token for row in drawn for token in row]
    assert np.mean([t == 1 for t in flat]) == pytest.approx(2 / 3, abs=0.02)
    assert np.mean([len(row) for row in drawn]) == pytest.approx(3, abs=0.2)
    assert {*map(tuple, MarkovText(rows, order=3, end=0).sample(50))} == {
        *map(tuple, rows)
    }
    with pytest.raises(ValueError, match="empty"):
        MarkovText([], order=2, end=0)


def test_the_stand_in_is_text_with_three_splits_that_share_nothing():
    splits = [
        aigc.data.load("made_molecules", split=s)
        for s in ("train", "test", "scaffolds")
    ]
    seen = [set(split.texts) for split in splits]
    assert not seen[0] & seen[1]
    assert not seen[1] & seen[2]


def test_the_vae_learns_a_few_strings_and_walks_between_them():
    texts = ["CCO", "c1ccccc1", "CCCCN", "CC(C)=O"] * 8
    torch.manual_seed(0)
    model = StringVAE(Atoms.train(texts), 12, 8, 48, hidden_share=0.0, beta=0.01)
    aigc.fit(model, model.rows(texts), steps=300, batch_size=16, ema=0.9)
    assert model.decode(model.encode(texts[:4]), temperature=0) == texts[:4]
    assert model.sample(5, seed=1) == model.sample(5, seed=1)


def test_losses_of_the_vae_in_validation_are_comparable():
    told = []
    for warm_up, hidden_share in ((10**6, 0.9), (1, 0.0)):
        torch.manual_seed(0)
        options = {"warm_up": warm_up, "hidden_share": hidden_share}
        model = StringVAE(Atoms.train(SOME), 30, 4, 8, beta=5.0, **options).eval()
        model.training_step(model.rows(SOME), lambda _, loss: told.append(loss.item()))
        assert model.steps_done == 0
    assert told[0] == told[1]


def test_many_strings_are_read_and_written_as_few(monkeypatch):
    torch.manual_seed(0)
    model = StringVAE(Atoms.train(SOME), 30, 4, 8)
    for p in model.parameters():  # a fresh net writes the same from every z
        torch.nn.init.normal_(p, std=0.5)
    z, texts = torch.randn(7, 4), [*SOME, "CCCO"]
    read, told = model.encode(texts), model.decode(z, temperature=0)
    assert len(set(told)) > 1
    monkeypatch.setattr("aigc_lib.models.base.PART", 3)
    torch.testing.assert_close(model.encode(texts), read)
    assert model.decode(z, temperature=0) == told
    assert model.sample(7, seed=1) == model.sample(7, seed=1)
    assert model.decode(z[:0]) == []


def test_the_vae_names_bad_input():
    model = StringVAE(Atoms.train(["CCO"]), 4, 3, 8)
    for texts, words in (
        ([], "empty"),
        (["CCCCC"], "takes 5 tokens"),
        ([""], "takes 0"),
    ):
        with pytest.raises(ValueError, match=words):
            model.rows(texts)
    with pytest.raises(ValueError, match="z has shape"):
        model.decode(torch.zeros(2, 4))


def test_the_vae_is_saved_and_loaded(tmp_path):
    model = StringVAE(Atoms.train(SOME), 30, 4, 8)
    model.save(tmp_path / "vae.safetensors")
    again = aigc.models.load(tmp_path / "vae.safetensors")
    assert again.sample(3, seed=0) == model.sample(3, seed=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: chemistry.properties("CCO"),
        lambda: chemistry.fingerprints("CCO"),
        lambda: chemistry.delaney("CCO"),
        lambda: chemistry.scaffold_split("CCO"),
        lambda: chemistry.judge(["CCO"], "CCO"),
    ],
)
def test_one_string_is_no_list_of_molecules(call):
    with pytest.raises(ValueError, match="give a list of texts"):
        call()


def test_what_a_table_lacks_is_no_molecule():
    for missing in (float("nan"), None):
        with pytest.raises(ValueError, match=r"smiles=.*give a string"):
            chemistry.properties(["CCO", missing])


def test_properties_that_are_all_alike_have_no_spread():
    real = chemistry.properties(["CCO", "CCO"])
    assert set(chemistry.property_distance(real, real).values()) == {0}
    apart = chemistry.property_distance(chemistry.properties(["CCN", "C"]), real)
    assert apart["weight"] == np.inf
    assert apart["rings"] == 0
    for wrong in (real * np.nan, real[:, :3], real[:0]):
        with pytest.raises(ValueError, match=r"^made "):
            chemistry.property_distance(wrong, real)


def test_rows_without_a_group_are_not_more_than_different():
    assert chemistry.diversity(np.zeros((3, 8))) == 1
