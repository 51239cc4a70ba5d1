"""The workflows of CI: pinned, with least rights, and all that they name is there. The linters are in tests/infra."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from contracts.registry import REPOSITORY
from flows.cli import app
from tasks.diff.markdown import MARKER

FOLDER = REPOSITORY / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
# YAML 1.1 reads the key `on` as true.
WORKFLOWS: dict[str, dict[Any, Any]] = {p.name: yaml.safe_load(p.read_text(encoding="utf-8")) for p in FILES}
SCRIPTS = sorted(p for p in (REPOSITORY / ".ci").iterdir() if p.is_file())
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
RANKS = {"none": 0, "read": 1, "write": 2}


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file, workflow in WORKFLOWS.items():
        for name, job in workflow["jobs"].items():
            yield file, name, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for file, name, job in jobs():
        for step in job.get("steps", ()):
            yield f"{file}, {name}", step


def runs() -> Iterator[tuple[str, str]]:
    """Every script that CI runs: of the workflows, and of .ci/."""
    yield from ((where, step["run"]) for where, step in steps() if "run" in step)
    yield from ((path.name, path.read_text(encoding="utf-8")) for path in SCRIPTS)


def test_there_are_workflows_and_jobs() -> None:
    assert {"ci.yml", "review.yml", "image.yml", "terraform-plan.yml", "deploy.yml"} <= WORKFLOWS.keys()
    assert len(list(jobs())) > 10


# Whom they trust


def test_every_action_is_pinned_by_commit_with_its_version_beside_it() -> None:
    pinned: dict[str, set[str]] = {}
    for path in FILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not (found := re.match(r"\s*(?:- )?uses:\s*(.*)$", line)) or found[1].startswith("./"):
                continue
            parts = re.fullmatch(r"([\w-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", found[1])
            assert parts, f"{path.name}: {line.strip()}"
            pinned.setdefault(parts[1], set()).add(f"{parts[2]} {parts[3]}")
    assert len(pinned) > 5
    assert {name: versions for name, versions in pinned.items() if len(versions) > 1} == {}


def test_every_workflow_of_ours_that_is_called_is_there_and_may_be_called() -> None:
    called = [(file, job, job["uses"]) for file, _, job in jobs() if "uses" in job]
    assert called
    for file, job, uses in called:
        target = WORKFLOWS[Path(uses).name]
        assert (REPOSITORY / uses).exists(), (file, uses)
        asked = target[True]["workflow_call"] or {}
        needed = {name for name, body in asked.get("inputs", {}).items() if body.get("required")}
        assert needed <= job.get("with", {}).keys() <= asked.get("inputs", {}).keys(), (file, uses)
        # A called job cannot have more rights than its caller grants.
        for inner in target["jobs"].values():
            for scope, right in inner["permissions"].items():
                assert RANKS[right] <= RANKS[job["permissions"].get(scope, "none")], (file, uses, scope)


def test_rights_are_given_job_by_job() -> None:
    for file, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}, file
    for file, name, job in jobs():
        assert isinstance(job["permissions"], dict), (file, name)
    writing = {
        (file, scope) for file, _, job in jobs() for scope, right in job["permissions"].items() if right == "write"
    }
    assert {file for file, scope in writing if scope == "contents"} == {"deploy.yml"}
    assert {scope for file, scope in writing if file in ("ci.yml", "image.yml")} <= {"id-token"}


def test_no_event_gives_a_fork_our_rights() -> None:
    for file, workflow in WORKFLOWS.items():
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(workflow[True]), file
    for where, step in steps():
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, where


def test_no_expression_stands_in_a_script() -> None:
    for where, text in runs():
        assert "${{" not in text, where
    for where, step in steps():
        assert "${{" not in step.get("with", {}).get("script", ""), where


def test_what_takes_an_aws_role_belongs_to_a_github_environment() -> None:
    found = [(file, job) for file, _, job in jobs() if job["permissions"].get("id-token") and "uses" not in job]
    assert len(found) >= 4
    for file, job in found:
        assert "environment" in job, file


def test_ci_holds_no_secret() -> None:
    for path in (*FILES, *SCRIPTS):
        assert "secrets." not in path.read_text(encoding="utf-8"), path.name


# That they end


def test_every_job_ends_by_itself_and_no_two_runs_meet() -> None:
    for file, name, job in jobs():
        if "uses" not in job:
            assert 0 < job["timeout-minutes"] <= 120, (file, name)
            assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"]), (file, name)
    for file, workflow in WORKFLOWS.items():
        if set(workflow[True]) != {"workflow_call"}:
            assert "group" in workflow["concurrency"], file
    assert WORKFLOWS["deploy.yml"]["concurrency"]["cancel-in-progress"] is False


def test_jobs_wait_for_jobs_that_are_there_and_read_artifacts_that_these_wrote() -> None:
    for file, workflow in WORKFLOWS.items():
        for name, job in workflow["jobs"].items():
            needs = job.get("needs", [])
            assert {needs} if isinstance(needs, str) else set(needs) <= workflow["jobs"].keys(), (file, name)
    written = {step["with"]["name"] for _, step in steps() if "upload-artifact" in str(step.get("uses"))}
    read = {step["with"].get("name") for _, step in steps() if "download-artifact" in str(step.get("uses"))} - {None}
    given = {job["with"]["artifact"] for _, _, job in jobs() if "artifact" in job.get("with", {})}
    assert given <= written
    assert read - {"${{ inputs.artifact }}"} <= written


# That what they name is there


def test_every_make_target_is_one() -> None:
    targets = set(re.findall(r"^([\w./-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = [(where, name) for where, text in runs() for name in re.findall(r"(?m)^\s*(?:- )?make ([\w./-]+)", text)]
    assert len(named) > 5
    assert [(where, name) for where, name in named if name not in targets] == []


def test_every_dw_command_and_option_exists() -> None:
    named = [(where, words) for where, text in runs() for words in re.findall(r"\.venv/bin/dw ([^\n|>&]+)", text)]
    assert {words.split()[0] for _, words in named} >= {"diff", "deploy", "glue"}
    for where, words in named:
        first, *rest = words.split()
        command = COMMANDS[first]
        if hasattr(command, "commands"):
            command = command.commands[rest[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, (where, words)


def test_every_script_and_file_exists() -> None:
    folders = r"(?:\.ci|infra|tasks|contracts|docs|flows)/[\w./*-]+"
    path = re.compile(rf"(?<![\w./-])({folders}|requirements[\w-]*\.lock|Dockerfile|\.dockerignore)")
    named = [(p.name, text) for p in (*FILES, *SCRIPTS) for text in path.findall(p.read_text(encoding="utf-8"))]
    assert len(named) > 15
    assert sorted({(where, text) for where, text in named if not any(REPOSITORY.glob(text.rstrip("/.")))}) == []


def test_scripts_of_ci_are_bash_that_stops_at_a_fault() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SCRIPTS]
    sourced = {name for text in texts for name in re.findall(r"(?m)^\. \.ci/([\w-]+)", text)}
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        if path.name not in sourced:
            assert text.startswith("#!/usr/bin/env bash\n"), path.name
            assert "set -euo pipefail" in text, path.name
            assert os.access(path, os.X_OK), path.name
        subprocess.run(["bash", "-n", str(path)], check=True)
    for where, step in steps():
        if "run" in step:
            parsed = subprocess.run(["bash", "-n"], input=step["run"], text=True, capture_output=True, check=False)
            assert (parsed.returncode, parsed.stderr) == (0, ""), where


def test_the_deployment_that_proves_a_deployment_exists() -> None:
    (named,) = re.findall(r"prefect deployment run (\S+)", (REPOSITORY / ".ci" / "smoke").read_text(encoding="utf-8"))
    flow, _, deployment = named.partition("/")
    known = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert (flow, deployment) in {(d["name"], d["name"]) for d in known}


def test_the_comment_is_found_again_by_its_first_line() -> None:
    markers = {job["with"]["marker"] for _, _, job in jobs() if "marker" in job.get("with", {})}
    assert MARKER in markers
    assert len(markers) == 2
    assert any(f"echo '{marker}'" in text for marker in markers for _, text in runs())


def test_every_variable_of_a_github_environment_is_documented() -> None:
    used = set(re.findall(r"vars\.(\w+)", "".join(path.read_text(encoding="utf-8") for path in FILES)))
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8")))
    assert used
    assert used <= told


# What the scripts do

NODE = shutil.which("node")
PLAY = """
const played = JSON.parse(process.argv[2]);
const calls = [], comments = played.comments;
const context = {repo: {owner: 'o', repo: 'r'}, issue: {number: 7}};
const rest = {issues: {
    listComments: 'list',
    updateComment: async call => calls.push(['update', call.comment_id, call.body]),
    createComment: async call => calls.push(['create', call.issue_number, call.body]),
}};
const github = {rest, paginate: async (what, where) => comments};
const failed = error => { console.error(error.message); process.exit(1); };
(async () => { SCRIPT })().then(() => console.log(JSON.stringify(calls)), failed);
"""


def comment(tmp_path: Path, body: str, comments: list[dict[str, Any]]) -> tuple[int, str]:
    """The script that comments, on a pull request that has comments."""
    (script,) = [s["with"]["script"] for _, s in steps() if "github-script" in str(s.get("uses"))]
    (tmp_path / "play.cjs").write_text(PLAY.replace("SCRIPT", script), encoding="utf-8")
    (tmp_path / "comment.md").write_text(body, encoding="utf-8")
    done = subprocess.run(
        [str(NODE), "play.cjs", json.dumps({"comments": comments})],
        cwd=tmp_path,
        env={**os.environ, "MARKER": MARKER},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_a_comment_is_written_once_and_then_replaced(tmp_path: Path) -> None:
    body = f"{MARKER}\nnew"
    bot, person = ({"user": {"type": kind}, "body": f"{MARKER}\nold"} for kind in ("Bot", "User"))
    other = {"id": 3, "user": {"type": "Bot"}, "body": "another bot's"}
    code, said = comment(tmp_path, body, [{**person, "id": 1}, other])
    assert (code, json.loads(said)) == (0, [["create", 7, body]])
    code, said = comment(tmp_path, body, [{**person, "id": 1}, other, {**bot, "id": 2}])
    assert (code, json.loads(said)) == (0, [["update", 2, body]])
    code, said = comment(tmp_path, "something else", [])
    assert code == 1
    assert "does not begin with" in said


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on the PATH, for commands that are not here; `said` lists how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    return folder


def stand_in(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f'#!/usr/bin/env bash\necho "{name} $*" >> "$SAID"\n{body}\n')
    path.chmod(0o755)


AWS = """\
case "$2" in
    describe-images)
        if [ -n "${FAULT:-}" ]; then echo "$FAULT" >&2; exit 254; fi
        if [ ! -e "$SAID.pushed" ]; then echo 'An error occurred (ImageNotFoundException)' >&2; exit 254; fi
        echo sha256:abc ;;
    describe-repositories) echo registry.example/warehouse-prod ;;
    describe-image-scan-findings) echo "${CRITICAL:-0}" ;;
