data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # AWS Backup copies backups of S3 to another region, but none of Redshift: its snapshots are copied by the warehouse
  # module. So each has a plan of its own.
  protected = {
    lake      = [for layer in sort(tolist(var.layers)) : var.buckets[layer].arn]
    warehouse = [var.cluster_arn]
  }
}

resource "aws_backup_vault" "this" {
  name        = var.name
  kms_key_arn = var.kms_key_arn
}

resource "aws_backup_vault" "copy" {
  count    = var.copy_region == null ? 0 : 1
  provider = aws.replica

  name        = "${var.name}-copy"
  kms_key_arn = var.copy_kms_key_arn
}

# Governance mode: whoever has the right to may lift the lock, which CloudTrail then tells.
resource "aws_backup_vault_lock_configuration" "this" {
  count = var.lock_min_days == null ? 0 : 1

  backup_vault_name  = aws_backup_vault.this.name
  min_retention_days = var.lock_min_days
}

resource "aws_backup_plan" "this" {
  for_each = local.protected

  name = "${var.name}-${each.key}"

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.this.name
    schedule          = var.schedule
    start_window      = 60
    completion_window = 720

    lifecycle {
      delete_after = var.retention_days
    }

    dynamic "copy_action" {
      for_each = each.key == "lake" ? aws_backup_vault.copy[*].arn : []

      content {
        destination_vault_arn = copy_action.value

        lifecycle {
          delete_after = var.retention_days
        }
      }
    }
  }
}

resource "aws_backup_selection" "this" {
  for_each = local.protected

  name         = each.key
  plan_id      = aws_backup_plan.this[each.key].id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = each.value

  depends_on = [aws_iam_role_policy.backup]
}
