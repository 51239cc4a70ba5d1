# A backup that was never restored is a hope. Each week the newest one of drill_layers is restored to a bucket that AWS
# Backup names, and removes again after validation_window_hours. AWS offers this for S3, not for Redshift: that drill is
# a runbook.
resource "aws_backup_restore_testing_plan" "this" {
  count = length(var.drill_layers) == 0 ? 0 : 1

  name                         = replace(var.name, "-", "_")
  schedule_expression          = var.drill_schedule
  schedule_expression_timezone = "Etc/UTC"
  start_window_hours           = 4

  recovery_point_selection {
    algorithm             = "LATEST_WITHIN_WINDOW"
    include_vaults        = [aws_backup_vault.this.arn]
    recovery_point_types  = ["SNAPSHOT"]
    selection_window_days = min(7, var.retention_days)
  }
}

resource "aws_backup_restore_testing_selection" "lake" {
  count = length(var.drill_layers) == 0 ? 0 : 1

  name                      = "lake"
  restore_testing_plan_name = aws_backup_restore_testing_plan.this[0].name
  protected_resource_type   = "S3"
  protected_resource_arns   = [for layer in sort(tolist(var.drill_layers)) : var.buckets[layer].arn]
  iam_role_arn              = aws_iam_role.restore[0].arn
  validation_window_hours   = 8

  restore_metadata_overrides = {
    encryptionType = "SSE-KMS"
    kmsKey         = var.kms_key_arn
  }
}
