locals {
  failed = ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"]
}

resource "aws_cloudwatch_event_rule" "failed" {
  name        = "${var.name}-backup-failed"
  description = "Backups, copies and restores of ${var.name} that failed"

  # Jobs of backup and copy have a state, those of restore a status.
  event_pattern = jsonencode({
    source      = ["aws.backup"]
    detail-type = ["Backup Job State Change", "Copy Job State Change", "Restore Job State Change"]
    "$or"       = [{ detail = { state = local.failed } }, { detail = { status = local.failed } }]
  })
}

resource "aws_cloudwatch_event_target" "failed" {
  rule      = aws_cloudwatch_event_rule.failed.name
  target_id = "alerts"
  arn       = var.alert_topic_arn

  input_transformer {
    input_paths = {
      kind     = "$.detail-type"
      resource = "$.detail.resourceArn"
      state    = "$.detail.state"
      status   = "$.detail.status"
      reason   = "$.detail.statusMessage"
    }

    input_template = "\"${var.name}: AWS Backup, <kind>: <resource> <state><status>. <reason> Runbook: docs/operations.md#backup-failed\""
  }
}
