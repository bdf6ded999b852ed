"""GPT as a writer: the same text with and without cache, seeds, stops, streams."""

import pytest
import torch
from tiny_gpt import SIZES, TEXT, some_tokens, tiny

from aigc_lib.codecs.tokenizers import BYTES, END_OF_TEXT
from aigc_lib.data import BytePairs, Characters
from aigc_lib.models import GPT
from aigc_lib.models.transformer.gpt import next_token_loss, until
from aigc_lib.nets.attention import POSITIONS

ONE = torch.ones(1, dtype=torch.long)
every_position = pytest.mark.parametrize("positions", POSITIONS)


@pytest.fixture(scope="module")
def poet():
    torch.manual_seed(0)
    return GPT(Characters.train([TEXT]), **SIZES)


@every_position
@pytest.mark.parametrize("length", [1, 5, 16, 23])
@pytest.mark.parametrize("options", [{"temperature": 0}, {"top_p": 0.9, "top_k": 5}])
def test_cached_equals_uncached_beyond_the_context(positions, length, options):
    model, prompt = tiny(positions=positions), some_tokens(3, length)
    options |= {"seed": 0}
    cached = model.generate(prompt, 40, **options)
    assert cached.shape == (3, length + 40)
    assert torch.equal(cached[:, :length], prompt)
    assert torch.equal(cached, model.generate(prompt, 40, cache=False, **options))


@every_position
def test_the_cache_holds_the_weights_that_sample(positions):
    model, prompt = tiny(positions=positions), some_tokens(2, 3)
    model.start_averaging()
    with torch.no_grad():
        for p in model.net.parameters():
            p.add_(torch.randn_like(p))  # the average stays behind
    cached = model.generate(prompt, 20, temperature=0)
    assert torch.equal(cached, model.generate(prompt, 20, temperature=0, cache=False))


def test_a_seed_is_a_text():
    model, prompt = tiny(), some_tokens(4, 2)
    first = model.generate(prompt, 20, seed=5)
    assert torch.equal(first, model.generate(prompt, 20, seed=5))
    assert not torch.equal(first, model.generate(prompt, 20, seed=6))
    samples = model.sample(3, seed=0)
    assert samples.shape == (3, 16)
    assert torch.equal(samples, model.sample(3, seed=0))


def test_a_row_ends_with_its_stop_token():
    model = tiny()
    rows = model.generate(some_tokens(6, 2), 30, seed=0, stop_token=4)[:, 2:]
    for row in rows.tolist():
        if 4 in row:
            assert set(row[row.index(4) :]) == {4}
    always = lambda tokens, logits: logits.index_fill(1, torch.tensor([4]), 1e9)  # noqa: E731
    short = model.generate(some_tokens(6, 2), 30, stop_token=4, constraint=always)
    assert short.shape == (6, 3)


@every_position
@pytest.mark.parametrize("cache", [True, False])
def test_rows_of_different_lengths_are_written_as_each_alone(positions, cache):
    model, rows = tiny(positions=positions), some_tokens(4, 9)
    lengths = torch.tensor([9, 2, 5, 2])
    options = {"temperature": 0, "cache": cache}
    both = model.generate(rows, 20, lengths=lengths, **options)  # beyond the context
    assert both.shape == (4, 29)
    for row, length, found in zip(rows, lengths, both, strict=True):
        alone = model.generate(row[None, :length], 29 - int(length), **options)
        assert torch.equal(alone[0], found)


def test_a_stop_token_counts_only_behind_the_prompt():
    def stop_at_first(tokens, logits):
        return logits.index_fill(1, torch.tensor([3]), 99.0 * (tokens.shape[1] < 9))

    model, rows = tiny(), some_tokens(2, 9)
    rows[0, 4] = 3
    options = {"lengths": torch.tensor([9, 2]), "seed": 0, "stop_token": 3}
    long, short = model.generate(rows, 6, constraint=stop_at_first, **options)
    assert torch.equal(long[:9], rows[0])
    assert (long[9:] != 3).any()
    assert (short[2:] == 3).all()


def test_a_constraint_decides_what_may_come():
    def even(tokens, logits):
        assert len(tokens) == len(logits) == 2
        forbidden = torch.arange(11) % 2 == 1
        return logits.masked_fill(forbidden, -torch.inf)

    written = tiny().generate(some_tokens(2, 3), 30, seed=0, constraint=even)[:, 3:]
    assert not (written % 2).any()


def test_a_constraint_may_change_the_logits_in_place():
    def never_three(tokens, logits):
        logits[:, 3] = -torch.inf
        return logits

    model, prompt = tiny(), some_tokens(2, 3)
    written = model.generate(prompt, 60, seed=0, constraint=never_three, stop_token=5)
    assert not (written[:, 3:] == 3).any()
    short = written[:, :9]  # both may have stopped before
    loss = next_token_loss(model.net(short[:, :-1]), short[:, 1:])
    loss.backward()  # what was written can be trained on
    assert model.net.token.weight.grad.any()


def test_a_stream_is_the_same_text_in_pieces(poet):
    pieces = list(poet.stream("明月", 30, seed=1))
    assert len(pieces) == 30
    tokens = poet.generate(poet.tokenizer.encode("明月")[None], 30, seed=1)[0, 2:]
    assert "".join(pieces) == poet.tokenizer.decode(tokens)
    assert poet.complete("明月", 30, seed=1) == "".join(pieces)
    assert poet.complete("", 5, seed=1)


