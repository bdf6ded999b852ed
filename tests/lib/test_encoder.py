"""Encoders: what they look at, how they are trained, and a BERT in their place."""

import json
import math

import pytest
import torch
from tiny_encoder import (
    OTHERS,
    QUESTIONS,
    SIZES,
    TEXT,
    classifier,
    restless,
    some_tokens,
    tokenizer,
)
from torch.nn.functional import cross_entropy

import aigc_lib as aigc
from aigc_lib.data import BytePairs, Characters, Windows
from aigc_lib.models import MODELS, MaskedLM, TextClassifier, load_bert
from aigc_lib.models.transformer.encoder import Encoded, masked, without_empty_columns
from aigc_lib.models.transformer.encoder_nets import Encoder

# ---- the network --------------------------------------------------------------------


def test_every_place_is_seen_from_every_place():
    net = restless(MaskedLM(tokenizer(), **SIZES)).net
    tokens = some_tokens(1, 9)
    before = net(tokens)
    for t in range(9):
        changed = tokens.clone()
        changed[:, t] = (changed[:, t] + 3) % 11
        moved = (net(changed) - before).abs().amax(-1)[0]
        assert (moved > 1e-4).all()


def test_order_matters():
    net = restless(MaskedLM(tokenizer(), **SIZES)).net
    a, b = net(torch.tensor([[1, 2, 3], [2, 1, 3]]))[:, 2]
    assert not torch.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("empty", [1, 5, 11])
def test_empty_places_change_nothing(empty):
    model = classifier()
    tokens = some_tokens(3, 16 - empty)
    padded = torch.cat([tokens, torch.full((3, empty), -1)], 1)
    net, encoder = model.net, model.net.encoder
    torch.testing.assert_close(net(padded), net(tokens), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        encoder(padded)[:, : 16 - empty], encoder(tokens), atol=1e-5, rtol=1e-5
    )


