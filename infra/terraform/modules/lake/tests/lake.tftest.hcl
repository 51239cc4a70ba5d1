mock_provider "aws" {
  source = "../../testing/mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../testing/mocks"
}

override_data {
  target = data.aws_region.replica
  values = { name = "ap-southeast-1", id = "ap-southeast-1" }
}

variables {
  name        = "warehouse-dev"
  environment = "dev"
}

run "buckets" {
  assert {
    condition     = toset(keys(output.buckets)) == toset(["raw", "clean", "curated", "quarantine", "artifacts", "site", "logs"])
    error_message = "Seven buckets, one per layer: ${join(", ", keys(output.buckets))}."
  }

  assert {
    condition     = alltrue([for layer, bucket in aws_s3_bucket.this : bucket.bucket == "warehouse-dev-111122223333-${layer}"])
    error_message = "DW_LAKE_URL finds a bucket by <name>-<account>-<layer>."
  }

  assert {
    condition = alltrue([
      for bucket in aws_s3_bucket_public_access_block.this :
      bucket.block_public_acls && bucket.block_public_policy && bucket.ignore_public_acls && bucket.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == 7
    error_message = "Every bucket blocks all public access."
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket_versioning.this : bucket.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_versioning.this) == 7
    error_message = "Every bucket is versioned."
  }

  assert {
    condition     = !anytrue([for bucket in aws_s3_bucket.this : bucket.force_destroy])
    error_message = "Buckets with objects are not destroyed unless it is asked for."
  }

  assert {
    condition     = aws_s3_bucket_notification.raw.eventbridge
    error_message = "raw tells EventBridge of deliveries."
  }
}

run "encryption" {
  assert {
    condition = alltrue([
      for layer, bucket in aws_s3_bucket_server_side_encryption_configuration.this : alltrue([
        for rule in bucket.rule : layer == "logs"
        ? one(rule.apply_server_side_encryption_by_default).sse_algorithm == "AES256"
        : one(rule.apply_server_side_encryption_by_default).sse_algorithm == "aws:kms" && one(rule.apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.this.arn && rule.bucket_key_enabled
      ])
    ]) && length(aws_s3_bucket_server_side_encryption_configuration.this) == 7
    error_message = "All but logs are encrypted with the environment's key, with bucket keys."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key is rotated, and its deletion can be taken back for 30 days."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.key["ap-south-1"].statement :
      length(statement.condition) > 0 || alltrue([for principal in statement.principals : principal.identifiers == toset(["arn:aws:iam::111122223333:root"])])
    ])
    error_message = "A service may use the key only for this account."
  }
}

run "tls_only" {
  assert {
    condition = alltrue([
      for policy in data.aws_iam_policy_document.bucket : anytrue([
        for statement in policy.statement :
        statement.effect == "Deny" && contains(statement.actions, "s3:*") && length(statement.resources) == 2 &&
        anytrue([for principal in statement.principals : principal.type == "AWS" && contains(principal.identifiers, "*")]) &&
        anytrue([for condition in statement.condition : condition.variable == "aws:SecureTransport" && condition.values[0] == "false"])
      ])
    ]) && length(aws_s3_bucket_policy.this) == 7
    error_message = "Every bucket refuses requests without TLS, from anybody."
  }

  assert {
    condition = alltrue([
      for policy in data.aws_iam_policy_document.bucket : alltrue([
        for statement in policy.statement : statement.effect == "Deny" || statement.sid == "AccessLogs"
      ])
    ])
    error_message = "Bucket policies grant nothing but the delivery of access logs."
  }
}

