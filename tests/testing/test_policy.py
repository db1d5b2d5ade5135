"""A file of what a gate asks: read whole, every problem named, nothing in it run or followed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from darse.errors import InputError, SettingsError
from darse.testing.matrix_file import read_matrix
from darse.testing.policy import Policy, read_policy
from tests.test_docs import documented_options

GOOD = """
metric: accuracy
mode: regression
margin: 0.03
alpha: 0.01
undecided: pass
slices: [label, product]
floors:
  - {metric: accuracy, at_least: 0.8}
  - {metric: mse, at_most: 0.2, slice: negation=with, is_sure: true}
budgets: {parameters: 200k, bytes: 5000000, ms: 30, ms_ratio: 1.2, parameters_ratio: 1}
"""


def test_a_policy_is_read_as_written(tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text(GOOD)
    policy = read_policy(tmp_path / "gate.yaml")
    assert (policy.mode, policy.margin, policy.undecided) == ("regression", 0.03, "pass")
    assert policy.floors[1].limit == 0.2
    assert policy.budgets.parameters == 200_000
    assert policy.budgets.asks_for_time


def test_an_empty_mapping_is_the_default_policy(tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text("{}")
    assert read_policy(tmp_path / "gate.yaml") == Policy()


WRONG = {
    "mode: better": "mode must be 'not_worse' or 'regression'",
    "margin: 0": "margin must be above 0, got 0",
    "margin: .inf": "margin must be a finite number",
    "alpha: 0.5": "alpha must be 0.2 or less",
    "floors: [{metric: accuracy}]": "a floor of accuracy needs at_least, and nothing else",
    "floors: [{metric: accuracy, at_most: 0.5}]": "a floor of accuracy needs at_least",
    "floors: [{metric: mse, at_least: 0.5}]": "a floor of mse needs at_most",
    "floors: [{metric: accuracy, at_least: 0.5, slice: label}]": "slice 'label' is none; write label=negative",
    "floors: [{metric: kappa, at_least: 0.5}]": "floors.0.metric",
    "budgets: {parameters: uniform:8}": "is no number of parameters; write 200k",
    "budgets: {parameters: many}": "is no budget",
    "budgets: {ms: 0}": "budgets.ms",
    "more: 1": "more: there is no such option",
}


@pytest.mark.parametrize(("content", "said"), WRONG.items())
def test_a_wrong_part_is_named_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "gate.yaml").write_text(content)
    with pytest.raises(SettingsError) as caught:
        read_policy(tmp_path / "gate.yaml")
    assert said in str(caught.value)


HOSTILE = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b"[" * 10_000,
    b"- &a [x, x]\n- &b [*a, *a]",
    b"!!python/object/apply:os.system ['touch canary']",
    b"mode: !!python/name:os.system",
    b"x" * (1 << 19),
    b"[secret, secret]",
    b"secret line\nanother",
]


@pytest.mark.parametrize("read", [read_policy, read_matrix])
@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_such_file_is_one_error_and_runs_nothing(
    tmp_path: Path, content: bytes, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.yaml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(tmp_path / "file.yaml")  # type: ignore[operator]  # one of the two readers
    assert str(caught.value).isprintable()
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "canary").exists()


MATRIX = """
adapters: [v1, {folder: ../v2, name: new}]
data: [demo, {file: test.csv, label: sentiment, label_map: {"1": good}}, owner/name]
slices: [label]
train: train.csv
"""


def test_names_in_a_matrix_file_are_seen_from_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(MATRIX)
    found = read_matrix(path)
    assert [one.folder for one in found.adapters if not isinstance(one, str)] == [
        str(tmp_path / "v1"),
        str(tmp_path / "../v2"),
    ]
    assert [one.file for one in found.data if not isinstance(one, str)] == [
        "demo",
        str(tmp_path / "test.csv"),
        "owner/name",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("adapters: []\ndata: [demo]", "must not be empty"),
        ("adapters: [a]", "data"),
        ("adapters: [a]\ndata: [{file: x.csv, separator: ab}]", "is no separator"),
        ("adapters: [a]\ndata: [demo]\nmetrics: [kappa]", "metrics"),
    ],
)
def test_a_wrong_matrix_is_named_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "matrix.yaml").write_text(content)
    with pytest.raises(SettingsError) as caught:
        read_matrix(tmp_path / "matrix.yaml")
    assert said in str(caught.value)


DOCS = Path(__file__).resolve().parents[2] / "docs"


def _block(page: str) -> str:
    found = re.search(r"^```yaml\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_files_in_the_documentation_are_good_ones(tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text(_block("gate.md"))
    assert len(read_policy(tmp_path / "gate.yaml").floors) == 3
    (tmp_path / "matrix.yaml").write_text(_block("eval.md"))
    assert len(read_matrix(tmp_path / "matrix.yaml").data) == 2


def test_the_workflow_is_yaml_and_its_command_has_options_that_exist() -> None:
    workflow = yaml.safe_load((DOCS / "gate-workflow.yml").read_text(encoding="utf-8"))
    runs = [step["run"] for step in workflow["jobs"]["gate"]["steps"] if "run" in step]
    (command,) = [run for run in runs if run.startswith("darse ")]
    _, verb, *words = shlex.split(command)
    assert {word for word in words if word.startswith("--")} <= documented_options()[verb]