def test_a_long_neighbour_changes_nothing():
    model = classifier()
    together = model.logits(QUESTIONS)
    alone = torch.cat([model.logits([text]) for text in QUESTIONS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert together.std() > 0.1


def test_every_weight_learns():
    model = classifier(dropout=0.0)
    x, y = model.encode(QUESTIONS).x, torch.tensor([0, 0, 1, 1])
    cross_entropy(model.net(x), y).backward()
    for name, p in model.net.named_parameters():
        if name.endswith("qkv.bias"):  # that of the keys cancels in the softmax
            assert p.grad.any()
        else:
            assert p.grad is not None, name
            assert p.grad.any(), name


@pytest.mark.parametrize("vocab_size", [65, 1000])
def test_filling_gaps_starts_at_chance(vocab_size):
    torch.manual_seed(0)
    alphabet = "".join(map(chr, range(0x4E00, 0x4E00 + vocab_size)))
    model = MaskedLM(Characters(alphabet))
    loss = model.loss(model.net, some_tokens(16, 64, below=vocab_size))
    assert loss.item() == pytest.approx(math.log(vocab_size), abs=0.1)
    assert model.net.logits(torch.zeros(1, 128)).shape == (1, vocab_size)


# ---- masked pre-training ------------------------------------------------------------


def test_what_is_hidden():
    torch.manual_seed(0)
    tokens = torch.full((200, 100), 7)
    tokens[:, 90:] = -1
    read, wanted = masked(tokens, 1000, 1000, 0.15)
    asked = wanted != -100
    assert (wanted[asked] == 7).all()
    assert not asked[:, 90:].any()
    assert torch.equal(read[~asked], tokens[~asked])
    share = asked[:, :90].float().mean().item()
    assert share == pytest.approx(0.15, abs=0.01)  # 5 deviations are .013
    shown = read[asked]
    hidden, kept = (shown == 1000).float().mean(), (shown == 7).float().mean()
    assert hidden.item() == pytest.approx(0.8, abs=0.03)
    assert kept.item() == pytest.approx(0.1, abs=0.03)
    assert shown[(shown != 7) & (shown != 1000)].unique().numel() > 100
    tokens[:, 5] = 3
    assert (masked(tokens, 1000, 1000, 0.9, [3])[1][:, 5] == -100).all()


def test_the_loss_by_hand():
    torch.manual_seed(0)
    model = restless(MaskedLM(tokenizer(), share=0.5, **SIZES))
    tokens = some_tokens(4, 16)
    torch.manual_seed(3)
    loss = model.loss(model.net, tokens)
    torch.manual_seed(3)
    read, wanted = masked(tokens, model.net.vocab_size, model.net.mask, 0.5)
    log_p = model.net.logits(model.net(read)).log_softmax(-1)
    places = [(b, t) for b in range(4) for t in range(16) if wanted[b, t] >= 0]
    by_hand = -sum(log_p[b, t, wanted[b, t]] for b, t in places) / len(places)
    torch.testing.assert_close(loss, by_hand)


def test_nothing_asked_is_no_loss():
    model = MaskedLM(tokenizer(), share=1e-9, **SIZES)
    loss = model.loss(model.net, some_tokens(2, 4))
    assert loss.item() == 0


def test_it_learns_a_text_and_fills_its_gaps():
    torch.manual_seed(0)
    code = Characters.train([TEXT])
    sizes = SIZES | {"width": 32}
    model = MaskedLM(code, dropout=0.0, learning_rate=3e-3, share=0.3, **sizes)
    runs = Windows(code.encode(TEXT * 3), 16)
    aigc.fit(model, runs, steps=150, batch_size=16, ema=0.9)
    row = code.encode(TEXT[:16])[None]
    holes = row.clone()
    holes[0, [2, 8, 11]] = model.net.mask
    assert code.decode(model.fill(holes)[0]) == TEXT[:16]


# ---- the classifier -----------------------------------------------------------------


def test_from_gaps_to_classes_and_back_from_a_file(tmp_path):
    torch.manual_seed(0)
    reader = restless(MaskedLM(tokenizer(), **SIZES))
    model = TextClassifier.on(reader, ("丢卡", "忘密码"), dropout=0.0)
    ours, theirs = model.net.encoder.state_dict(), reader.net.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert model.config["width"] == 16
    x, _ = model.encode(QUESTIONS * 4)
    data = Encoded(x, torch.tensor([0, 0, 1, 1] * 4))
    aigc.fit(model, data, steps=40, batch_size=8, ema=0.9)
    assert [label for label, _ in model.predict(QUESTIONS)] == [
        *["丢卡"] * 2,
        *["忘密码"] * 2,
    ]
    model.calibrate(data)
    model.threshold.fill_(0.6)
    loaded = aigc.models.load(model.save(tmp_path / "model.safetensors"))
    assert loaded.predict(QUESTIONS + OTHERS) == model.predict(QUESTIONS + OTHERS)
    assert loaded.classes == model.classes
    assert loaded.temperature == model.temperature != 1


def test_what_is_averaged_is_what_goes_on():
    reader = MaskedLM(tokenizer(), **SIZES)
    reader.start_averaging()
    reader.averages["net"].norm.bias.data.fill_(3.0)
    model = TextClassifier.on(reader, ("a", "b"))
    assert (model.net.encoder.norm.bias == 3).all()


def test_texts_as_tokens():
    model = classifier()
    data = model.encode(["卡丢了", "忘"])
    assert data.x.shape == (2, 3)
    assert data.x[1, 1:].tolist() == [-1, -1]
    assert data.y is None
    assert model.encode(["卡" * 99]).x.shape == (1, 16)
    service = aigc.data.load("service", split="test")[:5]
    open_code = Characters.train(service.texts)
    data = TextClassifier(open_code, service.classes).encode(service)
    assert torch.equal(data.y, service.y)
    cut = without_empty_columns(torch.tensor([[1, 2, -1, -1], [1, -1, -1, -1]]))
    assert cut.tolist() == [[1, 2], [1, -1]]


def test_calibration_changes_how_sure_it_is_and_not_of_what():
    torch.manual_seed(0)
    model = classifier()
    x = some_tokens(200, 9)
    y = torch.where(torch.rand(200) < 0.7, model.logits(x).argmax(1), 0)
    before = model.logits(x)
    temperature = model.calibrate(Encoded(x, y))
    after = model.logits(x)
    torch.testing.assert_close(after, before / temperature)
    assert torch.equal(after.argmax(1), before.argmax(1))
    assert cross_entropy(after, y) < cross_entropy(before, y)
    assert model.calibrate(Encoded(x, y)) == pytest.approx(temperature)


@pytest.mark.parametrize("score", ["maximum", "energy"])
def test_what_fits_no_class_gets_none(score):
    model = classifier(score=score)
    model.temperature.fill_(2.0)
    logits = model.logits(QUESTIONS + OTHERS)
    p = logits.softmax(1).amax(1)
    expected = p if score == "maximum" else 2 * logits.exp().sum(1).log()
    torch.testing.assert_close(model.scores(logits), expected)
    assert all(label for label, _ in model.predict(QUESTIONS))  # until it has learned
    threshold = model.learn_to_reject(QUESTIONS, OTHERS)
    kept = [label is not None for label, _ in model.predict(QUESTIONS + OTHERS)]
    assert kept == (expected >= threshold).tolist()
    model.threshold.fill_(model.scores(logits).median())
    labels = model.predict(QUESTIONS + OTHERS)
    assert sum(label is None for label, _ in labels) == 2  # the lower median stays
    torch.testing.assert_close(torch.tensor([q for _, q in labels]), p)


# ---- over transformers' BERT --------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny random BERT as transformers writes it, with a tokenizer of words."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *sorted(set(TEXT.split()[0])),
    ]
    code = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(
            {word: i for i, word in enumerate(words)}, unk_token="[UNK]"
        )
    )
    code.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    code.normalizer = tokenizers.normalizers.BertNormalizer()  # splits Chinese
    code.post_processor = tokenizers.processors.BertProcessing(
        ("[SEP]", 3), ("[CLS]", 2)
    )
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=20,
    )
    model = transformers.BertForMaskedLM(config).eval()
    for p in model.parameters():
        p.data.add_(0.2 * torch.randn_like(p))
    model.save_pretrained(folder)
    code.save(str(folder / "tokenizer.json"))
    return folder, model


