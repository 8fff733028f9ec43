"""The long run: ``python -m oracle --examples 20000 --seed 1``, from the folder ``tests``."""

from __future__ import annotations

import argparse
import random
from time import perf_counter

from hypothesis import HealthCheck, Phase, given, seed, settings

from oracle.features import Features
from oracle.generate import Flavour, programs
from oracle.judge import judge
from oracle.language import Program

FLAVOURS = {
    "any": Flavour(),
    "failing": Flavour(fails=True),
    "sync": Flavour(is_sync=True),
    "plain": Flavour(is_plain=True),
    "failing-plain": Flavour(is_plain=True, fails=True),
    "plain-sync": Flavour(is_plain=True, is_sync=True),
    "failing-plain-sync": Flavour(is_plain=True, is_sync=True, fails=True),
    "failing-sync": Flavour(is_sync=True, fails=True),
}


def main() -> None:
    """Judge as many programs as asked for, of all flavours by turns of a quarter each."""
    parser = argparse.ArgumentParser(prog="python -m oracle", description=__doc__)
    parser.add_argument("--examples", type=int, default=20_000, help="programs in all")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--flavour", choices=FLAVOURS, help="programs of one flavour only")
    arguments = parser.parse_args()
    flavours = [arguments.flavour] if arguments.flavour else list(FLAVOURS)
    count = -(-arguments.examples // len(flavours))
    for name in flavours:
        print(f"{name}: {count} programs, seed {arguments.seed}", flush=True)
        judge_many(FLAVOURS[name], count, arguments.seed)


def judge_many(flavour: Flavour, count: int, seed_number: int) -> None:
    """Judge programs of one flavour; prints what they exercised, also if one fails."""
    features = Features()
    started = perf_counter()

    @seed(seed_number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs(flavour))
    def every_path_does_what_plain_python_does(program: Program) -> None:
        features.add(program, *judge(program, flavour.is_sync))

    try:
        every_path_does_what_plain_python_does()
    finally:
        seconds = perf_counter() - started
        print(features.table())
        print(f"{seconds:.0f} s, {1000 * seconds / max(features.programs, 1):.1f} ms a program\n")


if __name__ == "__main__":
    main()
