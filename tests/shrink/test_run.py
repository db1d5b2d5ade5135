"""Adapters of plain PEFT, shrunk: what comes out is an adapter of plain PEFT that is smaller and not worse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from darse.cli.main import run
from darse.data.example import Example, Task
from darse.data.write import write_rows
from darse.errors import AdapterError, InputError, Interrupted
from darse.execute.local import Watcher
from darse.model.base import find_base
from darse.model.head import in_user_units, task_for_head
from darse.model.lora import installed
from darse.model.peft_adapter import read_peft_adapter
from darse.model.peft_fit import fitted_weights
from darse.model.reload import load_adapter
from darse.model.truncate import spectra, truncate
from darse.model.weights import AdapterWeights
from darse.publish import publish_shrunk
from darse.settings import settings_from_options
from darse.shrink.prepare import ShrinkRequest
from darse.shrink.result import Shrunk
from darse.shrink.run import shrink
from darse.shrink.work import ShrinkAudience
from darse.store.trial import Trial
from darse.study import request as study
from darse.study.run import run_study
from darse.train.encode import encode
from darse.train.predict import predict
from tests import plain_peft
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.tiny import save_model

NAMES = ("negative", "neutral", "positive")
LABELS = ",".join(NAMES)
TEXTS = [str(row["text"]) for row in labelled_rows(200)]


@dataclass(frozen=True)
class Given:
    """An adapter of plain PEFT, and a file to shrink it on."""

    base: Path
    adapter: Path
    data: Path
    outputs: int


def _given(root: Path, base: Path, model: PeftModel, column: str, values: Sequence[str | float], outputs: int) -> Given:
    adapter, data = plain_peft.save(model, root / "adapter"), root / "valid.csv"
    rows: list[dict[str, str | float]] = [
        {"text": text, column: value} for text, value in zip(TEXTS, values, strict=True)
    ]
    write_rows(data, ["text", column], rows)
    return Given(base, adapter, data, outputs)


def _classifier(root: Path, kind: str, **extra: object) -> Given:
    base = save_model(kind, root / "base")
    labels = [NAMES.index(str(row["label"])) for row in labelled_rows(200)]
    lora = plain_peft.config(kind, **extra)
    model = plain_peft.trained(base, lora, TEXTS[:100], torch.tensor(labels[:100]), 3)
    return _given(root, base, model, "label", [NAMES[label] for label in labels], 3)


def _planted(root: Path, kind: str = "bert") -> Given:
    """A regression adapter of stored rank 16 whose updates have rank 2, and its own outputs with noise as the truth."""
    base = save_model(kind, root / "base")
    model = plain_peft.randomised(plain_peft.get_model(base, plain_peft.config(kind, r=16, use_rslora=True), 1))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_A" in name:
                parameter[2:] = 0
        for name, parameter in model.named_parameters():
            if "score" in name or "classifier" in name:
                parameter.mul_(30)
    outputs = plain_peft.logits(model, base, TEXTS)[:, 0]
    noise = torch.randn(len(TEXTS), generator=torch.Generator().manual_seed(2))
    truth = outputs + 0.05 * outputs.std() * noise
    return _given(root, base, model, "score", truth.tolist(), 1)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return _classifier(tmp_path_factory.mktemp("bert"), "bert", use_rslora=True)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return _planted(tmp_path_factory.mktemp("planted"))


def _shrink(given: Given, out: Path, *, labels: tuple[str, ...] = (), **options: object) -> Shrunk:
    settings = settings_from_options({"granularity": "module", "seeds": 2, "epochs": 3, **options})
    finished = shrink(ShrinkRequest(str(given.adapter), given.data, settings, out, labels), ShrinkAudience())
    publish_shrunk(finished, out)
    return finished.result


def _same_as_plain_peft(given: Given, folder: Path) -> None:
    """Our reader and plain peft give the same outputs for an exported folder."""
    loaded = load_adapter(folder)
    rows = encode(loaded.tokenizer, Task(NAMES[: given.outputs]), [Example(1, text) for text in TEXTS], 64)
    ours = predict(loaded.model, rows)
    theirs = plain_peft.reloaded_logits(given.base, folder, TEXTS, given.outputs)
    assert (ours - theirs).abs().max() <= 1e-5 * max(1.0, float(theirs.abs().max()))


@pytest.mark.parametrize("kind", ["bert", "llama", "distilbert"])
def test_cut_at_full_rank_gives_the_outputs_of_plain_peft(kind: str, tmp_path: Path) -> None:
    target = plain_peft.TARGETS[kind][0]
    given = _classifier(tmp_path, kind, rank_pattern={target: 3}, alpha_pattern={target: 5})
    base = find_base(str(given.base))
    model = base.classifier(Task(NAMES))
    adapter = read_peft_adapter(given.adapter)
    weights = fitted_weights(adapter, model, Task(NAMES), 4.0)
    cut = truncate(weights, spectra(weights), adapter.ranks)
    rows = encode(base.tokenizer, Task(NAMES), [Example(1, text) for text in TEXTS], 64)
    theirs = plain_peft.reloaded_logits(given.base, given.adapter, TEXTS, 3)
    for one in (weights, cut):
        with installed(model, one):
            assert (predict(model, rows) - theirs).abs().max() <= 1e-5 * max(1.0, float(theirs.abs().max()))


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_a_score_keeps_its_own_units(kind: str, tmp_path: Path) -> None:
    given = _planted(tmp_path, kind)
    base = find_base(str(given.base))
    task = Task(has_score=True, score_mean=3.0, score_sd=2.0)
    model = base.classifier(task)
    task = task_for_head(model, task)
    weights = fitted_weights(read_peft_adapter(given.adapter), model, task, 4.0)
    rows = encode(base.tokenizer, task, [Example(1, text) for text in TEXTS], 64)
    with installed(model, AdapterWeights(4.0, weights.pairs, in_user_units(model, task, weights.head))):
        ours = predict(model, rows)
    theirs = plain_peft.reloaded_logits(given.base, given.adapter, TEXTS, 1)
    assert (ours - theirs).abs().max() <= 1e-5 * max(1.0, float(theirs.abs().max()))


def test_planted_rank_is_found_and_nothing_is_lost(planted: Given, tmp_path: Path) -> None:
    result = _shrink(planted, tmp_path / "out")
    assert set(result.stored) == {16}
    assert 1 <= max(result.plan) <= 2
    assert result.method == "cut"
    assert result.verdict.verdict in {"smaller", "better"}
    assert result.cost * 8 <= result.stored_cost
    _same_as_plain_peft(planted, tmp_path / "out" / "adapter")


def test_shrunk_classifier_of_an_encoder_reloads_in_plain_peft(bert: Given, tmp_path: Path) -> None:
    result = _shrink(bert, tmp_path / "out", labels=NAMES)
    assert result.cost <= result.stored_cost
    assert result.task.classes == NAMES
    _same_as_plain_peft(bert, tmp_path / "out" / "adapter")
    written = json.loads((tmp_path / "out" / "shrink.json").read_text())
    assert written["cost"] == result.cost
    assert written["controls"][0]["name"] == "uncut adapter"
    config = json.loads((tmp_path / "out" / "adapter" / "adapter_config.json").read_text())
    assert set(config["modules_to_save"]) == {"classifier"}


def test_shrunk_classifier_of_a_decoder_reloads_in_plain_peft(tmp_path: Path) -> None:
    given = _classifier(tmp_path, "llama", rank_pattern={"q_proj": 4, "down_proj": 6})
    result = _shrink(given, tmp_path / "out", labels=NAMES, granularity="layer")
    assert len(result.sites) == 4
    assert all(rank <= before for rank, before in zip(result.plan, result.stored, strict=True))
    _same_as_plain_peft(given, tmp_path / "out" / "adapter")


def test_a_budget_is_kept_and_what_does_not_hold_is_trained_on(planted: Given, tmp_path: Path) -> None:
    result = _shrink(planted, tmp_path / "out", budget="64")
    assert result.cost <= 64
    assert result.method in {"cut", "recovered"}
    assert any("recovered" in one.origins for one in result.candidates)
    _same_as_plain_peft(planted, tmp_path / "out" / "adapter")


def test_the_same_request_again_runs_nothing(planted: Given, tmp_path: Path) -> None:
    first = _shrink(planted, tmp_path / "out")
    ran: list[Trial] = []
    settings = settings_from_options({"granularity": "module", "seeds": 2, "epochs": 3})
    audience = ShrinkAudience(trials=Watcher(finished=ran.append))
    second = shrink(ShrinkRequest(str(planted.adapter), planted.data, settings, tmp_path / "out"), audience).result
    assert not ran
    assert second.as_json() == first.as_json()


def test_stopped_work_is_continued(planted: Given, tmp_path: Path) -> None:
    settings = settings_from_options({"granularity": "module"})
    request = ShrinkRequest(str(planted.adapter), planted.data, settings, tmp_path / "out")
    done: list[Trial] = []

    def stop() -> None:
        if len(done) == 5:
            raise Interrupted(2)

    with pytest.raises(Interrupted):
        shrink(request, ShrinkAudience(trials=Watcher(check=stop, finished=done.append)))
    again: list[Trial] = []
    shrink(request, ShrinkAudience(trials=Watcher(finished=again.append)))
    assert not {trial.id for trial in done} & {trial.id for trial in again}


def test_an_adapter_of_our_own_can_be_shrunk_again(planted: Given, tmp_path: Path) -> None:
    first = _shrink(planted, tmp_path / "one")
    again = Given(planted.base, tmp_path / "one" / "adapter", planted.data, 1)
    assert _shrink(again, tmp_path / "two").cost <= first.cost


@pytest.mark.parametrize("is_finished", [True, False])
def test_what_came_of_another_adapter_is_replaced_only_when_asked(
    is_finished: bool, planted: Given, bert: Given, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = _shrink(planted, out)
    if not is_finished:
        (out / "shrink.json").unlink()
    settings = settings_from_options({"granularity": "module", "seeds": 2, "epochs": 1})
    request = ShrinkRequest(str(bert.adapter), bert.data, settings, out, NAMES)
    if is_finished:
        with pytest.raises(InputError, match=r"out holds what came of .*adapter; choose another --out, or replace it"):
            shrink(request, ShrinkAudience())
        assert json.loads((out / "shrink.json").read_text())["adapter_sha256"] == first.adapter_digest
        request = replace(request, fresh=True)
    assert shrink(request, ShrinkAudience()).result.adapter_digest != first.adapter_digest


def test_fresh_does_everything_again(planted: Given, tmp_path: Path) -> None:
    first = _shrink(planted, tmp_path / "out")
    ran: list[Trial] = []
    settings = settings_from_options({"granularity": "module", "seeds": 2, "epochs": 3})
    request = ShrinkRequest(str(planted.adapter), planted.data, settings, tmp_path / "out", fresh=True)
    again = shrink(request, ShrinkAudience(trials=Watcher(finished=ran.append))).result
    assert len(ran) == again.trials
    assert again.study != first.study
    assert again.plan == first.plan


@pytest.mark.parametrize("is_fresh", [False, True])
def test_neither_a_study_nor_the_given_adapter_is_ever_replaced(
    is_fresh: bool, planted: Given, small_study: SmallStudy, tmp_path: Path
) -> None:
    settings = settings_from_options({})
    study = shutil.copytree(small_study.folder, tmp_path / "study")
    before = (study / "verdict.json").read_bytes()
    for given, out in ((planted.adapter, study), (study / "adapter", study), (planted.adapter, planted.adapter.parent)):
        with pytest.raises(InputError, match=r"holds a study|is the adapter that is given"):
            shrink(ShrinkRequest(str(given), planted.data, settings, out, fresh=is_fresh), ShrinkAudience())
    assert (study / "verdict.json").read_bytes() == before


def test_neither_work_that_was_stopped_is_mixed_with_the_other(
    planted: Given, small_study: SmallStudy, tmp_path: Path
) -> None:
    def stop() -> None:
        raise Interrupted(2)

    settings = settings_from_options({"granularity": "module", "model": str(planted.base)})
    work, searched = tmp_path / "work", shutil.copytree(small_study.folder, tmp_path / "study")
    request = ShrinkRequest(str(planted.adapter), planted.data, settings, work)
    with pytest.raises(Interrupted):
        shrink(request, ShrinkAudience(trials=Watcher(check=stop)))
    with pytest.raises(InputError, match="work holds a shrunk adapter, or the work on one, whose files would be"):
        run_study(study.Request(planted.data, settings, work), study.Audience())
    (searched / "verdict.json").unlink()
    with pytest.raises(InputError, match="study holds a study, whose files would be replaced"):
        shrink(replace(request, out=searched), ShrinkAudience())
    shutil.move(searched / "study.db", tmp_path / "team.db")  # as one that was begun with --store
    with pytest.raises(InputError, match="study holds a study, whose files would be replaced"):
        shrink(replace(request, out=searched), ShrinkAudience())
    assert not (searched / "study.db").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "nothing says which class each of the 3 outputs"),
        (["--labels", "a,b,c"], "the data have the label 'negative', which the adapter's head does not have"),
        (["--labels", "negative,positive"], "2 labels are named"),
        (["--score", "text", "--text", "label"], "cannot be used"),
        (["--labels", LABELS, "--budget", "3"], "raise --budget"),
        (["--labels", LABELS, "--granularity", "head"], "use layer, module or group:N"),
        (["--labels", LABELS, "--model", "./nowhere"], "there is no such folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    options: list[str], said: str, bert: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["shrink", str(bert.adapter), "--data", str(bert.data), "--out", str(tmp_path / "out"), "--quiet"]
    assert run([*command, *options]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("kind", ["llama", "roberta"])
def test_another_base_model_is_refused(kind: str, bert: Given, tmp_path: Path) -> None:
    other = save_model(kind, tmp_path / "other")
    settings = settings_from_options({"granularity": "module"})
    request = ShrinkRequest(str(bert.adapter), bert.data, settings, tmp_path / "out", NAMES, str(other))
    with pytest.raises(AdapterError, match="the base model has no linear map"):
        shrink(request, ShrinkAudience())


def test_more_classes_than_outputs_are_refused(bert: Given, tmp_path: Path) -> None:
    rows = [{"text": text, "label": "abcde"[place % 5]} for place, text in enumerate(TEXTS)]
    write_rows(tmp_path / "five.csv", ["text", "label"], rows)
    request = ShrinkRequest(str(bert.adapter), tmp_path / "five.csv", settings_from_options({}), tmp_path / "out")
    with pytest.raises(AdapterError, match=r"has 3 outputs, but the data have 5 classes \(a, b, c, d, e\)"):
        shrink(request, ShrinkAudience())


def test_a_head_that_nobody_saved_is_refused(bert: Given, tmp_path: Path) -> None:
    lora = plain_peft.config("bert", modules_to_save=None, task_type=None)
    model = plain_peft.randomised(plain_peft.get_model(bert.base, lora, 3))
    adapter = plain_peft.save(model, tmp_path / "adapter")
    request = ShrinkRequest(str(adapter), bert.data, settings_from_options({}), tmp_path / "out", NAMES, str(bert.base))
    with pytest.raises(AdapterError, match=r"has no values for classifier|outputs"):
        shrink(request, ShrinkAudience())


def test_a_language_model_is_refused_with_the_reason(bert: Given, tmp_path: Path) -> None:
    for path in bert.adapter.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"task_type": "CAUSAL_LM"}))
    request = ShrinkRequest(str(tmp_path), bert.data, settings_from_options({}), tmp_path / "out")
    with pytest.raises(AdapterError, match="task type 'CAUSAL_LM'; only classifiers"):
        shrink(request, ShrinkAudience())


def test_the_command_prints_the_verdict_and_where_everything_lies(
    planted: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["shrink", str(planted.adapter), "--data", str(planted.data), "--out", str(out), "--quiet"]
    assert run(command) == 0
    told = capsys.readouterr()
    assert "parameters" in told.out
    assert str(out / "adapter") in told.out
    assert all(len(line) <= 78 for line in told.out.splitlines() if str(tmp_path) not in line)
    assert run([*command, "--json", "--profile", "merged"]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(out)
    assert load_adapter(out / "adapter").manifest.profile == "merged"


def test_a_dry_run_tells_the_work_and_writes_nothing(
    planted: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["shrink", str(planted.adapter), "--data", str(planted.data)]
    assert run([*command, "--dry-run"]) == 0
    assert "without --dry-run the result goes to darse-shrunk-" in capsys.readouterr().out
    assert run([*command, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["event"] == "outlook"
    assert not list(tmp_path.iterdir())
    result = _shrink(planted, tmp_path / "out")
    cuts = [one for one in result.candidates if not {"uncut", "recovered"} & {*one.origins}]
    assert len(result.losses) + len(cuts) < told["passes"] <= 2 * (len(result.losses) + len(cuts)) + 2
    assert told["parameters"] == result.stored_cost