def test_the_logits_of_bert(checkpoint):
    folder, theirs = checkpoint
    ours = load_bert(folder, context=20).eval()
    assert isinstance(ours.tokenizer, BytePairs)
    x, _ = ours.encode(["床前明月光", "明月"])
    assert x[1].tolist()[:2] == [2, ours.tokenizer.tokenizer.token_to_id("明")]
    assert x[1].tolist()[3:] == [3, -1, -1, -1]
    assert (ours.net.mask, ours.net.spared) == (4, [2, 3])
    with torch.no_grad():
        seen = (x >= 0).long()
        expected = theirs(input_ids=x.clamp(min=0), attention_mask=seen).logits
        logits = ours.net.logits(ours.net(x))
    torch.testing.assert_close(logits[x >= 0], expected[x >= 0], atol=1e-4, rtol=0)
    assert expected.std() > 0.5


def test_gaps_are_filled_with_what_can_be_spelled(checkpoint):
    """A net may have more rows than its tokenizer has tokens."""
    reader = load_bert(checkpoint[0], context=20)
    net, known = reader.net, len(reader.tokenizer)
    net.vocab_size = known + 3
    words = net.body.embeddings.word_embeddings
    more = 100 * torch.randn(3, net.width)
    words.weight = torch.nn.Parameter(torch.cat([words.weight, more]))
    net.bias = torch.nn.Parameter(torch.cat([net.bias, torch.full((3,), 1e4)]))
    filled = reader.fill(torch.tensor([[2, net.mask, net.mask, 3]]))
    assert filled.max() < known


