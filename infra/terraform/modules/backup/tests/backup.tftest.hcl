mock_provider "aws" {
  source = "../../testing/mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../testing/mocks"
}

variables {
  name            = "warehouse-dev"
  environment     = "dev"
  kms_key_arn     = "arn:aws:kms:ap-south-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  cluster_arn     = "arn:aws:redshift:ap-south-1:111122223333:cluster:warehouse-dev"
  alert_topic_arn = "arn:aws:sns:ap-south-1:111122223333:warehouse-dev-alerts-critical"
  buckets = {
    for layer in ["raw", "clean", "curated", "quarantine", "artifacts", "site", "logs"] :
    layer => { id = "warehouse-dev-111122223333-${layer}", arn = "arn:aws:s3:::warehouse-dev-111122223333-${layer}" }
  }
}

run "plans" {
  assert {
    condition     = aws_backup_vault.this.kms_key_arn == var.kms_key_arn
    error_message = "Backups are encrypted with the environment's key."
  }

  assert {
    condition = toset(aws_backup_selection.this["lake"].resources) == toset([
      for layer in ["raw", "clean", "curated", "quarantine"] : "arn:aws:s3:::warehouse-dev-111122223333-${layer}"
    ]) && toset(aws_backup_selection.this["warehouse"].resources) == toset([var.cluster_arn])
    error_message = "The four data layers and the cluster are backed up."
  }

  assert {
    condition = alltrue([
      for plan in aws_backup_plan.this : alltrue([
        for rule in plan.rule :
        rule.schedule == "cron(0 1 * * ? *)" && rule.lifecycle[0].delete_after == 35 && rule.target_vault_name == "warehouse-dev" && length(rule.copy_action) == 0
      ])
    ])
    error_message = "A backup each day, kept for 35 days; none is copied unless a region is named."
  }

  assert {
    condition     = length(aws_backup_vault.copy) == 0 && length(aws_backup_vault_lock_configuration.this) == 0
    error_message = "Neither a second vault nor a lock unless they are asked for."
  }
}

run "copies" {
  variables {
    copy_region      = "ap-southeast-1"
    copy_kms_key_arn = "arn:aws:kms:ap-southeast-1:111122223333:key/11111111-0000-0000-0000-000000000000"
    lock_min_days    = 7
  }

  assert {
    condition     = aws_backup_vault.copy[0].kms_key_arn == var.copy_kms_key_arn && alltrue([for rule in aws_backup_plan.this["lake"].rule : length(rule.copy_action) == 1])
    error_message = "Backups of the lake are copied, under the key of the other region."
  }

  assert {
    condition     = alltrue([for rule in aws_backup_plan.this["warehouse"].rule : length(rule.copy_action) == 0])
    error_message = "AWS Backup copies no backup of Redshift to another region."
  }

  assert {
    condition     = aws_backup_vault_lock_configuration.this[0].min_retention_days == 7
    error_message = "The vault is locked."
  }
}

run "drill" {
  assert {
    condition = (
      aws_backup_restore_testing_plan.this[0].schedule_expression == "cron(0 6 ? * SUN *)" &&
      aws_backup_restore_testing_plan.this[0].recovery_point_selection[0].include_vaults == toset([aws_backup_vault.this.arn]) &&
      aws_backup_restore_testing_selection.lake[0].protected_resource_arns == toset(["arn:aws:s3:::warehouse-dev-111122223333-raw"])
    )
    error_message = "The newest backup of raw is restored each week."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.restore.statement :
      startswith(statement.sid, "Encrypt") || alltrue([for resource in statement.resources : startswith(resource, "arn:aws:s3:::awsbackup-restore-test-")])
    ])
    error_message = "The drill writes to its own buckets, never to the lake."
  }
}

run "no_drill" {
  variables {
    drill_layers = []
  }

  assert {
    condition     = length(aws_backup_restore_testing_plan.this) == 0 && length(aws_iam_role.restore) == 0
    error_message = "Without layers there is no drill and no role for it."
  }
}

run "failures_are_told" {
  assert {
    condition = (
      aws_cloudwatch_event_target.failed.arn == var.alert_topic_arn &&
      contains(jsondecode(aws_cloudwatch_event_rule.failed.event_pattern)["detail-type"], "Restore Job State Change") &&
      contains(jsondecode(aws_cloudwatch_event_rule.failed.event_pattern)["$or"][0].detail.state, "FAILED") &&
      contains(jsondecode(aws_cloudwatch_event_rule.failed.event_pattern)["$or"][1].detail.status, "FAILED")
    )
    error_message = "Failed backups, copies and restores are told."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_event_target.failed.input_transformer[0].input_template, "docs/operations.md#backup-failed")
    error_message = "The message names the runbook."
  }
}

run "role" {
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.backup.statement :
      !contains(statement.resources, "*") || contains(["MeasureBuckets", "FindWarehouse"], statement.sid)
    ])
    error_message = "Only what AWS cannot name is unnamed."
  }

  assert {
    condition     = !anytrue([for statement in data.aws_iam_policy_document.backup.statement : length(setintersection(statement.actions, ["s3:PutObject", "s3:DeleteObject", "redshift:DeleteCluster"])) > 0])
    error_message = "The role that backs up can change neither the lake nor the cluster."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.backup.statement : statement.resources if statement.sid == "KeepSnapshots"]) == toset(["arn:aws:redshift:ap-south-1:111122223333:snapshot:warehouse-dev/*"])
    error_message = "It removes snapshots of this cluster only."
  }
}

run "without_raw_is_refused" {
  command = plan

  variables {
    layers       = ["clean"]
    drill_layers = []
  }

  expect_failures = [var.layers]
}

run "lock_beyond_retention_is_refused" {
  command = plan

  variables {
    lock_min_days = 90
  }

  expect_failures = [var.lock_min_days]
}
