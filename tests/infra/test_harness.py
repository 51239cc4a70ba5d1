"""The harness itself: a root is applied to the local AWS, a change outside of Terraform is seen, nothing is left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import known_drift
import moto_shim
import pytest
import terraform
from moto.core.utils import get_service_model
from terraform import Root, StartedOverWarning, TerraformError

_ROOT = """\
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
  backend "s3" {}
}

provider "aws" {
  region = "ap-south-1"
}

provider "aws" {
  alias  = "replica"
  region = "ap-southeast-1"
}

variable "name" {
  type = string
}

resource "aws_sns_topic" "this" {
  name         = var.name
  display_name = "one"
}

resource "aws_sns_topic" "replica" {
  provider = aws.replica
  name     = "${var.name}-replica"
}

output "arn" {
  value     = aws_sns_topic.this.arn
  sensitive = true
}
"""


@pytest.fixture
def root(tmp_path: Path, empty_aws: str) -> Root:
    (tmp_path / "main.tf").write_text(_ROOT)
    terraform.point_to_local_aws(tmp_path)
    return Root(tmp_path, empty_aws, {"name": "small"})


def test_a_root_is_applied_changed_and_destroyed(root: Root, client: Callable[..., Any]) -> None:
    root.init()
    installed = root.folder / ".terraform/providers/registry.terraform.io/hashicorp/aws"
    assert any(path.is_symlink() for path in installed.glob("*/*")), "the provider is 600 MB: it is linked"
    root.apply()
    assert root.plan() == []
    assert root.outputs()["arn"] == "arn:aws:sns:ap-south-1:123456789012:small"
    assert {r["type"] for r in root.resources()} == {"aws_sns_topic"}
    elsewhere = client("sns", endpoint_url=root.address)
    elsewhere.set_topic_attributes(
        TopicArn=root.outputs()["arn"], AttributeName="DisplayName", AttributeValue="changed by hand"
    )
    (change,) = root.plan()
    assert (change.address, change.actions, change.attributes) == (
        "aws_sns_topic.this", ("update",), ("display_name",),
    )  # fmt: skip
    root.destroy()
    assert root.resources() == []
    assert elsewhere.list_topics()["Topics"] == []


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("echo waiting for a queue; sleep 600", r"did not end in 60 s:[\s\S]*waiting for a queue[\s\S]*test_harness"),
        ("echo AlreadyExistsException: Table already exists; exit 1", "Table already exists"),
    ],
    ids=["hangs", "makes something twice"],
)
def test_an_apply_whose_local_aws_is_at_fault_is_made_again_from_the_start(
    root: Root, client: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, said: str
) -> None:
    root.init()
    ours, at_hand, mark = tmp_path / "bin/terraform", shutil.which("terraform"), tmp_path / "first"
    ours.parent.mkdir()
    # The first apply is done, and ends otherwise than it should.
    ours.write_text(
        f'#!/bin/sh\n[ "$1" != apply ] || [ -e {mark} ] || '
        f'{{ touch {mark}; {at_hand} "$@"; {ends}; }}\nexec {at_hand} "$@"\n'
    )
    ours.chmod(0o755)
    monkeypatch.setenv("PATH", str(ours.parent), prepend=os.pathsep)
    root.longest_s = 60
    with pytest.warns(StartedOverWarning, match=said):
        root.apply()
    assert mark.exists()
    assert {r["type"] for r in root.resources()} == {"aws_sns_topic"}
    assert len(client("sns", endpoint_url=root.address).list_topics()["Topics"]) == 1


def test_an_error_is_what_terraform_said(root: Root) -> None:
    (root.folder / "wrong.tf").write_text('resource "aws_sns_topic" "wrong" { nmae = "x" }\n')
    root.init()
    with pytest.raises(TerraformError, match='An argument named "nmae" is not expected here'):
        root.run("validate", "-no-color")


def test_a_configuration_that_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "none.tfrc"))
    assert not {"AWS_PROFILE", "TF_CLI_CONFIG_FILE"} & terraform.process_environment().keys()
    (tmp_path / "none.tfrc").touch()
    assert terraform.process_environment()["TF_CLI_CONFIG_FILE"] == os.environ["TF_CLI_CONFIG_FILE"]


def test_a_missing_or_old_terraform_is_told_with_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert terraform.missing() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Terraform is not installed" in str(terraform.missing())
    old = tmp_path / "terraform"
    old.write_text('#!/bin/sh\necho \'{"terraform_version": "1.8.5"}\'\n')
    old.chmod(0o755)
    said = str(terraform.missing())
    assert said.startswith("Terraform 1.8.5 is too old")
    assert "https://developer.hashicorp.com/terraform/install" in said


def test_every_shim_and_mend_has_its_reason_and_answers_a_call_of_aws() -> None:
    assert all(len(entry.why.split()) >= 3 for entry in (*moto_shim.SHIMS, *moto_shim.MENDS))
    assert len({(shim.owner, shim.call) for shim in moto_shim.SHIMS}) == len(moto_shim.SHIMS), "one call, one shim"
    for shim in moto_shim.SHIMS:
        service = get_service_model(shim.owner().boto3_service_name)
        assert shim.call in service.operation_names, f"{shim.call} is no call of {service.service_name}"
    assert moto_shim.OUTLIVED == [], "moto has these calls by now: remove the shims"


def test_every_known_drift_has_a_module_and_a_reason() -> None:
    for drift in known_drift.KNOWN:
        assert drift.module in terraform.modules()
        assert len(drift.reason.split()) >= 3
    assert len({drift[:3] for drift in known_drift.KNOWN}) == len(known_drift.KNOWN)
