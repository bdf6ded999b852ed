"""Levels: their form, a solver against a plain search, and what writes them."""

from collections import deque

import numpy as np
import pytest
import torch

import aigc_lib as aigc
from aigc_lib.codecs.level_tokens import LevelCodec
from aigc_lib.codecs.levels import BadLevel, SokobanLevel, sokoban_faults, turned
from aigc_lib.data.made.levels import backwards, platforms
from aigc_lib.metrics.levels import expressive_range, grids_of, nearest, spread
from aigc_lib.models import LevelWriter
from aigc_lib.models.markov_tiles import MarkovTiles
from aigc_lib.models.transformer.levels import Plan
from aigc_lib.simulators.platform import farthest
from aigc_lib.simulators.sokoban import FAR, Room, Sokoban, bits, solve

SMALL = """
#######
#@ $ .#
#  #  #
#######
"""


def level(text=SMALL):
    return SokobanLevel.read(text)


# ---- form ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("@", " "), "0 players: give exactly one @ or +"),
        (("@ ", "@@"), "2 players"),
        ((".", " "), "1 boxes, 0 goals: give as many of each"),
        (("@ ", "@$"), "2 boxes, 1 goals"),
        (("#######\n#@", "### ###\n#@"), "the border is open"),
        (("@", "x"), "row 1, column 1: 'x' is none of"),
    ],
)
def test_a_grid_that_is_no_level_is_refused_with_its_fault(change, told):
    with pytest.raises(BadLevel, match=told.replace("@", r"@").replace("+", r"\+")):
        level(SMALL.replace(*change, 1))


def test_all_faults_are_told_and_a_level_has_none():
    faults = sokoban_faults(("#  ", "#$#", "###"))
    assert len(faults) == 2
    assert sokoban_faults(level().rows) == []
    assert sokoban_faults(()) == ["rows: give at least one, all of one length"]
    empty = SMALL.replace("$", " ").replace(".", " ")
    with pytest.raises(BadLevel, match="no box and no goal"):
        level(empty)


def test_what_lies_outside_the_walls_does_not_matter():
    outside = "#####  .\n#@$.# $ \n#####   "
    found = solve(level(outside))
    assert found.answer == "unsolvable"  # the box outside cannot be pushed
    assert solve(level("#####   \n#@$.#  *\n#####   ")).solved


# ---- the solver ----------------------------------------------------------------------


def plainly(one):
    """The fewest pushes by looking at all positions, step by step; None: no way."""
    grid = one.rows
    goals = {(y, x) for y, r in enumerate(grid) for x, s in enumerate(r) if s in ".*+"}
    boxes = {(y, x) for y, r in enumerate(grid) for x, s in enumerate(r) if s in "$*"}
    player = next(
        (y, x) for y, r in enumerate(grid) for x, s in enumerate(r) if s in "@+"
    )
    start = (player, frozenset(boxes))
    fewest, queue, best = {start: 0}, deque([start]), None
    while queue:
        here, now = state = queue.popleft()
        cost = fewest[state]
        if now == goals and (best is None or cost < best):
            best = cost
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            to = here[0] + dy, here[1] + dx
            after, step = now, 0
            if grid[to[0]][to[1]] == "#":
                continue
            if to in now:
                on = to[0] + dy, to[1] + dx
                if grid[on[0]][on[1]] == "#" or on in now:
                    continue
                after, step = now - {to} | {on}, 1
            if fewest.get((to, after), 1 << 30) > cost + step:
                fewest[to, after] = cost + step
                (queue.append if step else queue.appendleft)((to, after))
    return best


def small_levels(n, seed):
    rng, found = np.random.default_rng(seed), []
    while len(found) < n:
        grid = np.full((6, 6), "#")
        grid[1:-1, 1:-1] = np.where(rng.random((4, 4)) < 0.25, "#", " ")
        free = rng.permutation(np.flatnonzero(grid.ravel() == " "))
        if len(free) < 6:
            continue
        flat = grid.ravel()
        flat[free[:5]] = list("@$$..")
        if rng.random() < 0.3:
            flat[free[4]], flat[free[1]] = "*", " "
        found.append(SokobanLevel(tuple("".join(r) for r in flat.reshape(6, 6))))
    return found


