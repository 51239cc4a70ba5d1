"""The harness itself: a root is applied to the local AWS, a change outside of Terraform is seen, nothing is left."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import terraform
from terraform import Root, TerraformError

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
