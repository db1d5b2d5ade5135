"""`darse export`: a plan of a finished study to an adapter in a profile, or to a LoraConfig."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from darse.errors import InputError
from darse.settings import Profile
from darse.store.folder import refuse_empty


def run_export(
    folder: Path,
    *,
    out: Path | None,
    profile: Profile | None,
    as_: str,
    plan: str | None,
    study: str | None,
    store: str | None,
    base: str | None,
    data: str | None,
    trust_remote_code: bool,
) -> None:
    """Export the adapter of a plan in a profile, or the plan as a LoraConfig, which has no profile."""
    if as_ != "adapter" and profile is not None:
        raise InputError(
            f"--as {as_} and --profile {profile} do not go together: a profile is of an adapter; drop one of them"
        )
    kind: Profile = profile or "native"
    if data is not None and kind != "onnx":
        raise InputError(f"the export needs no data for the profile {kind}; drop --data, or use --profile onnx")
    refuse_empty(folder, store)
    from darse.api import open_study
    from darse.choice import choose_plan, plan_name
    from darse.cli.earlier import remark_if_continued
    from darse.plan_source import plan_as_json, plan_as_python, write_plan

    found = open_study(folder, store, study=study, trust_remote_code=trust_remote_code)
    remark_if_continued(folder, store, found.result.study)
    chosen = choose_plan(found.result, plan)
    if as_ == "adapter":
        # a control that is what was found goes by the name it was asked for
        parts = ["adapter", *([] if plan_name(plan) == plan_name(None) else [plan_name(plan)]), kind]
        out = out if out is not None else folder / "-".join(parts)
        with Console(stderr=True).status("exporting, and comparing the outputs with those of the model itself"):
            path = found.export(out, kind, plan=plan, base=base, data=data)
        print(f"{kind} adapter of the {chosen.name} in {path}")
        if kind == "onnx":
            _tell_agreement(path)
        return
    text = (plan_as_python if as_ == "lora-config" else plan_as_json)(found.result, chosen)
    if out is None:
        print(text, end="")
    else:
        write_plan(out, text)
        print(f"written to {out}")


def _tell_agreement(folder: Path) -> None:
    """How fast the model can be, and how far it agrees with the exact one."""
    from darse.model.manifest import peek_manifest
    from darse.score.agreement import Agreement

    facts = peek_manifest(folder).about["onnx"]
    assert isinstance(facts, dict), "it was just written"
    maps, left = facts["maps"], facts["left_in_float"]
    agreement = Agreement(*(facts[name] for name in ("rows", "equal_labels", "score_difference")))
    bits = "all in float32" if left == maps else f"{maps - left} of {maps} maps in eight bits"
    print(f"{bits}: {agreement} of validation")