def test_the_solver_agrees_with_a_plain_search():
    answers = set()
    for one in small_levels(120, 3):
        wanted, found = plainly(one), solve(one)
        answers.add(found.answer)
        if wanted is None:
            assert found.answer == "unsolvable", str(one)
        else:
            assert found.solved, str(one)
            assert len(found.pushes) == wanted, str(one)
            game = Sokoban(one)
            assert game.play(game.moves(found.pushes))[1] == game.goals
            assert game.bound(game.boxes) <= wanted
    assert answers == {"solved", "unsolvable"}


def test_three_answers():
    hard = level(backwards(1, 5)[0])
    assert solve(hard).answer == "solved"
    assert solve(hard, limit=1).answer == "gave up"
    corner = level("######\n#$ @.#\n######")
    assert solve(corner).answer == "unsolvable"
    with pytest.raises(ValueError, match="limit=0"):
        solve(corner, limit=0)


def test_walls_and_a_second_box_stop_a_push_and_other_letters_are_refused():
    game = Sokoban(level("#######\n#@$$..#\n#     #\n#######"))
    assert game.play("rrr") == (game.player, game.boxes)
    game = Sokoban(level())
    player, boxes = game.play("rrr")
    assert [*bits(player)] == [7 + 4]
    assert [*bits(boxes)] == [7 + 5]
    with pytest.raises(ValueError, match="move 'x'"):
        game.play("x")


def test_homes_are_an_assignment_of_the_bound():
    game = Sokoban(level(backwards(1, 2)[0]))
    bound, homes = game.homes(game.boxes)
    assert sorted(homes) == [*bits(game.boxes)]
    assert sum(game.distances[s, k] for k, s in enumerate(homes)) == bound < FAR
    assert bound == game.bound(game.boxes)


def test_levels_made_backwards_can_be_solved_and_differ():
    made = backwards(12, 4)
    assert all(solve(level(text)).solved for text in made)
    assert len(set(made)) == 12
    assert made == backwards(12, 4) != backwards(12, 5)


# ---- tokens --------------------------------------------------------------------------


def grids(n=6, seed=0):
    made = [level(text) for text in backwards(n, seed)]
    return made, np.array([[list(row) for row in one.rows] for one in made])


@pytest.mark.parametrize("order", ["rows", "room"])
def test_tokens_come_back_as_the_level(order):
    made, x = grids()
    codec = LevelCodec(order=order)
    tokens = codec.encode(x)
    assert tokens.shape == (6, codec.length)
    assert tokens.max() < len(codec)
    assert codec.decode(tokens) == [one.rows for one in made]


def test_the_codec_refuses_what_it_cannot_write():
    _, x = grids(2)
    codec = LevelCodec()
    for y, x_, sign in ((0, 3, " "), (4, 4, "*"), (4, 4, "@")):
        bad = x.copy()
        bad[1][bad[1] == "@"] = " "
        bad[1, y, x_] = sign
        if sign == "@":
            bad[1, 5, 5] = "@"
        with pytest.raises(ValueError, match=r"grids\[1\]: give one player"):
            codec.encode(bad)
    with pytest.raises(ValueError, match=r"give \(N, 10, 10\)"):
        codec.encode(x[:, :9])
    with pytest.raises(ValueError, match="order="):
        LevelCodec(order="columns")