run "lifecycle" {
  variables {
    noncurrent_days = 14
    glacier_days    = 120
  }

  assert {
    condition = alltrue([
      for bucket in aws_s3_bucket_lifecycle_configuration.this : anytrue([
        for rule in bucket.rule :
        try(rule.abort_incomplete_multipart_upload[0].days_after_initiation, 0) == 1 && rule.id == "tidy" &&
        try(rule.noncurrent_version_expiration[0].noncurrent_days, 0) == 14 &&
        length(rule.transition) == 0
      ])
    ]) && length(aws_s3_bucket_lifecycle_configuration.this) == 7
    error_message = "Every bucket ends uploads after a day, and old versions after noncurrent_days."
  }

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.this["raw"].rule :
      rule.filter[0].prefix => { for move in rule.transition : move.storage_class => move.days } if length(rule.transition) > 0
      } == {
      "inbox/" = { STANDARD_IA = 30, GLACIER = 120 }
      "raw/"   = { STANDARD_IA = 30, GLACIER_IR = 120 }
    }
    error_message = "Deliveries go to STANDARD_IA and GLACIER; their copies in raw/ stay readable at once."
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this["artifacts"].rule :
      rule.filter[0].prefix == "glue/" && try(one(rule.expiration).days, 0) == 7 && try(rule.noncurrent_version_expiration[0].noncurrent_days, 0) == 1
    ])
    error_message = "Plans of Glue runs hold increment keys: they go after a week, and their versions with them."
  }

  assert {
    condition = alltrue([
      for layer in ["raw", "clean", "curated", "quarantine"] : alltrue([
        for rule in aws_s3_bucket_lifecycle_configuration.this[layer].rule : alltrue([for gone in rule.expiration : coalesce(gone.days, 0) == 0])
      ])
    ])
    error_message = "Data of the lake never expires."
  }
}

run "access_logs" {
  assert {
    condition     = alltrue([for log in aws_s3_bucket_logging.this : log.target_bucket == aws_s3_bucket.this["logs"].id]) && !contains(keys(aws_s3_bucket_logging.this), "logs") && length(aws_s3_bucket_logging.this) == 6
    error_message = "All buckets but logs write access logs, to logs."
  }
}

run "no_replica" {
  assert {
    condition     = length(aws_s3_bucket.replica) == 0 && length(aws_kms_key.replica) == 0 && length(aws_s3_bucket_replication_configuration.this) == 0 && output.replica_kms_key_arn == null
    error_message = "Without a replica there is nothing in the other region."
  }
}

run "replica" {
  variables {
    name        = "warehouse-prod"
    environment = "prod"
    replica     = true
  }

  assert {
    condition     = toset(keys(aws_s3_bucket_replication_configuration.this)) == toset(["raw", "clean", "curated", "quarantine"])
    error_message = "The four data layers are replicated."
  }

  assert {
    condition = alltrue([
      for copy in aws_s3_bucket_replication_configuration.this :
      copy.rule[0].status == "Enabled" &&
      copy.rule[0].source_selection_criteria[0].sse_kms_encrypted_objects[0].status == "Enabled" &&
      copy.rule[0].destination[0].encryption_configuration[0].replica_kms_key_id == aws_kms_key.replica[0].arn
    ])
    error_message = "Encrypted objects are replicated, under the key of the other region."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.replication[0].statement :
      alltrue([for action in statement.actions : !strcontains(action, "*")]) && !contains(statement.resources, "*")
    ])
    error_message = "The replication role names its actions and resources."
  }

  assert {
    condition     = length(aws_s3_bucket_public_access_block.replica) == 4 && length(aws_s3_bucket_policy.replica) == 4 && length(aws_s3_bucket_versioning.replica) == 4
    error_message = "Replicas are as closed as their sources."
  }
}

run "same_region_is_refused" {
  command = plan

  override_data {
    target = data.aws_region.replica
    values = { name = "ap-south-1", id = "ap-south-1" }
  }

  variables {
    replica = true
  }

  expect_failures = [aws_kms_key.replica]
}

run "destroying_prod_is_refused" {
  command = plan

  variables {
    environment   = "prod"
    force_destroy = true
  }

  expect_failures = [var.force_destroy]
}

run "too_early_archive_is_refused" {
  command = plan

  variables {
    infrequent_days = 90
    glacier_days    = 100
  }

  expect_failures = [var.glacier_days]
}
