"""Run `explore` on four real data sets and write docs/results.md: the figures, whatever they are.

    python benchmarks/results.py --data ../shared/data --out docs/results.md --work /tmp/results

Each study runs in a process of its own, so that its peak memory is its own; a finished one is not run again.
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
COMMON = ["--seeds", "2", "--epochs", "2", "--learning-rate", "2e-3", "--learning-rate", "4e-3", "--max-minutes", "4.5"]


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
    kept = folder / "measured.json"
    if not kept.is_file():
        file, *columns = SETS[name]
        command = ["darse", "explore", str(data / file), *columns, *COMMON, "--out", str(folder)]
        process = subprocess.Popen(command, stdout=sys.stderr)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{name} ended with status {status}")
        verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        kept.write_text(json.dumps({**verdict, "peak_mib": usage.ru_maxrss // 1024}), encoding="utf-8")
    measured: dict[str, object] = json.loads(kept.read_text(encoding="utf-8"))
    return measured


def page(found: dict[str, dict[str, object]]) -> str:
    """The page, Markdown."""
    lines = [
        "# Results on real data",
        "",
        "Printed by `benchmarks/results.py` (the command is in its docstring) on "
        f"{os.cpu_count()} cores ({platform.machine()}), base model all-MiniLM-L6-v2. Each line of options:",
        f"`{' '.join(COMMON)}`. Metrics are on test, mean over the seeds; effects are the found plan against the",
        "control, above 0 means that the plan is better, with a 95 % interval. Other work ran on the same machine, so",
        "minutes are an upper bound.",
        "",
        "These studies were hurried: a limit of minutes may end a search before windows are compared; the finding is",
        "then the uniform plan. They show that the whole path runs on real sets, not what a full search finds.",
        "",
        "| set | verdict | plan (rank per layer) | parameters | best uniform | parameters | metric on test "
        "| effect against best uniform | against shuffled | minutes | peak MiB "
        "| rank correlation: short runs, cuts (plans) |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(row(name, one) for name, one in found.items()),
        "",
        "The sentences of the verdicts:",
        "",
        *(f"- **{name}**: {one['sentence']}" for name, one in found.items()),
        "",
    ]
    return "\n".join(lines)


def row(name: str, one: dict[str, object]) -> str:
    """One line of the table."""
    controls = {control["name"]: control for control in _list(one["controls"])}
    best, shuffled = controls.get("best uniform"), controls.get("shuffled")
    metric = str(one["metric"])
    mean = _table(one["test_mean"])[metric]
    ranks = " ".join(str(rank) for rank in _table(one["plan"]).values())
    uniform = " ".join(str(rank) for rank in _table(best["plan"]).values()) if best else "the same"
    correlations = ", ".join(_figure(one[key]) for key in ("proxy_correlation", "cut_correlation"))
    seconds = one["seconds"]
    assert isinstance(seconds, int | float)
    return (
        f"| {name} | {one['verdict']} | {ranks} | {one['cost']:,} | {uniform} | "
        f"{best['cost'] if best else one['cost']:,} | {metric} {mean:.4f} | "
        f"{_effect(best, metric)} | {_effect(shuffled, metric)} | {seconds / 60:.0f} | "
        f"{one['peak_mib']} | {correlations} ({one['proxy_plans']}) |"
    )


def _effect(control: dict[str, object] | None, metric: str) -> str:
    if control is None:
        return "none: it is the plan"
    scale, unit = (100, " points") if metric == "accuracy" else (1, "")
    effect, low, high = (float(str(control[key])) * scale for key in ("effect", "low", "high"))
    return f"{effect:+.4g} [{low:+.4g}, {high:+.4g}]{unit}"


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