def test_a_model_learns_each_level_in_eight_positions_with_its_class():
    made, _ = grids()
    model = LevelWriter(width=8, depth=1, heads=1)
    x = model.prepare(made, unsaid=0.0)
    assert x.shape == (48, model.codec.length)
    pushes = [len(solve(level("\n".join(r))).pushes) for r in model.codec.decode(x)]
    assert pushes == 8 * pushes[:6]
    games = [Sokoban(one) for one in made]
    kinds = model.kind([g.bound(g.boxes) for g in games]) + model.codec.first
    assert x[:, 0].tolist() == 8 * kinds.tolist()
    one = [Sokoban(SokobanLevel(rows)) for rows in model.codec.decode(x)]
    for game, row in zip(one, x.tolist(), strict=True):  # each box in its goal's order
        places = [t - model.codec.places for t in row[-5:-1]]
        squares = [(p // 8 + 1) * 10 + p % 8 + 1 for p in places]
        found = sum(game.distances[s, k] for k, s in enumerate(squares))
        assert found == game.bound(game.boxes)
    hidden = model.prepare(made, unsaid=1.0)
    assert (hidden[:, 0] == model.codec.first + 4).all()
    with pytest.raises(ValueError, match="turns=9"):
        model.prepare(made, turns=9)


@pytest.mark.parametrize("order", ["rows", "room"])
def test_what_is_held_keeps_the_form_whatever_the_weights(order):
    torch.manual_seed(1)
    model = LevelWriter(order=order, width=8, depth=1, heads=1)
    made = model.codec.decode(model.sample(40, seed=2, temperature=2.0))
    free = model.codec.decode(model.sample(40, seed=2, constrained=False))
    good = [not sokoban_faults(rows) for rows in made]
    assert np.mean(good) >= (1 if order == "rows" else 0.9)
    assert sum(not sokoban_faults(rows) for rows in free) < 10
    again = model.codec.decode(model.sample(40, seed=2, temperature=2.0))
    assert again == made
    with pytest.raises(ValueError, match="difficulty=4: give 0 to 3"):
        model.sample(1, difficulty=4)


def solution(game):
    """The squares of the boxes in the order of the goals that they are pushed to."""
    at = {box: box for box in bits(game.boxes)}
    for square, letter in game.solve().pushes:
        at[square + game.steps[letter]] = at.pop(square)
    return [at[goal] for goal in bits(game.goals)]


def test_what_is_held_forbids_no_level_that_can_be_solved():
    made, x = grids(12, seed=8)
    codec, chances = LevelCodec(), []
    rooms = codec.squares(codec.encode(x))
    for one, inner in zip(made, rooms, strict=True):
        game, plan = Sokoban(one), Plan(codec, inner)
        for square in [*solution(game), *bits(game.player)]:
            place = (square // 10 - 1) * 8 + square % 10 - 1
            assert place in plan.choices(), str(one)
            chances.append(len(plan.choices()) / (inner > 0).sum())
            if plan.boxes.bit_count() < 4:
                plan.place(place)
    assert np.mean(chances) < 0.8  # but it does forbid something


def test_a_lone_box_starts_where_the_solver_says():
    for one in small_levels(40, 9):
        game = Sokoban(one)
        goal = next(bits(game.goals))
        room = Room(game.walls, 1 << goal, 6, 6)
        room.floor = game.floor
        starts = room.starts(goal)
        for square in bits(game.floor & ~game.player):
            flat = ["#" if s == "#" else " " for s in one.flat]
            flat[goal], flat[square] = ".", "*" if square == goal else "$"
            at = next(bits(game.player))
            flat[at] = "+" if at == goal else "@"
            lone = SokobanLevel(
                tuple("".join(flat[k : k + 6]) for k in range(0, 36, 6))
            )
            wanted = solve(lone).solved
            assert bool(starts.get(square, 0) & game.player) == wanted, str(lone)


def test_the_writer_comes_back_from_its_file(tmp_path):
    model = LevelWriter(width=8, depth=1, heads=1, cuts=(5, 9))
    model.save(tmp_path / "m.safetensors")
    other = aigc.models.load(tmp_path / "m.safetensors")
    assert other.cuts == (5, 9)
    assert (other.sample(3, seed=1) == model.sample(3, seed=1)).all()


# ---- chain and metrics ---------------------------------------------------------------


def test_a_chain_writes_what_it_saw_and_only_that():
    stripes = np.tile([[0, 1, 2]], (4, 5, 4))
    made = MarkovTiles(stripes).sample(3, (5, 12), seed=1)
    assert (made == stripes[:3]).all()
    with pytest.raises(ValueError, match="above or to the left"):
        MarkovTiles(stripes, [(0, 1)])
    wide, narrow = stripes[:1, :1], stripes[0, :1, :3]
    made = MarkovTiles([*wide, narrow], [(0, -1)]).sample(2, (1, 6), seed=1)
    assert (made == np.tile([0, 1, 2], 2)).all()
    with pytest.raises(ValueError, match="grids is empty"):
        MarkovTiles(stripes[:0])
    with pytest.raises(ValueError, match="grids hold one of shape"):
        MarkovTiles([stripes])


def test_nearest_knows_the_eight_positions():
    made, _ = grids(4)
    x = grids_of([one.rows for one in made])
    assert (nearest(turned(x, 5), x) == 0).all()
    moved = x.copy()
    moved[:, 0, :3] = ord("?")
    assert (nearest(moved, x) == 3).all()
    assert (nearest(x, x, apart=True) > 5).all()
    with pytest.raises(ValueError, match="levels have sizes"):
        grids_of([("##", "##"), ("###",)])


def test_spread_and_range_in_closed_form():
    a = np.zeros((4, 2, 2), np.uint8)
    assert spread(a) == 0
    a[:2, 0, 0] = 1  # of the six pairs four differ, in one square of four
    assert spread(a) == pytest.approx(4 / 6 / 4)
    plane = np.array([[0, 0], [0, 0], [5, 5], [5, 5]])
    other = np.array([[0, 0], [9, 0], [9, 0], [9, 0]])
    told = expressive_range(plane, other, [[3, 7], [3]])
    assert told == {"overlap": 0.25, "reached": 0.25}
    assert expressive_range(plane, plane, [[3], [3]])["overlap"] == 1


# ---- platforms -----------------------------------------------------------------------


def ground(gap, wall=0):
    rows = ["-" * (10 + gap) for _ in range(12)]
    rows.append("-" * 6 + ("X" if wall else "-") + "-" * (3 + gap))
    for _ in range(wall - 1):
        rows[-1 - _ - 1] = rows[-1]
    return "\n".join([*rows, "X" * 5 + "-" * gap + "X" * 5])


def test_a_gap_and_a_wall_are_as_wide_and_high_as_a_jump_allows():
    wide = [gap for gap in range(16) if farthest(ground(gap), 4)[0]]
    assert wide == [*range(8)]  # four up and four down, a column each, less the edge
    high = [wall for wall in range(8) if farthest(ground(0, wall), 4)[0]]
    assert high == [*range(5)]
    assert farthest(ground(0), 4) == (True, 9, 0)
    assert farthest(ground(3), 4) == (True, 12, 1)


def test_made_platforms_can_be_crossed():
    assert all(farthest(text)[0] for text in platforms(8, 1))


def test_a_level_without_start_or_exit_or_of_another_game_is_refused():
    with pytest.raises(BadLevel, match="nowhere to stand in the right column"):
        farthest("----\n----\nXXX-")
    with pytest.raises(BadLevel, match="row 0, column 1: '#'"):
        farthest("-#--\nXXXX")


def test_real_levels_of_the_corpora_can_be_played():
    try:
        real = aigc.data.load("vglc", split="test")
        boxes = aigc.data.load("boxoban", split="validation")
    except aigc.data.DataUnavailable:
        pytest.skip("boxoban or vglc is not at hand")
    assert len(real) == 3
    assert all(farthest(text)[0] for text in real)
    assert all(solve(level(text)).solved for text in boxes.texts[:10])


def test_line_ends_of_windows_are_no_squares():
    assert SokobanLevel.read("\r\n#####\r\n#@$.#\r\n#####\r\n").width == 5
    for nothing in ("", "\n\n", None, b"#"):
        with pytest.raises(ValueError, match="give"):
            SokobanLevel.read(nothing)


def test_grids_that_cannot_be_compared_are_refused():
    grids = np.full((2, 4, 4), 35)
    for call, message in (
        (lambda: nearest(grids[:0], grids), "made has shape"),
        (lambda: nearest(grids, grids[:, :3, :3]), "give one size"),
        (lambda: spread(grids[:1]), "N >= 2"),
        (lambda: grids_of([["墙墙", "墙墙"]]), "'墙'"),
        (lambda: turned(grids, 1.5), "way=1.5"),
        (lambda: expressive_range([[1, np.nan]], [[1, 2]], [[0], [0]]), "NaN"),
        (lambda: expressive_range([[1, 2, 3]], [[1, 2]], [[0], [0]]), "made has shape"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_the_codec_takes_no_class_or_home_that_is_none():
    codec = LevelCodec(np.int64(6), 1.0)
    assert codec.length == 1 + codec.packs + 2
    rows = ["######", "#@   #", "# $  #", "#  . #", "#    #", "######"]
    grid = np.array([[list(row) for row in rows]])
    assert codec.encode(grid, kinds=[2], homes=[[14]])[0, 0] == codec.first + 2
    for more, message in (
        ({"kinds": [9]}, "kinds"),
        ({"kinds": [0, 0]}, "kinds"),
        ({"homes": [[15]]}, "homes"),
        ({"homes": [[14, 14]]}, "homes"),
    ):
        with pytest.raises(ValueError, match=message):
            codec.encode(grid, **more)
    tokens = codec.encode(grid)
    tokens[0, 1] = -1  # no pack: walls
    assert codec.decode(tokens)[0][1] == "#@####"
