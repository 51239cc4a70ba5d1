data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "Backup"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "backup" {
  name               = "${var.name}-backup"
  description        = "AWS Backup reads lake and warehouse of ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "backup" {
  #checkov:skip=CKV_AWS_111:The actions without a resource only read; see their comments.
  #checkov:skip=CKV_AWS_356:The actions without a resource only read; see their comments.
  statement {
    sid = "FollowBuckets"
    actions = [
      "s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketNotification", "s3:GetBucketTagging", "s3:GetBucketVersioning",
      "s3:GetInventoryConfiguration", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutBucketNotification",
      "s3:PutInventoryConfiguration",
    ]
    resources = local.protected.lake
  }

  statement {
    sid = "ReadObjects"
    actions = [
      "s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionAcl",
      "s3:GetObjectVersionTagging",
    ]
    resources = [for arn in local.protected.lake : "${arn}/*"]
  }

  # AWS Backup learns of changed objects by rules of EventBridge that it makes under this name.
  statement {
    sid = "ListenForChanges"
    actions = [
      "events:DeleteRule", "events:DescribeRule", "events:DisableRule", "events:EnableRule", "events:ListTargetsByRule",
      "events:PutRule", "events:PutTargets", "events:RemoveTargets",
    ]
    resources = ["arn:${local.partition}:events:${local.region}:${local.account}:rule/AwsBackupManagedRule*"]
  }

  statement {
    sid       = "MeasureBuckets"
    actions   = ["cloudwatch:GetMetricData", "events:ListRules", "s3:ListAllMyBuckets", "tag:GetResources"]
    resources = ["*"] # These lists name no resource.
  }

  statement {
    sid       = "SnapshotWarehouse"
    actions   = ["redshift:CreateClusterSnapshot", "redshift:DescribeTags"]
    resources = [var.cluster_arn, local.snapshots]
  }

  statement {
    sid       = "FindWarehouse"
    actions   = ["redshift:DescribeClusterSnapshots", "redshift:DescribeClusters"]
    resources = ["*"] # Redshift names no resource here.
  }

  statement {
    sid       = "KeepSnapshots"
    actions   = ["redshift:CreateTags", "redshift:DeleteClusterSnapshot"]
    resources = [local.snapshots]
  }

  statement {
    sid       = "EncryptAndDecrypt"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    resources = compact([var.kms_key_arn, var.copy_kms_key_arn])
  }

  statement {
    sid       = "LetVaultUseKey"
    actions   = ["kms:CreateGrant"]
    resources = compact([var.kms_key_arn, var.copy_kms_key_arn])

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }

  statement {
    sid       = "CopyToOtherVault"
    actions   = ["backup:CopyFromBackupVault", "backup:CopyIntoBackupVault", "backup:DescribeBackupVault"]
    resources = concat([aws_backup_vault.this.arn], aws_backup_vault.copy[*].arn)
  }

  statement {
    sid       = "TagBackups"
    actions   = ["backup:TagResource"]
    resources = ["arn:${local.partition}:backup:${local.region}:${local.account}:recovery-point:*"]
  }
}

locals {
  cluster   = element(split(":", var.cluster_arn), 6)
  snapshots = "arn:${local.partition}:redshift:${local.region}:${local.account}:snapshot:${local.cluster}/*"
}

resource "aws_iam_role_policy" "backup" {
  name   = "backup"
  role   = aws_iam_role.backup.id
  policy = data.aws_iam_policy_document.backup.json
}

# Restores for the drill only, to buckets that AWS Backup names; it cannot write to the lake.
resource "aws_iam_role" "restore" {
  count = length(var.drill_layers) == 0 ? 0 : 1

  name               = "${var.name}-restore-drill"
  description        = "Weekly restore drill of ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "restore" {
  statement {
    sid = "MakeDrillBuckets"
    actions = [
      "s3:CreateBucket", "s3:DeleteBucket", "s3:GetBucketLocation", "s3:GetBucketOwnershipControls", "s3:GetBucketVersioning",
      "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions", "s3:PutBucketOwnershipControls",
      "s3:PutBucketVersioning",
    ]
    resources = ["arn:${local.partition}:s3:::awsbackup-restore-test-*"]
  }

  statement {
    sid = "FillDrillBuckets"
    actions = [
      "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectAcl",
      "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionAcl", "s3:ListMultipartUploadParts", "s3:PutObject",
      "s3:PutObjectAcl", "s3:PutObjectTagging", "s3:PutObjectVersionAcl",
    ]
    resources = ["arn:${local.partition}:s3:::awsbackup-restore-test-*/*"]
  }

  statement {
    sid       = "EncryptAndDecrypt"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]
  }
}

resource "aws_iam_role_policy" "restore" {
  count = length(var.drill_layers) == 0 ? 0 : 1

  name   = "restore-drill"
  role   = aws_iam_role.restore[0].id
  policy = data.aws_iam_policy_document.restore.json
}
