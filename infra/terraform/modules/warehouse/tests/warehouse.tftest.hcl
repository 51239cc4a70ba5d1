mock_provider "aws" {
  source = "../../testing/mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../testing/mocks"
}

variables {
  name              = "warehouse-dev"
  environment       = "dev"
  kms_key_arn       = "arn:aws:kms:ap-south-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  subnet_ids        = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id = "sg-warehouse"
  lake_buckets = {
    for layer in ["raw", "clean", "curated", "quarantine", "artifacts", "site", "logs"] :
    layer => { id = "warehouse-dev-111122223333-${layer}", arn = "arn:aws:s3:::warehouse-dev-111122223333-${layer}" }
  }
}

run "cluster" {
  assert {
    condition     = aws_redshift_cluster.this.encrypted && aws_redshift_cluster.this.kms_key_id == var.kms_key_arn
    error_message = "The cluster is encrypted with the environment's key."
  }

  assert {
    condition     = !aws_redshift_cluster.this.publicly_accessible && aws_redshift_cluster.this.enhanced_vpc_routing && aws_redshift_cluster.this.vpc_security_group_ids == toset(["sg-warehouse"])
    error_message = "The cluster is inside the VPC, behind its group, and reads S3 through the VPC."
  }

  assert {
    condition     = aws_redshift_cluster.this.manage_master_password && aws_redshift_cluster.this.master_password == null && aws_redshift_cluster.this.master_password_secret_kms_key_id == var.kms_key_arn
    error_message = "Redshift keeps and rotates the administrator's password; Terraform never sees one."
  }

  assert {
    condition     = aws_redshift_cluster.this.cluster_type == "single-node" && aws_redshift_cluster.this.automated_snapshot_retention_period == 7 && !aws_redshift_cluster.this.skip_final_snapshot
    error_message = "One node, snapshots for a week, and a last one when it is destroyed."
  }

  assert {
    condition     = aws_redshift_cluster.this.cluster_parameter_group_name == aws_redshift_parameter_group.this.name && aws_redshift_cluster.this.default_iam_role_arn == aws_iam_role.copy.arn
    error_message = "The cluster has our parameters, and COPY's role by default."
  }

  assert {
    condition     = toset(aws_redshift_subnet_group.this.subnet_ids) == toset(["subnet-a", "subnet-b", "subnet-c"])
    error_message = "The cluster may live in each private subnet."
  }
}

run "parameters" {
  assert {
    condition = alltrue([
      for name in ["require_ssl", "enable_user_activity_logging"] :
      contains([for parameter in aws_redshift_parameter_group.this.parameter : parameter.value if parameter.name == name], "true")
    ])
    error_message = "TLS is demanded, and every statement is logged."
  }

  assert {
    condition = [
      for queue in jsondecode(one([for parameter in aws_redshift_parameter_group.this.parameter : parameter.value if parameter.name == "wlm_json_configuration"])) :
      queue.name if contains(try(queue.query_group, []), "warehouse") && try(queue.auto_wlm, false) && try(queue.priority, "") == "high"
    ] == ["pipeline"]
    error_message = "Sessions of the pipeline (query group `warehouse`) have a queue of their own, before all others."
  }

  assert {
    condition = anytrue([
      for queue in jsondecode(one([for parameter in aws_redshift_parameter_group.this.parameter : parameter.value if parameter.name == "wlm_json_configuration"])) :
      try(queue.short_query_queue, false)
    ])
    error_message = "Short queries do not wait."
  }
}

run "audit" {
  assert {
    condition     = aws_redshift_logging.this.log_destination_type == "cloudwatch" && toset(aws_redshift_logging.this.log_exports) == toset(["connectionlog", "useractivitylog", "userlog"])
    error_message = "Connections, users and statements are logged."
  }

  assert {
    condition = alltrue([
      for kind, group in aws_cloudwatch_log_group.audit :
      group.name == "/aws/redshift/cluster/warehouse-dev/${kind}" && group.kms_key_id == var.kms_key_arn && group.retention_in_days == 365
    ])
    error_message = "The logs are where Redshift writes them, encrypted, and end after log_retention_days."
  }
}

