locals {
  # What administers a key, and what reads and writes with it: named one by one, for the account's own IAM policies.
  key_administration = [
    "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
    "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
    "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RetireGrant",
    "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
  ]
  key_use = [
    "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
  ]

  # Services that deliver to encrypted topics and queues, or read encrypted objects, in their own name.
  key_services = [for service in ["backup", "budgets", "cloudwatch", "costalerts", "events", "s3", "sns"] : "${service}.amazonaws.com"]
}

# The environment's one key: lake, logs, topics, queues, secrets, Redshift, Glue.
resource "aws_kms_key" "this" {
  description             = "Data and logs of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key[local.region].json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

# In a key's own policy the resource `*` is that key: KMS takes no other.
data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:A key's policy; its resource * is the key itself.
  #checkov:skip=CKV_AWS_111:A key's policy; its resource * is the key itself.
  #checkov:skip=CKV_AWS_356:A key's policy; its resource * is the key itself.
  for_each = toset(concat([local.region], var.replica ? [local.replica_region] : []))

  statement {
    sid       = "AccountAdministersByIam"
    actions   = local.key_administration
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "AccountUsesByIam"
    actions   = local.key_use
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "LogGroups"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${each.key}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${each.key}:${local.account}:log-group:*"]
    }
  }

  statement {
    sid       = "ServicesDeliver"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = local.key_services
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}
