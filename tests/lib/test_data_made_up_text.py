"""Customers' utterances and headlines: enough, distinct, tested on new patterns."""

import re
from collections import Counter
from random import Random

import pytest

import aigc_lib as aigc
from aigc_lib.data.made import headlines, service
from aigc_lib.data.made.grammar import CHOICE, SLOT, expanded, filled, phrases, slots

NAMES = ["service", "finance_headlines"]
KINDS = [
    (topic, sentiment, patterns)
    for topic, sentiments in phrases("headlines")["题"].items()
    for sentiment, patterns in sentiments.items()
]
INTENTS = phrases("service")["意图"]


def splits(name):
    return [aigc.data.load(name, split=split) for split in ("train", "test")]


def test_gaps_are_filled_from_their_words():
    words = {"a": ["x", "y"], "b": ["z"]}
    texts = {filled("{a}-{b}-{a}", words, Random(i)) for i in range(50)}
    assert texts == {"x-z-x", "x-z-y", "y-z-x", "y-z-y"}


@pytest.mark.parametrize("name", NAMES)
def test_no_two_texts_alike(name):
    train, test = splits(name)
    assert len({*train, *test}) == len(train) + len(test)
    assert not any(set(text) & set("{}[]| ") for text in (*train, *test))


@pytest.mark.parametrize("name", NAMES)
def test_classes_are_balanced(name):
    for part in splits(name):
        counts = Counter(part.y.tolist())
        assert len(counts) == len(part.classes)
        assert len(set(counts.values())) == 1
        assert len(set(part.y[:50].tolist())) > 1  # and mixed


@pytest.mark.parametrize("name", NAMES)
def test_the_same_texts_every_time(name):
    before = splits(name)[1].texts
    service._utterances.cache_clear()
    headlines._headlines.cache_clear()
    assert splits(name)[1].texts == before


@pytest.mark.parametrize("intent", INTENTS)
def test_an_intent_is_asked_for_in_sixty_ways(intent):
    patterns = [p for core in INTENTS[intent] for p in expanded(core)]
    assert len(set(patterns)) == len(patterns) >= 60
    assert len(INTENTS[intent]) >= 24


def test_there_are_enough_intents_and_each_pattern_has_one():
    assert len(INTENTS) >= 40
    cores = [core for patterns in INTENTS.values() for core in patterns]
    cores += phrases("service")[service.OUTSIDE]
    everything = [pattern for core in cores for pattern in expanded(core)]
    assert len(set(everything)) == len(everything)


def test_a_headline_pattern_has_one_kind():
    everything = [p for *_, cores in KINDS for core in cores for p in expanded(core)]
    assert len(set(everything)) == len(everything)
    assert len(KINDS) == 24


@pytest.mark.parametrize("name", ["service", "headlines"])
def test_every_gap_has_words_and_no_choice_repeats(name):
    written = phrases(name)
    cores = [core for *_, patterns in KINDS for core in patterns]
    if name == "service":
        cores = [core for patterns in INTENTS.values() for core in patterns]
        cores += written[service.OUTSIDE]
    for core in cores:
        assert set(slots(core)) <= set(written["槽"]), core
        for choice in CHOICE.findall(core):
            options = choice.split("|")
            assert len(set(options)) == len(options) >= 2, core


@pytest.mark.parametrize(
    ("name", "label"), [("service", "intent"), ("finance_headlines", "sentiment")]
)
def test_the_test_asks_in_new_ways(name, label):
    train, test = splits(name)
    ways = [{facts["pattern"] for facts in part.facts} for part in (train, test)]
    assert not ways[0] & ways[1]
    for facts, y in zip(test.facts, test.y.tolist(), strict=True):
        assert test.classes[y] == facts[label]


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_written_by_its_pattern(name):
    for part in splits(name):
        for text, facts in zip(part.texts, part.facts, strict=True):
            fixed = SLOT.split(CHOICE.sub("{}", facts["pattern"]))[::2]
            assert re.search(".*".join(map(re.escape, fixed)), text), (text, facts)


def test_a_headline_knows_topic_and_sentiment():
    train, test = splits("finance_headlines")
    for part in (train, test):
        kinds = Counter((f["topic"], f["sentiment"]) for f in part.facts)
        assert len(kinds) == 24
        assert len(set(kinds.values())) == 1
    assert len(train.where(sentiment="负面")) == len(train) // 3
    assert 8 <= max(map(len, train)) <= 45