run "copy_role" {
  assert {
    condition = {
      for statement in data.aws_iam_policy_document.copy.statement : statement.sid => statement.actions
      } == {
      FindBuckets         = toset(["s3:GetBucketLocation", "s3:ListBucket"])
      CopyReadsTheLake    = toset(["s3:GetObject"])
      UnloadWritesExports = toset(["s3:PutObject"])
      EncryptAndDecrypt   = toset(["kms:Decrypt", "kms:GenerateDataKey"])
    }
    error_message = "The role of COPY and UNLOAD may do what docs/aws.md says, and no more."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.copy.statement :
      !contains(statement.resources, "*") && !anytrue([for resource in statement.resources : strcontains(resource, "-raw") || strcontains(resource, "-quarantine")])
    ])
    error_message = "It names what it reads; neither deliveries nor quarantined rows are among it."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.copy.statement : statement.resources if statement.sid == "UnloadWritesExports"]) == toset(["arn:aws:s3:::warehouse-dev-111122223333-artifacts/exports/*"])
    error_message = "UNLOAD writes exports and nothing else."
  }

  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.copy_trust.statement : alltrue([for principal in statement.principals : principal.identifiers == toset(["redshift.amazonaws.com"])])])
    error_message = "Redshift alone takes the role."
  }
}

run "snapshots" {
  assert {
    condition     = aws_redshift_snapshot_schedule.this.definitions == toset(["rate(8 hours)"]) && aws_redshift_snapshot_schedule_association.this.cluster_identifier == aws_redshift_cluster.this.cluster_identifier
    error_message = "A snapshot every eight hours."
  }

  assert {
    condition     = length(aws_redshift_snapshot_copy.this) == 0 && length(aws_redshift_snapshot_copy_grant.this) == 0
    error_message = "Without a region nothing is copied."
  }
}

run "snapshot_copy" {
  variables {
    name                      = "warehouse-prod"
    environment               = "prod"
    snapshot_copy_region      = "ap-southeast-1"
    snapshot_copy_kms_key_arn = "arn:aws:kms:ap-southeast-1:111122223333:key/11111111-0000-0000-0000-000000000000"
    snapshot_retention_days   = 35
  }

  assert {
    condition = (
      aws_redshift_snapshot_copy.this[0].destination_region == "ap-southeast-1" && aws_redshift_snapshot_copy.this[0].retention_period == 35 &&
      aws_redshift_snapshot_copy.this[0].snapshot_copy_grant_name == aws_redshift_snapshot_copy_grant.this[0].snapshot_copy_grant_name &&
      aws_redshift_snapshot_copy_grant.this[0].kms_key_id == var.snapshot_copy_kms_key_arn
    )
    error_message = "Snapshots are copied to the other region, under its key."
  }
}

run "always_on" {
  assert {
    condition     = length(aws_redshift_scheduled_action.pause) == 0 && length(aws_redshift_scheduled_action.resume) == 0 && length(aws_iam_role.scheduler) == 0
    error_message = "Without office_hours the cluster never pauses."
  }
}

run "office_hours" {
  variables {
    office_hours = true
  }

  assert {
    condition = (
      aws_redshift_scheduled_action.resume[0].schedule == "cron(30 2 ? * MON-FRI *)" && aws_redshift_scheduled_action.pause[0].schedule == "cron(30 14 ? * * *)" &&
      aws_redshift_scheduled_action.pause[0].target_action[0].pause_cluster[0].cluster_identifier == "warehouse-dev" &&
      aws_redshift_scheduled_action.resume[0].target_action[0].resume_cluster[0].cluster_identifier == "warehouse-dev"
    )
    error_message = "08:00 to 20:00 in Kolkata, Monday to Friday."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.scheduler.statement :
      statement.actions == toset(["redshift:PauseCluster", "redshift:ResumeCluster"]) && statement.resources == toset(["arn:aws:redshift:ap-south-1:111122223333:cluster:warehouse-dev"])
    ])
    error_message = "The scheduler pauses and resumes this cluster and does nothing else."
  }
}

run "prod_has_no_office_hours" {
  command = plan

  variables {
    environment  = "prod"
    office_hours = true
  }

  expect_failures = [var.office_hours]
}

run "prod_keeps_a_last_snapshot" {
  command = plan

  variables {
    environment         = "prod"
    skip_final_snapshot = true
  }

  expect_failures = [var.skip_final_snapshot]
}

run "one_large_node_is_refused" {
  command = plan

  variables {
    node_type = "ra3.4xlarge"
  }

  expect_failures = [var.number_of_nodes]
}

run "copy_without_key_is_refused" {
  command = plan

  variables {
    snapshot_copy_region = "ap-southeast-1"
  }

  expect_failures = [var.snapshot_copy_kms_key_arn]
}