esac
"""


def push(tmp_path: Path) -> tuple[int, str, list[str]]:
    command = [str(REPOSITORY / ".ci" / "push-image"), "image.tar", "warehouse-prod", "v1.2.0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    return done.returncode, done.stdout + done.stderr, (tmp_path / "said").read_text().splitlines()


def test_an_image_is_pushed_once_and_scanned(stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(stand_ins, "aws", AWS)
    stand_in(stand_ins, "skopeo", 'touch "$SAID.pushed"')
    code, out, said = push(tmp_path)
    assert (code, out.count("sha256:abc")) == (0, 1)
    pushed = "skopeo copy --preserve-digests --retry-times 3 oci-archive:image.tar docker://registry.example/warehouse-prod:v1.2.0"
    assert pushed in said
    assert any("image-scan-complete" in line for line in said)

    code, out, said = push(tmp_path)
    assert (code, said.count(pushed)) == (0, 1)
    assert "is there already (sha256:abc)" in out

    monkeypatch.setenv("CRITICAL", "2")
    code, out, _ = push(tmp_path)
    assert code == 1
    assert "2 critical findings" in out


def test_an_image_is_not_pushed_where_the_repository_cannot_be_asked(
    stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(stand_ins, "aws", AWS)
    stand_in(stand_ins, "skopeo", 'touch "$SAID.pushed"')
    monkeypatch.setenv("FAULT", "An error occurred (AccessDeniedException)")
    code, out, said = push(tmp_path)
    assert code == 1
    assert "AccessDenied" in out
    assert not any(line.startswith("skopeo") for line in said)


def test_an_image_is_built_on_a_base_that_has_a_digest(
    stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(stand_ins, "docker", 'if [ "$2" = imagetools ]; then echo "${DIGEST?}"; [ -n "$DIGEST" ]; fi')
    build = [str(REPOSITORY / ".ci" / "build-image"), "--load"]
    monkeypatch.setenv("DIGEST", "sha256:base")
    subprocess.run(build, check=True, capture_output=True)
    built = (tmp_path / "said").read_text().splitlines()[-1]
    (base,) = re.findall(r"ARG PYTHON_IMAGE=(\S+)", (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"))
    assert f"--build-arg PYTHON_IMAGE={base}@sha256:base " in built
    assert built.endswith("--load .")
    monkeypatch.setenv("DIGEST", "")
    assert subprocess.run(build, check=False, capture_output=True).returncode != 0
    assert (tmp_path / "said").read_text().splitlines()[-1].startswith("docker buildx imagetools")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts, and an environment without anything of Terraform."""
    root = tmp_path / "checkout"
    shutil.copytree(REPOSITORY / ".ci", root / ".ci")
    (root / "infra" / "terraform" / "environments" / "prod").mkdir(parents=True)
    return root


