# Metrics made of logs: what processes write as errors, and how runs of Glue end.

locals {
  log_filters = {
    # Prefect's lines: 02:30:11.482 | ERROR   | Flow run 'daily-shop' - …
    run-errors    = { log_group = var.log_groups.run, pattern = "?\"| ERROR \" ?\"| CRITICAL \"" }
    worker-errors = { log_group = var.log_groups.worker, pattern = "?\"| ERROR \" ?\"| CRITICAL \"" }
    glue-failures = { log_group = aws_cloudwatch_log_group.glue.name, pattern = "{ ($.detail.state = \"FAILED\") || ($.detail.state = \"TIMEOUT\") }" }
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.log_filters

  name           = "${var.name}-${each.key}"
  log_group_name = each.value.log_group
  pattern        = each.value.pattern

  metric_transformation {
    namespace     = "Warehouse/Logs"
    name          = "${var.name}-${each.key}"
    value         = "1"
    default_value = "0"
  }
}

# Glue tells how each run ended, with its message: kept where the filter reads it, and a person later.

resource "aws_cloudwatch_event_rule" "glue" {
  name        = "${var.name}-glue-ended"
  description = "Ends of the lake transforms on Glue"

  event_pattern = jsonencode({
    source        = ["aws.glue"]
    "detail-type" = ["Glue Job State Change"]
    detail        = { jobName = [var.glue_job_name] }
  })
}

resource "aws_cloudwatch_log_group" "glue" {
  #checkov:skip=CKV_AWS_338:How long logs are kept is each environment's choice; prod keeps a year
  name              = "/aws/events/${var.name}-glue"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_event_target" "glue" {
  rule      = aws_cloudwatch_event_rule.glue.name
  target_id = "log"
  arn       = aws_cloudwatch_log_group.glue.arn
}

data "aws_iam_policy_document" "glue_log" {
  statement {
    # EventBridge names no rule when it opens the stream.
    sid       = "OpenTheStream"
    actions   = ["logs:CreateLogStream"]
    resources = ["${aws_cloudwatch_log_group.glue.arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
    }
  }

  statement {
    sid       = "EventsOfTheRule"
    actions   = ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.glue.arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.glue.arn]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "glue" {
  policy_name     = "${var.name}-glue-ended"
  policy_document = data.aws_iam_policy_document.glue_log.json
}