def test_writing_leaves_the_network_as_it_was_and_uses_no_dropout():
    model = tiny(dropout=0.5).train()
    text = model.generate(some_tokens(1, 2), 8, temperature=0)
    assert model.net.training
    model.start_averaging()
    for _ in range(2):
        assert torch.equal(model.generate(some_tokens(1, 2), 8, temperature=0), text)
    assert model.net.training
    model.train()  # as fit does
    assert torch.equal(model.generate(some_tokens(1, 2), 8, temperature=0), text)


def test_a_stream_leaves_gradients_alone_while_it_waits(poet):
    stream = poet.stream("明月", 3)
    next(stream)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("rule", [{}, {"temperature": 0}, {"repetition_penalty": 9.0}])
def test_rows_that_no_token_has_are_never_written(rule):
    pairs = BytePairs.train([TEXT], vocab_size=260)
    for code, size in ((Characters("ab\n"), 64), (pairs, 512)):
        model = tiny(code, vocab_size=size)
        with torch.no_grad():
            model.net.token.weight[len(code) :] *= 9  # the model would rather
        tokens = model.sample(4, length=60, seed=0, **rule)
        assert (tokens < len(code)).all()
        text = model.complete("a", 40, seed=0, **rule)
        assert (
            text
            == model.texts(model.generate(code.encode("a")[None], 40, seed=0, **rule))[
                0
            ][1:]
        )
        with pytest.raises(ValueError, match=f"numbers from 0 to {len(code) - 1}"):
            model.generate(torch.tensor([[len(code)]]), 1)


def test_gaps_of_a_vocabulary_are_never_written():
    library = pytest.importorskip("tokenizers")
    words = {"a": 0, "b": 3, "[UNK]": 5}
    code = library.Tokenizer(library.models.WordLevel(words, unk_token="[UNK]"))
    tokens = tiny(BytePairs(code.to_str()), vocab_size=9).sample(9, length=30, seed=0)
    assert set(tokens.flatten().tolist()) == {0, 3, 5}


def test_answers_end_with_one_token():
    pairs = BytePairs.train([TEXT], vocab_size=260)
    model = tiny(pairs, vocab_size=260)
    assert len(model.answers(["床"], room=3, end=END_OF_TEXT)) == 1
    with pytest.raises(ValueError, match="end='ab' is 2 tokens"):
        model.answers(["床"], room=3, end="ab")


def test_each_prompt_is_answered_as_it_would_be_alone():
    """Lengths that differ, a line break within, more characters than the context."""
    model = tiny(code := Characters.train([TEXT]), vocab_size=len(code))
    prompts = ["床", "月光\n举头", TEXT[:20], "\n", TEXT[:11], "床"]
    for room in (1, 7):
        together = model.answers(prompts, room=room, temperature=0)
        assert len(set(together)) > 2
        for prompt, answer in zip(prompts, together, strict=True):
            alone = model.complete(prompt, room, temperature=0, stop="\n")
            assert answer == alone
    assert model.answers([], room=3) == []
    first, again, other = (model.answers(prompts, room=9, seed=s) for s in (1, 1, 2))
    assert first == again != other
    assert first[0] != first[5]  # the same prompt twice, and other noise


def test_pieces_are_whole_characters():
    torch.manual_seed(0)
    model = GPT(BytePairs.train(["无关"], vocab_size=257), **SIZES)
    spelled = iter("月🙂a".encode())

    def dictate(tokens, logits):
        byte = next(spelled)
        letter = {v: k for k, v in BYTES.items()}[byte]
        number = model.tokenizer.tokenizer.token_to_id(letter)
        return torch.full_like(logits, -torch.inf).index_fill(
            1, torch.tensor([number]), 0
        )

    assert list(model.stream("x", 8, constraint=dictate)) == ["月", "🙂", "a"]


@pytest.mark.parametrize(
    ("pieces", "stops", "expected"),
    [
        (["ab", "c"], [], ["ab", "c"]),
        (["ab", "cd", "e"], ["c"], ["ab"]),
        (["a", "b", "c", "d"], ["bc"], ["a"]),
        (["a", "b", "d"], ["bc"], ["a", "bd"]),
        (["a", "b"], ["bc"], ["a", "b"]),
        (["xaab"], ["ab", "xa"], []),
        (["a", "a", "b"], ["aab"], []),
    ],
)
def test_stop_strings(pieces, stops, expected):
    assert list(until(pieces, stops)) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.generate(torch.zeros(1, 0, dtype=torch.long), 3), "prompt .1, 0."),
        (lambda m: m.generate(torch.zeros(3, dtype=torch.long), 3), "prompt .3,."),
        (lambda m: m.generate(some_tokens(1, 1), 0), "n=0"),
        (lambda m: m.generate(some_tokens(2, 3), 1, lengths=ONE), "lengths=.1.: give"),
        (lambda m: m.generate(some_tokens(1, 3), 1, lengths=4 * ONE), "of 1 to 3"),
        (lambda m: m.generate(some_tokens(1, 3), 1, lengths=0 * ONE), "of 1 to 3"),
        (lambda m: m.generate(torch.zeros(1, 3), 3), "float32: give .B, T. int64"),
        (lambda m: m.generate(torch.tensor([[11]]), 3), "from 0 to 10"),
        (lambda m: m.generate(torch.tensor([[~3]]), 3), "`readable`"),
        (lambda m: m.sample(0), "n=0"),
        (lambda m: m.sample(1, length=0), "n=0"),
        (lambda m: m.complete("明", 3), "tokenizer=None"),
        (lambda m: m.generate(some_tokens(1, 1), 3, top_k=0), "top_k=0"),
    ],
)
def test_bad_requests(call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny())


def test_an_empty_stop_string(poet):
    with pytest.raises(ValueError, match="stop=''"):
        poet.stream("明月", 3, stop="")
