"""Terraform as the tests run it: on a copy of infra/, against a local AWS, with the provider linked.

Nothing is written beside the sources, and nothing leaves the machine but what `terraform init` downloads where
`DW_TF_PLUGIN_DIR` (a folder that holds `registry.terraform.io/hashicorp/aws`) is not set.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import traceback
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
INFRA = Path("infra/terraform")
ROOTS = Path("tests/infra/roots")
REGION = "ap-south-1"
NOWHERE = "http://127.0.0.1:9"
GET_IT = (
    "The tests of infra/ need version 1.10 or newer on the PATH: https://developer.hashicorp.com/terraform/install "
    "(macOS: `brew install hashicorp/tap/terraform`), then `make test-infra` again."
)

# A local server knows neither accounts nor buckets by host names; 25 retries would make a hang of one missing call.
_LOCAL_PROVIDER = """\
  access_key                  = "testing"
  secret_key                  = "testing-secret"
  skip_credentials_validation = true
  skip_metadata_api_check     = "true"
  skip_region_validation      = true
  s3_use_path_style           = true
  max_retries                 = 3
"""
_AT_ONCE = "-parallelism=30"  # the provider mostly waits: up to a minute for what it wrote to a bucket
# Everything together takes some 105 s alone on two cores. The local AWS was once seen to leave an
# apply waiting for ever.
_LONGEST_S = 450.0
_MADE_TWICE = "AlreadyExistsException"
_PROVIDER = re.compile(r'^provider "aws" \{(.*?)^\}', re.MULTILINE | re.DOTALL)
_ALIAS = re.compile(r'^\s*alias\s*=\s*"(\w+)"', re.MULTILINE)


_SERVICE = re.compile(r'rpc\.service=(?:"([^"]+)"|(\S+))')
_METHOD = re.compile(r"rpc\.method=(\w+)")


class TerraformError(AssertionError):
    """A command of Terraform failed; the message is what it said."""


class TerraformHung(TerraformError):
    """A command of Terraform did not end; the message: what it said last, and where the threads of this process are."""


class StartedOverWarning(UserWarning):
    """An apply hung, or made something twice, and was made again from the start."""


def modules() -> list[str]:
    """Names of all modules."""
    return sorted(p.parent.name for p in (REPOSITORY / INFRA / "modules").glob("*/main.tf"))


def environments() -> list[str]:
    """Names of all environments."""
    return sorted(p.parent.name for p in (REPOSITORY / INFRA / "environments").glob("*/main.tf"))


def process_environment(address: str = NOWHERE) -> dict[str, str]:
    """The environment of a `terraform` process: AWS is at the address, the developer's own account is not."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "DW_"))}
    for name in ("TF_PLUGIN_CACHE_DIR", "TF_LOG", "TF_LOG_PATH"):
        if name in os.environ:
            kept[name] = os.environ[name]
    configuration = os.environ.get("TF_CLI_CONFIG_FILE")
    if configuration and Path(configuration).exists():
        kept["TF_CLI_CONFIG_FILE"] = configuration
    if not os.environ.get("DW_TF_PLUGIN_DIR") and "TF_PLUGIN_CACHE_DIR" not in kept:
        cache = Path.home() / ".terraform.d" / "plugin-cache"
        cache.mkdir(parents=True, exist_ok=True)
        kept["TF_PLUGIN_CACHE_DIR"] = str(cache)
    kept |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret", "AWS_REGION": REGION}
    kept |= {"AWS_EC2_METADATA_DISABLED": "true", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
    return kept | {"AWS_ENDPOINT_URL": address}


def missing() -> str | None:
    """What to do where Terraform is missing or too old; None where it is there."""
    if not shutil.which("terraform"):
        return f"Terraform is not installed. {GET_IT}"
    answer = subprocess.run(
        ["terraform", "version", "-json"], env=process_environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    version = json.loads(answer.stdout)["terraform_version"]
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < (1, 10):
        return f"Terraform {version} is too old. {GET_IT}"
    return None


@dataclass(frozen=True)
class Change:
    """What a plan would do to one resource: its actions, and the attributes that would change."""

    address: str
    type: str
    actions: tuple[str, ...]
    attributes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.address}: {'+'.join(self.actions)} {', '.join(self.attributes)}"


@dataclass
class Root:
    """A folder that Terraform runs in, and the server that stands for AWS."""

    folder: Path
    address: str = NOWHERE
    variables: Mapping[str, Any] = field(default_factory=dict)
    longest_s: float = _LONGEST_S

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `terraform <arguments>` here. Raises TerraformHung, and TerraformError unless `check` is false."""
        command = ["terraform", *arguments]
        # In a session of its own: where it hangs, its provider is to end with it.
        with subprocess.Popen(
            command, cwd=self.folder, env=process_environment(self.address) | self._log(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        ) as running:  # fmt: skip
            try:
                said, _ = running.communicate(timeout=self.longest_s)
            except subprocess.TimeoutExpired as expired:
                threads = _threads()
                os.killpg(running.pid, signal.SIGKILL)
                said, _ = running.communicate()
                told = f"did not end in {self.longest_s:.0f} s:\n{said[-6_000:]}\n{threads}"
                raise TerraformHung(f"{' '.join(command)} in {self.folder} {told}") from expired
        if check and running.returncode:
            raise TerraformError(f"{' '.join(command)} in {self.folder}:\n{said[-12_000:]}")
        return subprocess.CompletedProcess(command, running.returncode, said)

    def _log(self) -> dict[str, str]:
        """Let the provider tell its calls in a file, unless it makes none or somebody reads another log."""
        if "TF_LOG" in os.environ or self.address == NOWHERE:
            return {}
        return {"TF_LOG_PROVIDER": "DEBUG", "TF_LOG_PATH": str(self.folder / "provider.log")}

    def calls(self) -> set[tuple[str, str]]:
        """What Terraform has called of AWS until now: service (`CloudWatch Logs`) and method (`CreateLogGroup`)."""
        log = self.folder / "provider.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        pairs = ((_SERVICE.search(line), _METHOD.search(line)) for line in lines)
        return {(service[1] or service[2], method[1]) for service, method in pairs if service and method}

    def init(self, *arguments: str) -> None:
        """Make the folder ready; the provider is linked from DW_TF_PLUGIN_DIR or from the plugin cache."""
        plugins = os.environ.get("DW_TF_PLUGIN_DIR")
        if plugins:
            arguments += (f"-plugin-dir={plugins}",)
        with _one_at_a_time():
            self.run("init", "-no-color", *arguments)

    def _inputs(self) -> list[str]:
        if not self.variables:
            return []
        (self.folder / "test.auto.tfvars.json").write_text(json.dumps(dict(self.variables)))
        return ["-var-file=test.auto.tfvars.json"]

    def apply(self) -> None:
        """Make everything; where the local AWS is at fault, empty that and start over, once, with a warning.

        It lets an apply hang, or answers so late that the provider asks again for what is made by then.
        """
        try:
            self._apply()
        except TerraformError as failed:
            if not (isinstance(failed, TerraformHung) or _MADE_TWICE in str(failed)):
                raise
            with warnings.catch_warnings():
                warnings.simplefilter("default", StartedOverWarning)
                warnings.warn(StartedOverWarning(str(failed)), stacklevel=2)
            self._start_over()
            self._apply()

    def _apply(self) -> None:
        self.run("apply", "-no-color", "-auto-approve", _AT_ONCE, *self._inputs())

    def _start_over(self) -> None:
        request = urllib.request.Request(f"{self.address}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=60).close()
        for state in self.folder.glob("*.tfstate*"):
            state.unlink()
        (self.folder / ".terraform.tfstate.lock.info").unlink(missing_ok=True)

    def plan(self) -> list[Change]:
        """What another apply would change."""
        self.run("plan", "-no-color", "-out=plan", *self._inputs())
        shown = json.loads(self.run("show", "-json", "plan").stdout)
        return [_change(found) for found in shown.get("resource_changes", []) if _is_change(found["change"])]

    def destroy(self) -> None:
        """Remove everything."""
        self.run("destroy", "-no-color", "-auto-approve", _AT_ONCE, *self._inputs())

    def resources(self) -> list[dict[str, Any]]:
        """The managed resources of the state: address, type, name, values."""
        shown = json.loads(self.run("show", "-json").stdout)
        return list(_resources(shown.get("values", {}).get("root_module", {})))

    def outputs(self) -> dict[str, Any]:
        """The values of all outputs, sensitive ones too."""
        return {name: found["value"] for name, found in json.loads(self.run("output", "-json").stdout).items()}


def _threads() -> str:
    """Where each thread of this process is: the local AWS answers in them."""
    stacks = ("".join(traceback.format_stack(frame)[-6:]) for frame in sys._current_frames().values())
    return "\n".join(dict.fromkeys(stacks))[-6_000:]


def _is_change(change: dict[str, Any]) -> bool:
    return change["actions"] not in (["no-op"], ["read"])


def _change(found: dict[str, Any]) -> Change:
    change = found["change"]
    before, after = change["before"] or {}, change["after"] or {}
    unknown = change.get("after_unknown") or {}
    names = sorted({*before, *after, *unknown})
    differing = [n for n in names if (before.get(n) != after.get(n) and n in after) or unknown.get(n)]
    both = bool(change["before"] and change["after"])
    return Change(found["address"], found["type"], tuple(change["actions"]), tuple(differing) if both else ())


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for found in module.get("resources", []):
        if found["mode"] == "managed":
            yield found
    for child in module.get("child_modules", []):
        yield from _resources(child)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Terraform's plugin cache does not bear two `init` at once."""
    with (Path(os.environ.get("TMPDIR", "/tmp")) / f"terraform-init.{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def copy_repository(into: Path) -> Path:
    """A copy of the infrastructure, laid out as in the repository; what modules read besides is linked."""
    leave = shutil.ignore_patterns(".terraform", "*.tfstate*", "backend.hcl", "terraform.tfvars")
    shutil.copytree(REPOSITORY / INFRA, into / INFRA, ignore=leave)
    shutil.copytree(REPOSITORY / ROOTS, into / ROOTS, ignore=leave)
    for name in ("contracts", "sql", "flows", "tasks", "build", "prefect.yaml", "Dockerfile"):
        if (REPOSITORY / name).exists():
            (into / name).symlink_to(REPOSITORY / name)
    return into


def point_to_local_aws(folder: Path) -> None:
    """Write beside a copied root what turns its providers to a local AWS, and its state to a local file."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    providers = [_ALIAS.search(body) for body in _PROVIDER.findall(text)]
    blocks = ['terraform {\n  backend "local" {}\n}\n'] if re.search(r'^\s*backend "s3"', text, re.MULTILINE) else []
    for alias in providers:
        named = f'  alias = "{alias[1]}"\n' if alias else ""
        tags = "" if "default_tags" in text else '  default_tags {\n    tags = { ManagedBy = "terraform" }\n  }\n'
        blocks.append(f'provider "aws" {{\n{named}{_LOCAL_PROVIDER}{tags}}}\n')
    (folder / "local_aws_override.tf").write_text("\n".join(blocks))


def module_root(repository: Path, module: str) -> Path:
    """The small root of a copied repository that gives a module its inputs (`tests/infra/roots/<module>`)."""
    folder = repository / ROOTS / module
    if not folder.is_dir():
        raise TerraformError(f"module {module} has no root in {ROOTS}/{module}: it is not tried against a local AWS")
    point_to_local_aws(folder)
    return folder


def environment_root(repository: Path, name: str) -> Path:
    """The root of an environment of a copied repository, with the values of its example."""
    folder = repository / INFRA / "environments" / name
    point_to_local_aws(folder)
    example = (folder / "terraform.tfvars.example").read_text()
    # The local AWS looks into no package.
    (folder / "package.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    (folder / "terraform.tfvars").write_text(f'{example}\nlanding_package = "package.zip"\n')
    return folder


if __name__ == "__main__":
    sys.exit(missing())
