# Redshift's own role: COPY reads the lake by manifest, UNLOAD writes exports.
data "aws_iam_policy_document" "copy_trust" {
  statement {
    sid     = "Redshift"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["redshift.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "copy" {
  name               = "${var.name}-copy"
  description        = "COPY and UNLOAD of ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.copy_trust.json
}

data "aws_iam_policy_document" "copy" {
  statement {
    sid       = "FindBuckets"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = [for layer in ["clean", "curated", "artifacts"] : var.lake_buckets[layer].arn]
  }

  statement {
    sid     = "CopyReadsTheLake"
    actions = ["s3:GetObject"]
    resources = concat(
      [for layer in ["clean", "curated"] : "${var.lake_buckets[layer].arn}/${layer}/*"],
      # What the smoke test makes, and removes.
      [for layer in ["clean", "curated", "artifacts"] : "${var.lake_buckets[layer].arn}/_smoke/*"],
    )
  }

  statement {
    sid       = "UnloadWritesExports"
    actions   = ["s3:PutObject"]
    resources = ["${var.lake_buckets["artifacts"].arn}/exports/*"]
  }

  statement {
    sid       = "EncryptAndDecrypt"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]
  }
}

resource "aws_iam_role_policy" "copy" {
  name   = "lake"
  role   = aws_iam_role.copy.id
  policy = data.aws_iam_policy_document.copy.json
}

data "aws_iam_policy_document" "scheduler_trust" {
  statement {
    sid     = "RedshiftScheduler"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.redshift.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  count = var.office_hours ? 1 : 0

  name               = "${var.name}-office-hours"
  description        = "Pauses and resumes ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.scheduler_trust.json
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "PauseAndResume"
    actions   = ["redshift:PauseCluster", "redshift:ResumeCluster"]
    resources = [local.cluster_arn]
  }
}

resource "aws_iam_role_policy" "scheduler" {
  count = var.office_hours ? 1 : 0

  name   = "pause-and-resume"
  role   = aws_iam_role.scheduler[0].id
  policy = data.aws_iam_policy_document.scheduler.json
}
