"""Train, sample and evaluate models, fetch data, and look after the installation."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import sys
import time
from pathlib import Path

EXAMPLES = {
    "": """
  python -m aigc_lib doctor
  python -m aigc_lib data fashion_mnist
  python -m aigc_lib fit dcgan fashion_mnist --seconds 120 --out gan.safetensors
  python -m aigc_lib sample gan.safetensors --out samples.png
  python -m aigc_lib evaluate gan.safetensors fashion_mnist""",
    "fit": """
  python -m aigc_lib fit mlp_gan ring8 --steps 5000
  python -m aigc_lib fit dcgan fashion_mnist --seconds 120 --set loss=hinge
  python -m aigc_lib fit gpt product_copy --seconds 120 --set context=128
  python -m aigc_lib fit dcgan ~/pictures --seconds 120 --image-size 64
  python -m aigc_lib fit gpt novel.txt --seconds 120
  python -m aigc_lib fit dcgan mnist --steps 20000 --checkpoint run.pt
      (the same again after an interruption goes on where run.pt stops)""",
    "sample": """
  python -m aigc_lib sample gan.safetensors --n 100 --columns 10 --out samples.png
  python -m aigc_lib sample writer.safetensors --n 3 --prompt 品类=雨伞；颜色=墨绿→""",
    "evaluate": """
  python -m aigc_lib evaluate gan.safetensors fashion_mnist --n 10000 --json""",
    "export": """
  python -m aigc_lib export gan.safetensors gan.onnx""",
    "data": """
  python -m aigc_lib data                        what there is, what is at hand
  python -m aigc_lib data mnist fashion_mnist    fetch and verify these""",
    "doctor": """
  python -m aigc_lib doctor""",
}


OWN = [  # options of aigc_lib.data.load for the reader's own files
    ("image-size", int, "side of the squares that pictures become"),
    ("channels", int, "3 for colour, 1 for grey"),
    ("sound-seconds", float, "length that sounds are cut or padded to"),
]


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    0; 1: something is missing (doctor); 2: bad input; 130: interrupted.
    """
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    # ArithmeticError: training that diverged; ModuleNotFoundError: a package that only
    # some need. Anything else is a bug: a traceback.
    except (ValueError, OSError, ArithmeticError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands; it imports nothing heavy, so --help is quick."""
    style = {"formatter_class": argparse.RawDescriptionHelpFormatter}
    top = argparse.ArgumentParser(
        prog="python -m aigc_lib",
        description=__doc__,
        epilog="examples:" + EXAMPLES[""],
        **style,
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(run) -> argparse.ArgumentParser:
        name, text = run.__name__, inspect.getdoc(run)
        epilog = "examples:" + EXAMPLES[name]
        p = commands.add_parser(
            name, help=text, description=text, epilog=epilog, **style
        )
        p.set_defaults(run=run)
        return p

    default = "(default: %(default)s)"
    model_file = {"type": Path, "help": "file that fit wrote"}
    data_name = {
        "help": "name of a data set (see python -m aigc_lib data), or the path of your "
        "own files: a folder of pictures, WAV files, texts or tunes, a .txt or .jsonl"
    }
    seed = {"type": int, "default": 0, "help": default}
    standin = {"help": "set to use where DATA cannot be had: digits"}

    def own_files(p: argparse.ArgumentParser) -> None:
        for name, kind, text in OWN:
            p.add_argument(f"--{name}", type=kind, help=f"of your own files: {text}")

    p = command(fit)
    p.add_argument("model", help="such as dcgan; an unknown name lists all")
    p.add_argument("data", **data_name)
    length = p.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, help="train for so many steps")
    length.add_argument("--seconds", type=float, help="train for so many seconds")
    p.add_argument("--out", type=Path, default="model.safetensors", help=default)
    p.add_argument("--checkpoint", type=Path, help="file to resume from and save to")
    p.add_argument("--save-every", type=int, default=500, help=f"steps {default}")
    p.add_argument("--batch-size", type=int, help="(default: what suits the model)")
    p.add_argument("--seed", **seed)
    p.add_argument("--standin", **standin)
    own_files(p)
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="argument of the model, such as loss=hinge; may be repeated",
    )

    p = command(sample)
    p.add_argument("model", **model_file)
    p.add_argument("--n", type=int, default=64, help=f"samples {default}")
    p.add_argument("--columns", type=int, default=8, help=default)
    p.add_argument("--seed", **seed)
    p.add_argument("--out", type=Path, help="(default: samples.png, .txt, .wav)")
    p.add_argument("--prompt", help="text to go on from, to the end of its line")
    p.add_argument("--temperature", type=float, help="of texts (default: 1.0)")

    p = command(evaluate)
    p.add_argument("model", **model_file)
    p.add_argument("data", **data_name)
    p.add_argument("--split", default="test", help=default)
    p.add_argument("--n", type=int, default=5000, help=f"samples {default}")
    p.add_argument("--seed", **seed)
    p.add_argument("--standin", **standin)
    own_files(p)
    p.add_argument("--json", action="store_true", help="print one JSON object")

    p = command(export)
    p.add_argument("model", **model_file)
    p.add_argument("out", type=Path, help="ONNX file to write")
    p.add_argument("--network", help="such as generator (default: what samples)")

    command(data).add_argument(
        "names", nargs="*", metavar="NAME", help="data set to fetch; none: list all"
    )
    command(doctor)
    return top


# ---- commands: the first line of each is its help ------------------------------------


def fit(arguments: argparse.Namespace) -> None:
    """Train a model and save it."""
    from accelerate import PartialState

    from . import start
    from .arguments import unknown
    from .data import load
    from .kinds import build
    from .models import MODELS
    from .train import fit
    from .train.fit import RECIPE

    if arguments.model not in MODELS:
        raise unknown("model", arguments.model, MODELS)
    options = _options(arguments.set)
    _check_writable(arguments.out)  # before the training, not after it
    run = start(seed=arguments.seed)
    data = load(arguments.data, standin=arguments.standin, **_own(arguments))
    model, samples = build(arguments.model, data, options)
    print(run, data, sep="\n", file=sys.stderr)
    size = arguments.batch_size
    if size is None:  # what suits the model; all samples where there are fewer
        size = min(len(samples), model.recipe.get("batch_size", RECIPE["batch_size"]))
    history = fit(
        model,
        samples,
        steps=arguments.steps,
        seconds=arguments.seconds,
        batch_size=size,
        seed=arguments.seed,
        checkpoint=arguments.checkpoint,
        save_every=arguments.save_every,
    )
    if PartialState().is_main_process:  # under accelerate launch: one file, one line
        print(history)
        print(f"saved {model.save(arguments.out)}")


def sample(arguments: argparse.Namespace) -> None:
    """Draw samples from a saved model: a picture, a text file, or one WAV file."""
    from .kinds import ENDINGS, draw, write
    from .models import load

    if arguments.columns < 1:
        raise ValueError(f"--columns {arguments.columns}: give a number above 0")
    if arguments.out:
        _check_writable(arguments.out)
    model = load(arguments.model)
    if model.modality not in ENDINGS:
        raise ValueError(f"{arguments.model}: {type(model).__name__} draws no samples")
    out = arguments.out or Path(f"samples.{ENDINGS[model.modality]}")
    _check_writable(out)
    of_text = {"prompt": arguments.prompt, "temperature": arguments.temperature}
    of_text = {name: value for name, value in of_text.items() if value is not None}
    samples = draw(model, arguments.n, seed=arguments.seed, **of_text)
    write(model, samples, out, columns=arguments.columns)
    print(f"saved {out}")


def evaluate(arguments: argparse.Namespace) -> None:
    """Compare a saved model with one split of real data."""
    from . import runtime
    from .data import load
    from .kinds import evaluate
    from .models import load as load_model

    model = load_model(arguments.model).to(runtime.pick_device())
    own = _own(arguments)
    data = load(arguments.data, split=arguments.split, standin=arguments.standin, **own)
    began = time.perf_counter()
    figures = evaluate(model, data, n=arguments.n, seed=arguments.seed)
    result = {
        "model": f"{type(model).__name__} from {arguments.model}",
        "data": data.name,
        "split": data.split,
        **figures,
        "seconds": round(time.perf_counter() - began, 2),
        "hardware": runtime.describe_device(model.device),
        "versions": runtime.describe_versions(),
    }
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        text = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{name.replace('_', ' '):32}{text}")


def export(arguments: argparse.Namespace) -> None:
    """Write the network that draws the samples to an ONNX file."""
    from .export import to_onnx
    from .models import load

    _check_writable(arguments.out)
    print(to_onnx(load(arguments.model), arguments.out, network=arguments.network))


def data(arguments: argparse.Namespace) -> None:
    """List the data sets, or fetch and verify some."""
    from .data import CATALOG, cache_dir, catalog, find, load, obtain
    from .data.own import is_own
    from .runtime import optional

    for name in [name for name in arguments.names if is_own(name)]:
        print(load(name).card.markdown())
    cards = [catalog.lookup(name) for name in arguments.names if not is_own(name)]
    for card in cards:
        obtain(card)
        found = f"verified, in {find(card.name)}"
        if card.requires:  # a package brings the data
            optional(card.requires)
            found = f"comes with {card.requires}, which is here"
        print(f"{card.name}: {found}")
    if arguments.names:
        return
    for card in CATALOG.values():
        where = find(card.name) if card.files else card.requires or "built in"
        size = sum(file.bytes for file in card.files) / 1e6
        needs = f"not here: python -m aigc_lib data {card.name}  ({size:.0f} MB)"
        print(f"{card.name:20}{card.title:24}{where or needs}")
    print(f"AIGC_DATA_DIR: {os.environ.get('AIGC_DATA_DIR', 'not set')}")
    print(f"cache: {cache_dir()}")


def doctor(arguments: argparse.Namespace) -> int:
    """Say what works on this machine, what is missing and how to mend it."""
    from .doctor import examine

    return examine()


# ---- what the commands share ---------------------------------------------------------


def _own(arguments: argparse.Namespace) -> dict:
    """The options of ``aigc_lib.data.load`` for the reader's own files."""
    return {
        "image_size": arguments.image_size,
        "channels": arguments.channels,
        "seconds": arguments.sound_seconds,
    }


def _options(pairs: list[str]) -> dict:
    """Turn ``["loss=hinge", "r1=0.1"]`` into keyword arguments."""
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"--set {pair}: write NAME=VALUE, such as loss=hinge")
        try:
            options[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[name] = value  # a word
    return options


def _check_writable(path: Path) -> None:
    """Find out now whether a file can be written, not after an hour of training."""
    if path.is_dir():
        raise ValueError(f"--out {path} is a folder: give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"--out {path}: cannot write to that folder, choose another")


if __name__ == "__main__":
    sys.exit(main())
