# Three functions of one package. Above 50 MB Lambda takes a package from S3 only.

locals {
  package_hash = filesha256(var.package_path)

  functions = {
    check = {
      memory      = var.memory_mb
      timeout     = 600
      disk        = 10240
      environment = { LANDING_MOST_BYTES = tostring(var.most_bytes) }
    }
    start = {
      memory  = 512
      timeout = 90
      disk    = 512
      environment = {
        PREFECT_API_URL    = var.prefect_api_url
        PREFECT_SECRET     = var.prefect_secret_arn
        PREFECT_DEPLOYMENT = var.deployment
      }
    }
    reject = {
      memory  = 512
      timeout = 300
      disk    = 512
      environment = {
        QUARANTINE_BUCKET = var.buckets["quarantine"].id
        ALERT_TOPIC       = var.alert_topic_arn
        ENVIRONMENT       = var.environment
      }
    }
  }
}

resource "aws_s3_object" "package" {
  bucket = var.buckets["artifacts"].id
  # By content: an older release still finds its own package when it is applied again.
  key         = "landing/${local.package_hash}.zip"
  source      = var.package_path
  source_hash = local.package_hash
  kms_key_id  = var.kms_key_arn
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-landing-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:Deliveries are few; a reserved share would be taken off the account's other functions.
  #checkov:skip=CKV_AWS_116:Step Functions calls it and waits; what fails goes to the state machine's dead letter queue.
  #checkov:skip=CKV_AWS_272:The package is named by its SHA-256, in a bucket that only a deployment writes to.
  for_each = local.functions

  function_name    = "${var.name}-landing-${each.key}"
  description      = "Landing: ${each.key} one delivered file."
  role             = aws_iam_role.function[each.key].arn
  s3_bucket        = aws_s3_object.package.bucket
  s3_key           = aws_s3_object.package.key
  source_code_hash = filebase64sha256(var.package_path)
  handler          = "tasks.landing_functions.${each.key}.handler"
  runtime          = "python3.13"
  architectures    = ["x86_64"]
  memory_size      = each.value.memory
  timeout          = each.value.timeout
  kms_key_arn      = var.kms_key_arn

  environment {
    variables = each.value.environment
  }

  ephemeral_storage {
    size = each.value.disk
  }

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  tracing_config {
    mode = "Active"
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
    log_group             = aws_cloudwatch_log_group.function[each.key].name
  }

  depends_on = [aws_iam_role_policy.function]
}
