data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # Layers of the lake; artifacts holds bundle/, glue/, exports/, landing/ and the lease, site holds Data Docs.
  data_layers = toset(["raw", "clean", "curated", "quarantine"])
  encrypted   = setunion(local.data_layers, ["artifacts", "site"])
  layers      = setunion(local.encrypted, ["logs"])

  replicated = var.replica ? local.data_layers : toset([])
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:Data layers are replicated where var.replica says so; artifacts, site and logs can be made again.
  #checkov:skip=CKV2_AWS_62:Only raw tells of new objects (notification below); nobody listens to the others.
  #checkov:skip=CKV_AWS_145:All but logs are encrypted with the KMS key; S3 delivers access logs only to SSE-S3.
  #checkov:skip=CKV_AWS_18:All but logs have access logs; a bucket that logs to itself never comes to rest.
  for_each = local.layers

  bucket        = "${var.name}-${local.account}-${each.key}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    # One data key per bucket and while, not one call of KMS per object.
    bucket_key_enabled = contains(local.encrypted, each.key)

    apply_server_side_encryption_by_default {
      # S3 delivers access logs only to buckets with its own keys.
      sse_algorithm     = contains(local.encrypted, each.key) ? "aws:kms" : "AES256"
      kms_master_key_id = contains(local.encrypted, each.key) ? aws_kms_key.this.arn : null
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.encrypted

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"

  target_object_key_format {
    partitioned_prefix {
      partition_date_source = "EventTime"
    }
  }

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

data "aws_iam_policy_document" "bucket" {
  for_each = aws_s3_bucket.this

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? [1] : []

    content {
      sid       = "AccessLogs"
      actions   = ["s3:PutObject"]
      resources = ["${each.value.arn}/*"]

      principals {
        type        = "Service"
        identifiers = ["logging.s3.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }

      condition {
        test     = "ArnLike"
        variable = "aws:SourceArn"
        values   = [for layer in local.encrypted : "arn:${local.partition}:s3:::${var.name}-${local.account}-${layer}"]
      }
    }
  }
}

# New deliveries are told to EventBridge, where landing listens.
resource "aws_s3_bucket_notification" "raw" {
  bucket      = aws_s3_bucket.this["raw"].id
  eventbridge = true
}
