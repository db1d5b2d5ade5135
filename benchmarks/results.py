"""Run `explore` on four real data sets and write docs/results.md: the figures, whatever they are.

    python benchmarks/results.py --data ../shared/data --out docs/results.md --work /tmp/results

Each study runs in a process of its own, so that its peak memory is its own. What was measured is kept in
benchmarks/results/, one file a set; a set whose file is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

SETS: dict[str, list[str]] = {
    "fiqa_headlines": ["fiqa_headlines/fiqa_headlines.csv", "--score", "score", "--target", "target"],
    "phrasebank_allagree": ["financial_phrasebank/sentences_allagree.csv", "--label", "label"],
    "cr": ["cr/cr.csv", "--label", "label"],
    "uci_sentences": ["uci_sentences/uci_sentences.csv", "--label", "label"],
}
KEPT = Path(__file__).resolve().with_name("results")
_EARLIER_KEY = "cut_correlation"
_EARLIER = (
    "measured with an earlier search, which joined cuts with short runs, confirmed the rank of saturation before it "
    "allocated, and so took longer."
)
COMMON = ["--seeds", "3", "--epochs", "3"]


def main() -> None:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=list(SETS), default=list(SETS))
    options = parser.parse_args()
    found = {name: run(name, options.data, options.work / name) for name in options.only}
    options.out.write_text(page(found), encoding="utf-8")
    print(page(found))


def run(name: str, data: Path, folder: Path) -> dict[str, object]:
    """The verdict of one set, with its peak memory in MiB."""
    kept = KEPT / f"{name}.json"
    if not kept.is_file():
        file, *columns = SETS[name]
        command = ["darse", "explore", str(data / file), *columns, *COMMON, "--out", str(folder)]
        process = subprocess.Popen(command, stdout=sys.stderr)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{name} ended with status {status}")
        verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        measured = {**verdict, "peak_mib": usage.ru_maxrss // 1024}
        kept.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    found: dict[str, object] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def page(found: dict[str, dict[str, object]]) -> str:
    """The page, Markdown."""
    lines = [
        "# Results on real data",
        "",
        "Printed by `benchmarks/results.py` (the command is in its docstring) on "
        f"{os.cpu_count()} cores ({platform.machine()}), base model all-MiniLM-L6-v2, with",
        f"`{' '.join(COMMON)}`: complete searches, no limit on time. Metrics are on test: of the plan the mean over",
        "its runs, one for each seed, with a 95 % interval, and of the one adapter that is exported. Accuracy is in",
        "per cent.",
        *(
            [f"Not measured yet: {', '.join(missing)}."]
            if (missing := [name for name in SETS if name not in found])
            else []
        ),
        "",
        "| set | verdict | plan (rank per layer) | parameters | plan on test | exported adapter | minutes | peak MiB "
        "| rank correlation of cuts (plans) |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(name, one) for name, one in found.items()),
        "",
        *(f"- {name}: {one['remark']}." for name, one in found.items() if "remark" in one),
        *(f"- {name}: {_EARLIER}" for name, one in found.items() if _EARLIER_KEY in one),
        "",
        "The found plan against each control; above 0 means that the plan is better, with a 95 % interval:",
        "",
        "| set | control | its plan | its parameters | effect |",
        "|---|---|---|---|---|",
        *(line for name, one in found.items() for line in control_rows(name, one)),
        "",
        "The sentences of the verdicts:",
        "",
        *(f"- **{name}**: {one['sentence']}" for name, one in found.items()),
        "",
    ]
    return "\n".join(lines)


def row(name: str, one: dict[str, object]) -> str:
    """One line of the first table."""
    level = " ".join((str(one["metric"]), *_level(one)))
    correlation = _figure(one.get(_EARLIER_KEY, one["proxy_correlation"]))
    seconds = one["seconds"]
    assert isinstance(seconds, int | float)
    exported = _table(one["test"])[str(one["metric"])] * _scale(one)
    return (
        f"| {name} | {one['verdict']} | {_ranks(one)} | {one['cost']:,} | {level} | {exported:.4g} | "
        f"{seconds / 60:.1f} | {one['peak_mib'] or 'unknown'} | {correlation} ({one['proxy_plans']}) |"
    )


def control_rows(name: str, one: dict[str, object]) -> list[str]:
    """The lines of a set in the second table."""
    return [
        f"| {name} | {control['name']} | {_ranks(control)} | {control['cost']:,} | "
        f"{_effect(control, str(one['metric']))} |"
        for control in _list(one["controls"])
    ]


def _ranks(planned: dict[str, object]) -> str:
    return " ".join(str(rank) for rank in _table(planned["plan"]).values())


def _effect(control: dict[str, object], metric: str) -> str:
    scale, unit = (100, " points") if metric == "accuracy" else (1, "")
    effect, low, high = (float(str(control[key])) * scale for key in ("effect", "low", "high"))
    return f"{effect:+.4g} [{low:+.4g}, {high:+.4g}]{unit}"


def _level(one: dict[str, object]) -> tuple[str, str]:
    """The metric and its interval."""
    level = _table(one["level"])
    mean, low, high = (f"{level[key] * _scale(one):.4g}" for key in ("mean", "low", "high"))
    return mean, f"[{low}, {high}]"


def _scale(one: dict[str, object]) -> int:
    return 100 if one["metric"] == "accuracy" else 1


def _figure(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "none"


def _list(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def _table(value: object) -> dict[str, float]:
    assert isinstance(value, dict)
    return value


if __name__ == "__main__":
    main()
