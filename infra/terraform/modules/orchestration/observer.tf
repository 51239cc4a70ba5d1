# Task state changes of flow runs → queue → worker, which marks a run as crashed whose task died without a word.

resource "aws_cloudwatch_event_rule" "observer" {
  name        = "${var.name}-task-state"
  description = "State changes of the tasks of flow runs"

  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Task State Change"]
    detail = {
      clusterArn = [aws_ecs_cluster.this.arn]
      # Tasks of a service have the group service:…; the worker is not to read of itself.
      group = ["family:${local.family}"]
    }
  })
}

resource "aws_cloudwatch_event_target" "observer" {
  rule      = aws_cloudwatch_event_rule.observer.name
  target_id = "observer"
  arn       = aws_sqs_queue.observer.arn

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 20
  }

  dead_letter_config {
    arn = aws_sqs_queue.observer_dlq.arn
  }
}

resource "aws_sqs_queue" "observer" {
  name                              = "${var.name}-observer"
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
  # A worker that is down for a weekend finds what it missed.
  message_retention_seconds  = 604800
  visibility_timeout_seconds = 300
  receive_wait_time_seconds  = 20

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.observer_dlq.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "observer_dlq" {
  name                              = "${var.name}-observer-dlq"
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
  message_retention_seconds         = 1209600
}

resource "aws_sqs_queue_redrive_allow_policy" "observer_dlq" {
  queue_url = aws_sqs_queue.observer_dlq.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.observer.arn]
  })
}

data "aws_iam_policy_document" "queue" {
  for_each = { observer = aws_sqs_queue.observer.arn, observer_dlq = aws_sqs_queue.observer_dlq.arn }

  statement {
    sid       = "EventsOfTheRule"
    actions   = ["sqs:SendMessage"]
    resources = [each.value]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.observer.arn]
    }
  }

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"]
    resources = [each.value]

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

resource "aws_sqs_queue_policy" "observer" {
  queue_url = aws_sqs_queue.observer.id
  policy    = data.aws_iam_policy_document.queue["observer"].json
}

resource "aws_sqs_queue_policy" "observer_dlq" {
  queue_url = aws_sqs_queue.observer_dlq.id
  policy    = data.aws_iam_policy_document.queue["observer_dlq"].json
}
