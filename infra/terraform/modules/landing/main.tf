# A file lands below inbox/ of the raw bucket → EventBridge → state machine → its functions. What fails waits in one queue.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  inbox     = "inbox/"
  rejected  = "rejected/"
}

resource "aws_sqs_queue" "dlq" {
  name                              = "${var.name}-landing-dlq"
  message_retention_seconds         = 1209600
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
}

data "aws_iam_policy_document" "dlq" {
  statement {
    sid       = "EventsThatFoundNoStateMachine"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dlq.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.created.arn]
    }
  }

  statement {
    sid       = "OnlyByTls"
    effect    = "Deny"
    actions   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue"]
    resources = [aws_sqs_queue.dlq.arn]

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
}

resource "aws_sqs_queue_policy" "dlq" {
  queue_url = aws_sqs_queue.dlq.url
  policy    = data.aws_iam_policy_document.dlq.json
}

resource "aws_cloudwatch_event_rule" "created" {
  name        = "${var.name}-landing"
  description = "A file was delivered."

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [var.buckets["raw"].id] }
      object = { key = [{ prefix = local.inbox }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "state_machine" {
  rule     = aws_cloudwatch_event_rule.created.name
  arn      = aws_sfn_state_machine.this.arn
  role_arn = aws_iam_role.rule.arn

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = aws_sqs_queue.dlq.arn
  }
}

resource "aws_cloudwatch_log_group" "states" {
  name              = "/aws/vendedlogs/states/${var.name}-landing"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_285:Everything is logged but the data, which may hold what is personal (below).
  name     = "${var.name}-landing"
  role_arn = aws_iam_role.state_machine.arn
  type     = "STANDARD"

  definition = templatefile("${path.module}/state_machine.asl.json", {
    partition      = local.partition
    check_arn      = aws_lambda_function.this["check"].arn
    start_arn      = aws_lambda_function.this["start"].arn
    reject_arn     = aws_lambda_function.this["reject"].arn
    check_seconds  = local.functions.check.timeout + 60
    start_seconds  = local.functions.start.timeout + 30
    reject_seconds = local.functions.reject.timeout + 30
    dlq_url        = aws_sqs_queue.dlq.url
  })

  # Without data: masks go by column, and a sample of a value that stood in the wrong column is none for a log. The
  # execution itself shows them, to those who may look at executions, for 90 days.
  logging_configuration {
    level                  = "ALL"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.states.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  # What is checked when the machine is made: the role must be able to do what the definition says.
  depends_on = [aws_iam_role_policy.state_machine]
}
