data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_subnet" "job" {
  id = var.subnet_id
}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  artifacts = var.buckets["artifacts"]
  bundle    = "s3://${local.artifacts.id}/bundle"
  job_logs  = "/aws-glue/${var.name}"
}

# The job's own log groups are encrypted and end; Glue names them <prefix>/error and <prefix>/output.
resource "aws_cloudwatch_log_group" "job" {
  #checkov:skip=CKV_AWS_338:How long is the environment's choice; prod keeps a year.
  for_each = toset(["error", "output"])

  name              = "${local.job_logs}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# With CloudWatch's encryption set here, Glue would write to groups that it names after role and configuration and makes
# itself, without a retention. The job's groups above are encrypted by the same key.
resource "aws_glue_security_configuration" "job" {
  #checkov:skip=CKV_AWS_99:The job's log groups are encrypted themselves (aws_cloudwatch_log_group.job).
  name = "${var.name}-job"

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "DISABLED"
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = var.kms_key_arn
    }

    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.kms_key_arn
    }
  }
}

resource "aws_glue_security_configuration" "crawler" {
  name = "${var.name}-crawler"

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = var.kms_key_arn
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = var.kms_key_arn
    }

    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.kms_key_arn
    }
  }
}

# Puts the job's workers into the VPC.
resource "aws_glue_connection" "vpc" {
  name            = var.name
  description     = "Private subnet of ${var.name}"
  connection_type = "NETWORK"

  physical_connection_requirements {
    availability_zone      = data.aws_subnet.job.availability_zone
    security_group_id_list = [var.security_group_id]
    subnet_id              = var.subnet_id
  }
}

# One job for all curated tables: what a run does stands in its plan (docs/aws.md, "Glue").
resource "aws_glue_job" "lake" {
  name        = "${var.name}-lake"
  description = "Lake transforms of ${var.name}"
  role_arn    = aws_iam_role.job.arn

  glue_version      = "5.0"
  execution_class   = "STANDARD"
  worker_type       = var.worker_type
  number_of_workers = var.number_of_workers
  timeout           = var.timeout_minutes

  # The pipeline decides what is tried again, and one build has one run.
  max_retries = 0

  execution_property {
    max_concurrent_runs = 1
  }

  command {
    name            = "glueetl"
    script_location = "${local.bundle}/glue_job.py"
    python_version  = "3"
  }

  default_arguments = {
    "--bundle"                  = local.bundle
    "--job-bookmark-option"     = "job-bookmark-disable"
    "--custom-logGroup-prefix"  = local.job_logs
    "--enable-auto-scaling"     = "true"
    "--enable-metrics"          = "true"
    "--enable-glue-datacatalog" = "false"
  }

  connections            = [aws_glue_connection.vpc.name]
  security_configuration = aws_glue_security_configuration.job.name

  depends_on = [aws_cloudwatch_log_group.job, aws_iam_role_policy.job]
}
