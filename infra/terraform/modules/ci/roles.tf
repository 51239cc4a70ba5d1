locals {
  state_key    = coalesce(var.state_key, "${var.environment}/terraform.tfstate")
  state_arn    = "arn:${local.partition}:s3:::${var.state_bucket}"
  artifacts    = "arn:${local.partition}:s3:::${var.name}-${local.account}-artifacts"
  own_roles    = "arn:${local.partition}:iam::${local.account}:role/${var.name}-ci-*"
  own_policies = "arn:${local.partition}:iam::${local.account}:policy/${var.name}-ci-*"
}

# The state, and the lock beside it. A plan writes the lock only.
data "aws_iam_policy_document" "state" {
  for_each = toset(["plan", "deploy"])

  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = [local.state_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [local.state_key, "${local.state_key}.tflock"]
    }
  }

  statement {
    sid       = each.key == "deploy" ? "WriteState" : "ReadState"
    actions   = each.key == "deploy" ? ["s3:GetObject", "s3:PutObject"] : ["s3:GetObject"]
    resources = ["${local.state_arn}/${local.state_key}"]
  }

  statement {
    sid       = "LockState"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${local.state_arn}/${local.state_key}.tflock"]
  }

  dynamic "statement" {
    for_each = var.state_kms_key_arn[*]

    content {
      sid       = "DecryptState"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "state" {
  for_each = data.aws_iam_policy_document.state

  name   = "state"
  role   = aws_iam_role.this[each.key].id
  policy = each.value.json
}

# The landing package is an object that Terraform puts, and looks at again. S3 wants the key for its checksum.
data "aws_iam_policy_document" "package" {
  statement {
    sid       = "LookAtPackage"
    actions   = ["s3:GetObject", "s3:GetObjectTagging"]
    resources = ["${local.artifacts}/landing/*"]
  }

  statement {
    sid       = "DecryptPackage"
    actions   = ["kms:Decrypt"]
    resources = ["arn:${local.partition}:kms:${local.region}:${local.account}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "package" {
  name   = "package"
  role   = aws_iam_role.this["plan"].id
  policy = data.aws_iam_policy_document.package.json
}

data "aws_iam_policy_document" "push" {
  #checkov:skip=CKV_AWS_356:A token of ECR is the account's; AWS names no repository here.
  statement {
    sid       = "LogInToEcr"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # A token is the account's, not a repository's.
  }

  statement {
    sid = "PushImage"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImageScanFindings",
      "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload",
      "ecr:PutImage", "ecr:UploadLayerPart",
    ]
    resources = [var.repository_arn]
  }
}

resource "aws_iam_role_policy" "push" {
  for_each = toset(["deploy", "image"])

  name   = "image"
  role   = aws_iam_role.this[each.key].id
  policy = data.aws_iam_policy_document.push.json
}

data "aws_iam_policy_document" "deliver" {
  statement {
    sid       = "FindDelivered"
    actions   = ["s3:ListBucket"]
    resources = [local.artifacts]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["bundle", "bundle/*", "landing", "landing/*"]
    }
  }

  statement {
    sid = "DeliverBundleAndPackage"
    actions = [
      "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging",
    ]
    resources = ["${local.artifacts}/bundle/*", "${local.artifacts}/landing/*"]
  }

  statement {
    sid       = "ReadPrefectKey"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["arn:${local.partition}:secretsmanager:${local.region}:${local.account}:secret:${var.name}/prefect-api-key-*"]
  }

  # Services take the modules' roles only where these say so.
  statement {
    sid       = "PassRoles"
    actions   = ["iam:PassRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values = [
        "backup.amazonaws.com", "ecs-tasks.amazonaws.com", "events.amazonaws.com", "glue.amazonaws.com", "lambda.amazonaws.com",
        "redshift.amazonaws.com", "s3.amazonaws.com", "scheduler.redshift.amazonaws.com", "states.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
      ]
    }
  }

  statement {
    sid       = "MakeServiceLinkedRoles"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/aws-service-role/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["backup.amazonaws.com", "ecs.amazonaws.com", "redshift.amazonaws.com"]
    }
  }

  # Who deploys does not say who may deploy: a change of this module is applied by an administrator.
  statement {
    sid    = "NeverItsOwnRights"
    effect = "Deny"
    actions = [
      "iam:AttachRolePolicy", "iam:CreatePolicyVersion", "iam:CreateRole", "iam:DeletePolicy", "iam:DeleteRole",
      "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PassRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy",
    ]
    resources = [local.own_roles, local.own_policies]
  }
}

resource "aws_iam_role_policy" "deliver" {
  name   = "deliver"
  role   = aws_iam_role.this["deploy"].id
  policy = data.aws_iam_policy_document.deliver.json
}
