"""What a benchmark found, with its spread and the circumstances it was found under; printed, or put into docs/benchmarks.md.

Each script owns one section of that page, between two markers; what people wrote around it stays.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Spread:
    """The same thing measured several times."""

    values: tuple[float, ...]

    def __str__(self) -> str:
        """`min / median / max`; of one run, its value."""
        if not self.values:
            return "-"
        if len(self.values) == 1:
            return _short(self.values[0])
        ends = min(self.values), statistics.median(self.values), max(self.values)
        return " / ".join(_short(value) for value in ends)


def spread(values: Sequence[float]) -> Spread:
    return Spread(tuple(values))


@dataclass(frozen=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def markdown(self) -> str:
        lines = [f"| {' | '.join(map(str, row))} |" for row in (self.columns, ["---"] * len(self.columns), *self.rows)]
        return f"{self.title}\n\n" + "\n".join(lines)


@dataclass(frozen=True)
class Options:
    """`quick`: the smallest size, once, to see that the benchmark itself works."""

    quick: bool
    runs: int
    sizes: tuple[int, ...]


def benchmark(
    name: str, about: str, measure: Callable[[Options], Sequence[Table]], *, runs: int, sizes: Sequence[int] = ()
) -> None:
    """The command line of a script: measures, prints, and with --publish replaces the script's section of the page."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the smallest size, once")
    parser.add_argument("--runs", type=int, default=runs, help=f"how often each is measured (default {runs})")
    if sizes:
        told = " ".join(map(str, sizes))
        parser.add_argument("--sizes", type=int, nargs="+", default=list(sizes), help=f"default {told}")
    parser.add_argument("--publish", action="store_true", help=f"write the figures into {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    if given.quick and given.publish:
        parser.error("quick figures are no figures: leave out --quick, or --publish")
    options = Options(given.quick, 1 if given.quick else given.runs, tuple(getattr(given, "sizes", ())))
    # As an exception, so that whatever was started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    before = circumstances()
    tables = measure(options)
    text = _section(tables, options, before, load())
    sys.stdout.write(f"\n{text}\n")
    if given.publish:
        publish(name, text)


def circumstances() -> str:
    """Commit, date and machine."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"commit {_commit()}, {when}, {os.cpu_count()} cores ({_processor()}), load {load()} at the start"


def load() -> str:
    """The load average over one and five minutes: what else the machine was doing."""
    one, five, _ = os.getloadavg()
    return f"{one:.1f} (5 min: {five:.1f})"


def publish(name: str, text: str, page: Path = PAGE) -> None:
    """Puts the text between the section's markers. Raises ValueError if the page has none."""
    begin, end = f"<!-- {name}: made by benchmarks/{name}.py -->", f"<!-- {name}: end -->"
    whole = page.read_text()
    head, found, rest = whole.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no section {begin} … {end}")
    page.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}")


def _section(tables: Sequence[Table], options: Options, before: str, load_after: str) -> str:
    runs = "1 run" if options.runs == 1 else f"{options.runs} runs: min / median / max"
    made = f"_{before}, {load_after} at the end; {runs}._"
    return "\n\n".join((made, *(table.markdown() for table in tables)))


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    # The page itself is what a series of benchmarks changes.
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/benchmarks.md")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"
