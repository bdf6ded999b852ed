"""Pictures from sentences: a Transformer over tokens, and a flow over codes."""

import pytest
import torch

import aigc_lib as aigc
from aigc_lib.codecs.tokens import told
from aigc_lib.data import Characters
from aigc_lib.models import VQVAE, LatentTextFlow, MapVAE, Painter
from aigc_lib.models.transformer.gpt import next_token_loss, readable

TEXTS = ["红圆", "蓝方"]
LETTERS = Characters("□红圆蓝方")


@pytest.fixture
def painter():
    torch.manual_seed(0)
    small = VQVAE(16, 3, 6, 8)
    x = torch.rand(20, 3, 16, 16) * 2 - 1
    aigc.fit(small, x, steps=2, batch_size=10)
    model = Painter(LETTERS, small, room=4, depth=1, heads=2, width=16)
    for p in model.net.parameters():  # what begins near 0 would look at nothing
        torch.nn.init.normal_(p, std=0.4)
    return model


def test_a_row_is_a_sentence_and_its_picture(painter):
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    rows = painter.prepare(x, TEXTS)
    assert rows.shape == (2, 4 + 16)
    assert (rows[:, :4] < 0).all()  # only to be read
    assert readable(rows)[0, :4].tolist() == [1, 2, 5, 5]  # 红圆 and two empty places
    tokens = rows[:, 4:].view(2, 4, 4) - painter.first
    assert torch.equal(tokens, painter.autoencoder.encode(x))


def test_only_the_picture_is_learned(painter):
    painter.text_dropout = 0.0
    rows = painter.prepare(torch.rand(5, 3, 16, 16), ["红圆"] * 5)
    losses = []
    painter.training_step(rows, lambda name, loss: losses.append(loss.item()))
    logits = painter.net(readable(rows[:, :-1]))[:, 3:]
    assert losses[0] == pytest.approx(next_token_loss(logits, rows[:, 4:]).item())


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_texts_are_dropped_as_often_as_asked(painter, share):
    painter.text_dropout = share
    rows = painter.prepare(torch.rand(1, 3, 16, 16), ["红圆"]).expand(2_000, -1)
    read = []
    painter.net.forward = lambda tokens, cache=None: (
        read.append(tokens) or torch.zeros(*tokens.shape, painter.vocab_size)
    )
    painter.training_step(rows, lambda name, loss: None)
    dropped = (read[0][:, :4] == painter.first - 1).all(1)
    assert dropped.float().mean().item() == pytest.approx(share, abs=0.04)
    assert torch.equal(read[0][~dropped, :4], readable(rows)[~dropped, :4])


def test_greedy_writing_is_what_the_whole_net_says(painter):
    """With the cache and with guidance, as reading everything anew each time."""
    rule = {"temperature": 0.0}
    empty = torch.full((1, 4), painter.first - 1)
    for guidance in (1.0, 2.5):
        drawn = painter.sample(1, texts="红圆", guidance=guidance, **rule)
        written, none = painter.read("红圆"), empty
        for _ in range(16):
            with torch.no_grad():
                told_, free = (painter.net(row)[:, -1] for row in (written, none))
            logits = (free + guidance * (told_ - free))[:, painter.first :]
            token = logits.argmax(-1, keepdim=True) + painter.first
            written, none = torch.cat([written, token], 1), torch.cat([none, token], 1)
        tokens = written[:, 4:].view(1, 4, 4) - painter.first
        assert torch.equal(drawn, painter.autoencoder.decode(tokens))


def test_the_seed_and_the_text_decide(painter):
    a, b = (painter.sample(2, texts=TEXTS, seed=1) for _ in range(2))
    assert a.shape == (2, *painter.picture_shape)
    assert torch.equal(a, b)
    assert not torch.equal(a, painter.sample(2, texts=TEXTS, seed=2))
    assert not torch.equal(a, painter.sample(2, texts=TEXTS[::-1], seed=1))
    assert painter.sample(3, seed=0).shape == (3, 3, 16, 16)


