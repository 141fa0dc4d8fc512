"""What benchmarks found: one JSON file each in docs/benchmarks, and one table and plot of all.

A benchmark ends with ``record``. ``python -m benchmarks._report``, the end of ``make bench``, reads all files, prints
the table and writes docs/benchmarks.md and docs/images/benchmarks.png. Figures are kept with the machine, the versions
and the command they came from, so that files of several days or machines may stand side by side.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tieout.settings import PROJECT_ROOT

RESULTS = PROJECT_ROOT / "docs" / "benchmarks"
PAGE = PROJECT_ROOT / "docs" / "benchmarks.md"
PLOT = PROJECT_ROOT / "docs" / "images" / "benchmarks.png"
PACKAGES = ("pyarrow", "pyiceberg", "dbt-core", "dbt-trino", "apache-airflow", "numpy", "duckdb")
BOUND = re.compile(r"(≤|≥|<|>)\s*([0-9][0-9,]*(?:\.[0-9]+)?)")


@dataclass(frozen=True)
class Figure:
    """One number. target: as in "≤ 1.7", None where none was set; reached: None without a target."""

    what: str
    value: float
    unit: str
    target: str | None
    reached: bool | None


@dataclass(frozen=True)
class Result:
    """One benchmark's figures, and where and how they were measured."""

    name: str
    title: str
    date: str
    command: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    figures: list[Figure]


def record(name: str, title: str, figures: list[Figure]) -> None:
    """Write docs/benchmarks/<name>.json, in place of an earlier one."""
    result = Result(name, title, f"{datetime.now(UTC):%Y-%m-%d}", _command(), _machine(), _versions(), figures)
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{name}.json"
    # A comparison of numpy's numbers is a bool of numpy's.
    text = json.dumps(asdict(result), indent=2, ensure_ascii=False, default=lambda value: value.item())
    file.write_text(text + "\n")


def load() -> list[Result]:
    """What has been recorded, by name."""
    documents = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))]
    return [Result(**document | {"figures": [Figure(**f) for f in document["figures"]]}) for document in documents]


def main() -> None:
    results = load()
    if not results:
        print("nothing has been recorded: run `make bench`, or one benchmark", file=sys.stderr)
        return
    _print(results)
    PAGE.write_text(_page(results))
    draw(results, PLOT)


def _print(results: list[Result]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("benchmark", "figure", "value", "target", "reached"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for result in results:
        for place, f in enumerate(result.figures):
            table.add_row("" if place else result.name, f.what, shown(f), f.target or "", verdict(f))
    # Piped into a file, rich would take the terminal for 80 columns wide.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _page(results: list[Result]) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` from `docs/benchmarks/*.json`. What the figures mean is in",
        "[performance](performance.md), [forecast](forecast.md) and [anomalies](anomalies.md).",
        "",
        "![Each figure as a share of its target](images/benchmarks.png)",
    ]
    for result in results:
        machine = result.machine
        versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
        lines += [
            "",
            f"## {result.title}",
            "",
            f"`{result.command}`, {result.date}, on {machine['cores']} cores and {machine['memory_gib']} GiB "
            f"({machine['processor']}, {machine['system']}); {versions}.",
            "",
            "| figure | value | target | reached |",
            "|---|---|---|---|",
        ]
        lines += [f"| {f.what} | {shown(f)} | {f.target or ''} | {verdict(f)} |" for f in result.figures]
    return "\n".join(lines) + "\n"


def shown(figure: Figure) -> str:
    """The value with as many digits as help, and its unit."""
    value, size = figure.value, abs(figure.value)
    if value == int(value):
        text = f"{int(value):,}"
    elif size >= 1000:
        text = f"{value:,.0f}"
    elif size >= 0.01:
        text = f"{value:,.{1 if size >= 100 else 2}f}"
    else:
        text = f"{value:.2g}"
    return f"{text} {figure.unit}".strip()


def verdict(figure: Figure) -> str:
    return {None: "", True: "yes", False: "no"}[figure.reached]


def margin(figure: Figure) -> float | None:
    """How many times better than its target a figure is, below 1 if it misses it; None where no ratio says that."""
    bound = BOUND.search(figure.target or "")
    if not bound or figure.value <= 0:
        return None
    target = float(bound[2].replace(",", ""))
    if not target:
        return None
    return target / figure.value if bound[1] in "≤<" else figure.value / target


def draw(results: list[Result], path: Path) -> None:
    """A dot for each figure that has a target to measure by, on a logarithmic scale on which the target is 1."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    dots = [(r.name, f, m) for r in results for f in r.figures if (m := margin(f)) is not None]
    if not dots:
        path.unlink(missing_ok=True)
        return
    reached, missed, grey = "#1f6feb", "#d1730f", "#9aa0a6"
    figure, axes = plt.subplots(figsize=(10, 1.4 + 0.32 * len(dots)), layout="constrained")
    for place, (_, what, times) in enumerate(dots):
        colour = missed if what.reached is False else reached
        axes.plot([1, times], [place, place], color=colour, linewidth=2, alpha=0.5)
        axes.plot(times, place, "o", color=colour, markersize=7)
        axes.annotate(
            f"{shown(what)} (target {what.target})",
            (max(times, 1), place),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="#24292f",
        )
    axes.axvline(1, color=grey, linewidth=1)
    axes.set_xscale("log")
    lowest, highest = min(1, *(d[2] for d in dots)), max(1, *(d[2] for d in dots))
    # Room for the texts right of the outermost dots.
    span = max(highest / lowest, 2)
    axes.set_xlim(lowest / span**0.05, highest * span**0.6)
    axes.set_ylim(len(dots) - 0.4, -0.6)
    axes.set_yticks(range(len(dots)), [f"{name}: {what.what}" for name, what, _ in dots], fontsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.xaxis.set_minor_formatter(lambda *_: "")
    axes.set_xlabel("times better than the target; left of 1× the target is missed")
    axes.grid(axis="x", color="#e5e7eb")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _command() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = f"python -m {spec.name}" if spec else f"python {_near(sys.argv[0])}"
    return " ".join([program, *map(_near, sys.argv[1:])])


def _near(argument: str) -> str:
    """A path as seen from the project."""
    return os.path.relpath(argument, PROJECT_ROOT) if Path(argument).is_absolute() else argument


def _machine() -> dict[str, str | int]:
    import psutil

    memory = round(psutil.virtual_memory().total / 2**30)
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": memory,
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", file.read_text(), re.MULTILINE) if file.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    """Of the servers that the local stack runs, of Python, and of what is installed of PACKAGES."""
    from tieout.local.downloads import MINIO_RELEASE, TRINO_VERSION
    from tieout.postgres_binaries import packaged_binaries

    versions = {}
    if programs := packaged_binaries():
        server = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
        versions["Postgres"] = server.stdout.split()[-1]
    versions |= {
        "Trino": TRINO_VERSION,
        "MinIO": MINIO_RELEASE[:10],
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


if __name__ == "__main__":
    main()
