"""Phrases that a text must hold and phrases that it must not, kept while it is written.

One automaton reads along and knows at every character which phrases end here and which
have begun (Aho and Corasick 1975). Decoding under such rules is called lexically
constrained decoding (Hokamp and Liu 2017).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import torch
from torch import Tensor

from ...arguments import whole
from ...codecs.tokenizers import Characters, check_several


class Phrases:
    """The automaton of ``phrases``: in state s the longest beginning just read is s.

    ``beginnings`` are the states, S strings, the shortest first. ``after`` (S, V) is
    the state behind each token; ``ends`` (S, P) tells which phrases end in a state and
    ``under`` (S, P) which begin with it. A beginning is a ``promise`` (S,) if ``texts``
    use it, and only for a phrase: "墨" only in "墨绿", but "酒" also in "酒店". What
    the tokenizer cannot write is left out, of phrases and of texts.

    Raises:
        ValueError: no phrase that can be written, an empty one, or a tokenizer whose
            tokens are not characters.
    """

    def __init__(
        self,
        phrases: Iterable[str],
        tokenizer: Characters,
        texts: Iterable[str] = (),
    ):
        if not isinstance(tokenizer, Characters):
            raise ValueError(
                f"tokenizer={tokenizer}: a phrase can hide across byte pairs, use one "
                "token per character"
            )
        check_several(phrases)
        check_several(texts)
        writable = set(tokenizer.numbers).issuperset
        self.phrases, self.tokenizer = sorted(filter(writable, set(phrases))), tokenizer
        if not self.phrases or "" in self.phrases:
            raise ValueError(f"phrases={self.phrases}: give some, none of them empty")
        cuts = {p[:k] for p in self.phrases for k in range(len(p) + 1)}
        self.beginnings = sorted(cuts, key=lambda text: (len(text), text))
        states = {text: s for s, text in enumerate(self.beginnings)}
        self.shorter = [0] * len(states)  # state of the longest one that ends the same
        self.after = torch.zeros(len(states), len(tokenizer), dtype=torch.long)
        self.ends = torch.zeros(len(states), len(self.phrases), dtype=torch.bool)
        self.under = torch.zeros_like(self.ends)
        for i, phrase in enumerate(self.phrases):
            self.ends[states[phrase], i] = True
            for k in range(len(phrase) + 1):
                self.under[states[phrase[:k]], i] = True
        children: dict[int, list[int]] = {s: [] for s in range(len(states))}
        for s, text in enumerate(self.beginnings[1:], start=1):
            children[states[text[:-1]]].append(s)
        for s in range(len(states)):
            self.after[s] = self.after[self.shorter[s]]
            self.ends[s] |= self.ends[self.shorter[s]]
            for child in children[s]:
                token = int(tokenizer.encode(self.beginnings[child][-1]))
                self.shorter[child] = int(self.after[s, token])
                self.after[s, token] = child
        self.promise = self._promises(filter(writable, texts))

    def _promises(self, texts: Iterable[str]) -> Tensor:
        owners = [tuple(self.phrases[i] for i in row.nonzero()) for row in self.under]
        after, lengths = self.after.tolist(), [len(text) for text in self.beginnings]
        kept = [False] + [None] * (len(lengths) - 1)  # None: not seen yet

        def look(text: str, found: bool | None) -> None:
            state = 0
            for end, token in enumerate(self.tokenizer.encode(text).tolist(), start=1):
                state = s = after[state][token]
                while s:
                    if kept[s] is not False:
                        whole = text.startswith(owners[s], end - lengths[s])
                        kept[s] = (found or kept[s]) if whole else False
                    s = self.shorter[s]

        for text in texts:
            look(text, True)
        for phrase in self.phrases:  # they use each other's beginnings too
            look(phrase, None)
        return torch.tensor([bool(seen) for seen in kept])

    def forbidden(self, wanted: Tensor) -> Tensor:
        """Return the states (B, S) that rows must not enter: ``wanted`` (B, P) bool.

        There a phrase that is not wanted ends, or is promised and no wanted one is.
        """
        other, wanted = (~wanted).float().T, wanted.float().T
        bad = self.ends.float() @ other > 0  # (S, B)
        bad |= self.promise[:, None] & (self.under.float() @ wanted == 0)
        for s in range(1, len(bad)):  # what the state holds at its end is there too
            bad[s] |= bad[self.shorter[s]]
        return bad.T


class Exactly:
    """A constraint of ``GPT.generate``: row i says all of ``wanted[i]``, of the other
    ``phrases`` none, and ends before ``room`` tokens are written.

    Good for one generation only. A row that would end too early, or runs out of room,
    is made to say what it still owes; else it chooses its own words.

    Raises:
        ValueError: a wanted phrase that is not among ``phrases``, or too little room;
            when called, tokens that do not go on from those of the last call.
    """

    def __init__(
        self,
        phrases: Phrases,
        wanted: Sequence[Collection[str]],
        *,
        room: int,
        end: str = "\n",
    ):
        if not wanted:
            raise ValueError("wanted is empty: give the phrases of at least one row")
        room = whole("room", room, 1)
        number = {phrase: i for i, phrase in enumerate(phrases.phrases)}
        self.wanted = torch.zeros(len(wanted), len(number), dtype=torch.bool)
        for row, said in enumerate(wanted):
            for phrase in said:
                if phrase not in number:
                    raise ValueError(
                        f"wanted={phrase!r} is none of the phrases, or the tokenizer "
                        "cannot write it: choose from phrases.phrases"
                    )
                self.wanted[row, number[phrase]] = True
        # one character to spare for each, to keep two phrases apart
        self.lengths = torch.tensor([len(phrase) + 1 for phrase in phrases.phrases])
        if (need := int((self.wanted * self.lengths).sum(1).max())) >= room:
            raise ValueError(
                f"room={room}: the wanted phrases take {need} and an end, give at "
                f"least {need + 1}"
            )
        self.phrases, self.room = phrases, room
        self.end = phrases.tokenizer.end_token(end)
        self.forbidden = phrases.forbidden(self.wanted)
        self.said = torch.zeros_like(self.wanted)
        self.state = torch.zeros(len(wanted), dtype=torch.long)
        self.due: list[list[int]] = [[] for _ in wanted]  # tokens that must come next
        self.read: Tensor | None = None  # the tokens of the last call, (B, T)

    def __call__(self, tokens: Tensor, logits: Tensor) -> Tensor:
        """Return logits (B, V) without what must not follow ``tokens`` (B, T)."""
        tokens, device = tokens.cpu(), logits.device
        if len(tokens) != len(self.wanted):
            raise ValueError(
                f"tokens {tuple(tokens.shape)}: give {len(self.wanted)} rows, as wanted"
            )
        if self.read is None:
            self.read, self.start = tokens, tokens.shape[1]  # where the prompt ends
        old = self.read.shape[1]
        if not torch.equal(tokens[:, :old], self.read):
            raise ValueError(
                f"tokens {tuple(tokens.shape)} do not go on from those of the last "
                "call: make a new Exactly for each generation"
            )
        for token in tokens[:, old:].T:
            self.state = self.phrases.after[self.state, token]
            self.said |= self.phrases.ends[self.state]
        self.read = tokens
        logits = logits.float().cpu()
        missing = self.wanted & ~self.said  # (B, P)
        left = self.room - (tokens.shape[1] - self.start)
        late = (missing * self.lengths).sum(1) + 1 >= left
        owes = missing.any(1) & (late | (logits.argmax(1) == self.end))
        bad = self.forbidden.gather(1, self.phrases.after[self.state])  # (B, V)
        bad[:, self.end] |= missing.any(1)
        logits = logits.masked_fill(bad, -torch.inf)
        for row, due in enumerate(self.due):
            if owes[row] and not due:
                due += self._likeliest(row, missing[row], logits[row])
                if not due:  # something must stand between, and one token is spare
                    opens = self._opening(row, missing[row]) & ~bad[row].cpu()
                    if opens.any():
                        logits[row, ~opens] = -torch.inf
            if due:
                logits[row] = -torch.inf
                logits[row, due.pop(0)] = 0.0
        return logits.to(device)

    def _likeliest(self, row: int, missing: Tensor, logits: Tensor) -> list[int]:
        """The missing phrase that the model would rather begin now, as tokens.

        None if each would make a forbidden one with what stands before it.
        """
        state = int(self.state[row])
        owed = self._owed(missing)
        fit = [tokens for tokens in owed if not self._forbids(row, state, tokens)]
        return max(fit, key=lambda tokens: float(logits[tokens[0]]), default=[])

    def _opening(self, row: int, missing: Tensor) -> Tensor:
        """Tell which tokens (V,) leave a state where a missing phrase can begin."""
        owed, after = self._owed(missing), self.phrases.after[self.state[row]]
        opens = {
            state: any(not self._forbids(row, state, tokens) for tokens in owed)
            for state in set(after.tolist())
        }
        return torch.tensor([opens[state] for state in after.tolist()])

    def _owed(self, missing: Tensor) -> list[list[int]]:
        encode = self.phrases.tokenizer.encode
        return [encode(self.phrases.phrases[i]).tolist() for i in missing.nonzero()]

    def _forbids(self, row: int, state: int, tokens: list[int]) -> bool:
        for token in tokens:
            state = self.phrases.after[state, token]
            if self.forbidden[row, state]:
                return True
        return False