def test_it_learns_what_a_word_asks_for():
    """Dark or light, by a word: after some steps every picture is as asked."""
    torch.manual_seed(0)
    x = torch.tensor([-0.8, 0.8]).repeat(32)[:, None, None, None].expand(-1, 1, 16, 16)
    x = (x + 0.05 * torch.randn(x.shape)).clamp(-1, 1)
    words = ["暗", "亮"] * 32
    small = VQVAE(16, 1, 4, 8)
    aigc.fit(small, x, steps=40, batch_size=16)
    model = Painter(Characters("暗亮"), small, room=2, depth=1, heads=2, width=32)
    aigc.fit(model, model.prepare(x, words), steps=120, batch_size=32)
    drawn = model.sample(40, texts=["暗", "亮"] * 20, seed=0).mean((1, 2, 3))
    assert (drawn[::2] < 0).float().mean() >= 0.8
    assert (drawn[1::2] > 0).float().mean() >= 0.8


def test_it_comes_back_from_a_file(painter, tmp_path):
    loaded = aigc.models.load(painter.save(tmp_path / "m"))
    mine, theirs = (m.sample(2, texts=TEXTS, seed=3) for m in (painter, loaded))
    torch.testing.assert_close(mine, theirs)


def test_the_autoencoder_stays_as_it_is(painter):
    before = {k: v.clone() for k, v in painter.autoencoder.state_dict().items()}
    rows = painter.prepare(torch.rand(8, 3, 16, 16), TEXTS * 4)
    aigc.fit(painter, rows, steps=2, batch_size=4)
    after = painter.autoencoder.state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.items())


def test_bad_input_is_named(painter):
    with pytest.raises(ValueError, match="text=' '"):
        painter.sample(1, texts=" ")
    with pytest.raises(ValueError, match="2 for n=3"):
        painter.sample(3, texts=TEXTS)
    with pytest.raises(ValueError, match=r"guidance=2.*give a text"):
        painter.sample(1, guidance=2.0)
    with pytest.raises(ValueError, match="n=0"):
        painter.sample(0)
    with pytest.raises(ValueError, match="temperature=-1"):
        painter.sample(1, temperature=-1.0)
    with pytest.raises(ValueError, match="1 pictures, 2 texts"):
        painter.prepare(torch.zeros(1, 3, 16, 16), TEXTS)
    with pytest.raises(ValueError, match="text_dropout=2"):
        Painter(LETTERS, painter.autoencoder, text_dropout=2.0)


def test_texts_are_cut_and_filled_up():
    assert told(["红圆", "蓝方红圆"], LETTERS, 3).tolist() == [[1, 2, -1], [3, 4, 1]]
    assert told("红", LETTERS, 2).tolist() == [[1, -1]]


# ---- the flow over codes -------------------------------------------------------------


@pytest.fixture
def flow():
    torch.manual_seed(0)
    return LatentTextFlow(LETTERS, MapVAE(32, 3, 4, 8), 8, context=4, text_width=16)


def test_a_flow_over_codes_learns_from_sentences_and_draws(flow, tmp_path):
    x = torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8)
    codes = flow.prepare(x)
    assert codes.shape == (16, *flow.sample_shape) == (16, 4, 8, 8)
    torch.testing.assert_close(codes.mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    aigc.fit(flow, (codes, flow.read(TEXTS * 8)), steps=2, batch_size=8)
    drawn = flow.sample(2, labels=TEXTS, guidance=2.0, seed=0, steps=2)
    assert drawn.shape == (2, 3, 32, 32)
    assert drawn.abs().max() <= 1
    assert not torch.equal(drawn, flow.sample(2, labels=TEXTS[::-1], seed=0, steps=2))
    loaded = aigc.models.load(flow.save(tmp_path / "m"))
    again = loaded.sample(2, labels=TEXTS, guidance=2.0, seed=0, steps=2)
    torch.testing.assert_close(again, drawn)


def test_codes_and_pictures_lead_to_one_another(flow):
    x = torch.rand(3, 3, 32, 32) * 2 - 1
    flow.prepare(x)
    expected = flow.autoencoder.decode(flow.autoencoder.encode(x))
    torch.testing.assert_close(flow.pictured(flow.coded(x)), expected)
