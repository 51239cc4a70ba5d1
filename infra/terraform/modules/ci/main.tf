data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  issuer   = "token.actions.githubusercontent.com"
  provider = var.create_oidc_provider ? aws_iam_openid_connect_provider.github[0].arn : data.aws_iam_openid_connect_provider.github[0].arn

  # Who may be which role: a job of the repository that runs in a GitHub environment, whose own rules (reviewers, tags)
  # have let it in. A token of a pull request from a fork, or of a branch, has another subject.
  subjects = {
    plan   = "repo:${var.github_repository}:environment:${var.environment}-plan"
    deploy = "repo:${var.github_repository}:environment:${var.environment}"
    image  = "repo:${var.github_repository}:environment:${var.environment}"
  }

  purposes = {
    plan   = "terraform plan of ${var.name}: reads, but no data and no secret"
    deploy = "terraform apply of ${var.name}, its image, bundle and deployments"
    image  = "Pushes images of ${var.name}"
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_oidc_provider ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_openid_connect_provider" "github" {
  count = var.create_oidc_provider ? 0 : 1

  url = "https://${local.issuer}"
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    sid     = "GitHub"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = [each.value]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.subjects

  name                 = "${var.name}-ci-${each.key}"
  description          = local.purposes[each.key]
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = each.key == "deploy" ? 7200 : 3600
}