@pytest.mark.parametrize("context", [6, 7, 8])
def test_a_text_too_long_for_bert_still_ends(checkpoint, context):
    """Seven tokens: five characters in the frame [CLS] ... [SEP], 2 and 3."""
    reader = load_bert(checkpoint[0], context=context)
    (whole,) = load_bert(checkpoint[0], context=20).encode(["床前明月光"]).x.tolist()
    (row,) = reader.encode(["床前明月光"]).x.tolist()
    assert (len(whole), whole[0], whole[-1]) == (7, 2, 3)
    assert row == [*whole[: min(context, 7) - 1], 3]


def test_bert_learns_and_is_saved_like_ours(checkpoint, tmp_path):
    reader = load_bert(checkpoint[0], context=20)
    x, _ = reader.encode(["床前明月光", "疑是地上霜"] * 4)
    aigc.fit(reader, x, steps=2, batch_size=4)
    model = TextClassifier.on(reader, ("前", "后"), learning_rate=5e-3)
    texts = ["床前明月光", "光月明前床"] * 4
    data = Encoded(model.encode(texts).x, torch.tensor([0, 1] * 4))
    aigc.fit(model, data, steps=60, batch_size=4, ema=0.9)
    assert [label for label, _ in model.predict(texts[:2])] == ["前", "后"]
    path = model.save(tmp_path / "bert.safetensors")
    loaded = aigc.models.load(path)
    torch.testing.assert_close(loaded.logits(texts), model.logits(texts))
    again = MaskedLM.load(reader.save(path))
    assert torch.equal(again.fill(x), reader.fill(x))
    assert again.config == reader.config
    assert str(checkpoint[0]) not in json.dumps(reader.config)


def test_a_published_model_that_is_not_at_hand_is_named(monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match=r"'bert-base-nowhere'.*not to be downloaded"):
        load_bert("bert-base-nowhere")


def test_what_is_no_bert_is_refused(checkpoint, tmp_path):
    transformers = pytest.importorskip("transformers")
    with pytest.raises(OSError, match="no such folder with a model in it"):
        load_bert(tmp_path / "none")
    with pytest.raises(ValueError, match="context=21: this one reads 1 to 20"):
        load_bert(checkpoint[0], context=21)
    checkpoint[1].save_pretrained(tmp_path / "mute")
    with pytest.raises(ValueError, match=r"no tokenizer.json with the token"):
        load_bert(tmp_path / "mute", context=20)
    transformers.GPT2Config(n_embd=8, n_head=2, n_layer=1).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="holds a gpt2: choose a BERT"):
        load_bert(tmp_path)


# ---- bad input ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MaskedLM(width=12, heads=4), "width=12, heads=4: give an even"),
        (lambda: MaskedLM(depth=0), "depth=0: give at least 1"),
        (lambda: MaskedLM(dropout=1.0), "dropout=1.0"),
        (lambda: MaskedLM(share=0.0), "share=0.0"),
        (lambda: TextClassifier(classes=("a",)), "give at least two, all different"),
        (lambda: TextClassifier(classes=("a", "a")), "give at least two, all"),
        (lambda: TextClassifier(score="mean"), "score='mean': choose one of"),
        (lambda: TextClassifier().predict(["a"]), "tokenizer=None"),
        (lambda: TextClassifier(ngrams=2), "tokenizer=None"),
        (lambda: TextClassifier(hidden=1.0), "hidden=1.0: give a number"),
        (lambda: TextClassifier(ngrams=-1), "ngrams=-1: give a number of letters"),
        (lambda: classifier().predict([]), "texts: 0 of them"),
        (lambda: classifier().predict("卡丢了"), "texts='卡丢了': give a list of"),
        (lambda: classifier().predict(["卡", ""]), "2 of them, 1 empty"),
        (lambda: classifier().calibrate(QUESTIONS), "data has no classes"),
        (lambda: classifier().logits(some_tokens(1, 17)), "17 of them are more than"),
        (lambda: Encoder(0, 4, depth=1, heads=1, width=2), "vocab_size=0"),
    ],
)
def test_bad_requests(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_registry_knows_them():
    assert MODELS["masked_lm"] is MaskedLM
    assert MODELS["text_classifier"] is TextClassifier
