locals {
  # Deliveries are read once and copied to raw/; GLACIER needs a restore (hours) before they can be read again.
  # What a rebuild reads (raw/, clean/) stays readable at once.
  transitions = {
    raw = {
      "inbox/" = { infrequent = var.infrequent_days, archive = var.glacier_days, class = "GLACIER" }
      "raw/"   = { infrequent = var.infrequent_days, archive = var.glacier_days, class = "GLACIER_IR" }
    }
    clean      = { "clean/" = { infrequent = var.infrequent_days, archive = null, class = null } }
    curated    = { "curated/" = { infrequent = var.infrequent_days, archive = null, class = null } }
    quarantine = { "" = { infrequent = var.infrequent_days, archive = null, class = null } }
  }

  # Plans of Glue runs hold increment keys and are not read after the run; alerts/ remembers which alerts were sent; the
  # lease is written twice a minute.
  expirations = {
    artifacts = {
      "glue/"      = { days = 7, noncurrent_days = 1 }
      "alerts/"    = { days = 30, noncurrent_days = 1 }
      "_lock.json" = { days = null, noncurrent_days = 1 }
    }
    logs = { "s3/" = { days = var.access_log_days, noncurrent_days = 1 } }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "tidy"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }

    expiration {
      expired_object_delete_marker = true
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
  }

  dynamic "rule" {
    for_each = lookup(local.transitions, each.key, {})

    content {
      id     = rule.key == "" ? "age" : "age-${trimsuffix(rule.key, "/")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      transition {
        days          = rule.value.infrequent
        storage_class = "STANDARD_IA"
      }

      dynamic "transition" {
        for_each = rule.value.archive == null ? [] : [rule.value]

        content {
          days          = transition.value.archive
          storage_class = transition.value.class
        }
      }
    }
  }

  dynamic "rule" {
    for_each = lookup(local.expirations, each.key, {})

    content {
      id     = "expire-${trimsuffix(rule.key, "/")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      dynamic "expiration" {
        for_each = rule.value.days == null ? [] : [rule.value.days]

        content {
          days = expiration.value
        }
      }

      noncurrent_version_expiration {
        noncurrent_days = rule.value.noncurrent_days
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