@pytest.mark.parametrize(("lines", "is_cut"), [(5, False), (4000, True)])
def test_a_plan_is_folded_and_cut_so_that_three_fit(stand_ins: Path, checkout: Path, lines: int, is_cut: bool) -> None:
    plan = checkout / "plan.txt"
    plan.write_text("  + é ``` aws_thing.this\n" * lines + "Plan: 3 to add, 0 to change.\n", encoding="utf-8")
    stand_in(stand_ins, "terraform", f"cat {plan}")
    done = subprocess.run([checkout / ".ci" / "plan-comment", "prod"], capture_output=True, check=True)
    text = done.stdout.decode("utf-8")
    assert text.startswith("<details><summary><b>prod</b>: Plan: 3 to add, 0 to change.</summary>\n")
    assert text.rstrip().endswith("</details>")
    assert text.count("~~~~~~~~") == 2
    assert len(text) < 65_000 / 3
    assert ("_Cut:" in text) == is_cut


def test_a_plan_takes_the_tag_or_the_image_that_runs(
    stand_ins: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TERRAFORM_BACKEND", 'bucket = "b"')
    monkeypatch.setenv("TERRAFORM_TFVARS", 'cidr = "10.0.0.0/16"')
    outputs = 'if [ "$1" = output ]; then echo "${RUNS?}"; [ -n "$RUNS" ]; fi'
    stand_in(stand_ins, "terraform", outputs)
    for runs, tag, wanted in (
        ("registry.example:443/warehouse-prod:v1.1.0", [], "v1.1.0"),
        ("registry.example:443/warehouse-prod:v1.1.0", ["v1.2.0"], "v1.2.0"),
        ("", [], "none"),
    ):
        monkeypatch.setenv("RUNS", runs)
        subprocess.run([checkout / ".ci" / "plan", "prod", *tag], check=True, capture_output=True)
        last = (tmp_path / "said").read_text().splitlines()[-1]
        assert last == f"terraform plan -lock=false -out=tfplan -var image_tag={wanted}"
    folder = checkout / "infra" / "terraform" / "environments" / "prod"
    assert (folder / "backend.hcl").read_text() == 'bucket = "b"\n'
    assert (folder / "terraform.tfvars").read_text() == 'cidr = "10.0.0.0/16"\n'
    monkeypatch.delenv("TERRAFORM_TFVARS")
    said = subprocess.run([checkout / ".ci" / "plan", "prod"], check=False, capture_output=True, text=True)
    assert said.returncode != 0
    assert "TERRAFORM_TFVARS" in said.stderr


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_what_is_published_and_by_which_key(
    stand_ins: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outputs = {
        "artifacts_bucket": "warehouse-prod-1-artifacts",
        "prefect_api_url": "https://prefect.example/api",
        "prefect_secret_arn": "arn:aws:secretsmanager:ap-south-1:1:secret:key",
        "work_pool": {"image": "warehouse-prod:v1.2.0"},
    }
    (checkout / "build").mkdir()
    wrapped = {name: {"value": value, "sensitive": False} for name, value in outputs.items()}
    (checkout / "build" / "outputs.json").write_text(json.dumps(wrapped))
    stand_in(stand_ins, "aws", 'if [ "$2" = get-secret-value ]; then echo the-key; fi')
    venv = checkout / ".venv" / "bin"
    venv.mkdir(parents=True)
    stand_in(venv, "dw", 'echo "$PREFECT_API_URL $PREFECT_API_KEY" >> "$SAID"')
    stand_in(venv, "prefect", 'echo "$PREFECT_API_URL $PREFECT_API_KEY" >> "$SAID"; exit "${ENDED:-0}"')
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    done = subprocess.run([checkout / ".ci" / "publish", "prod", "v1.2.0"], check=True, capture_output=True, text=True)
    said = (tmp_path / "said").read_text().splitlines()
    assert "aws s3 sync --delete --only-show-errors build/glue s3://warehouse-prod-1-artifacts/bundle" in said
    assert said[-2:] == [
        "dw deploy --pool build/work_pool.json --version v1.2.0",
        "https://prefect.example/api the-key",
    ]
    assert json.loads((checkout / "build" / "work_pool.json").read_text()) == outputs["work_pool"]
    assert "the-key" not in done.stdout + done.stderr

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = subprocess.run([checkout / ".ci" / "smoke"], check=True, capture_output=True, text=True)
    assert [line for line in done.stdout.splitlines() if "the-key" in line] == ["::add-mask::the-key"]
    monkeypatch.setenv("ENDED", "1")
    assert subprocess.run([checkout / ".ci" / "smoke"], check=False, capture_output=True).returncode == 1


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_nothing_is_published_where_an_output_is_missing(stand_ins: Path, checkout: Path, tmp_path: Path) -> None:
    stand_in(stand_ins, "aws", "echo the-key")
    (checkout / "build").mkdir()
    (checkout / "build" / "outputs.json").write_text("{}")
    done = subprocess.run([checkout / ".ci" / "publish", "prod", "v1.2.0"], check=False, capture_output=True)
    assert done.returncode != 0
    assert not (tmp_path / "said").exists() or "s3 sync" not in (tmp_path / "said").read_text()
