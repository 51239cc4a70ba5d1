data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  cluster_arn = "arn:${local.partition}:redshift:${local.region}:${local.account}:cluster:${var.name}"
}

resource "aws_redshift_subnet_group" "this" {
  name        = var.name
  description = "Private subnets of ${var.name}"
  subnet_ids  = var.subnet_ids
}

resource "aws_redshift_parameter_group" "this" {
  name        = "${var.name}-redshift-1"
  description = "TLS, audit and queues of ${var.name}"
  family      = "redshift-1.0"

  parameter {
    name  = "require_ssl"
    value = "true"
  }

  parameter {
    name  = "enable_user_activity_logging"
    value = "true"
  }

  # Identifiers are lower case everywhere, as in the contracts.
  parameter {
    name  = "enable_case_sensitive_identifier"
    value = "false"
  }

  parameter {
    name  = "max_concurrency_scaling_clusters"
    value = "1"
  }

  parameter {
    name  = "wlm_json_configuration"
    value = jsonencode(local.queues)
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_redshift_cluster" "this" {
  #checkov:skip=CKV_AWS_71:Audit logs go to encrypted log groups (aws_redshift_logging), where alarms can read them.
  #checkov:skip=CKV_AWS_343:Snapshots follow snapshot_schedule and are kept for snapshot_retention_days, 1 at least.
  cluster_identifier = var.name
  database_name      = var.database
  node_type          = var.node_type
  cluster_type       = var.number_of_nodes == 1 ? "single-node" : "multi-node"
  number_of_nodes    = var.number_of_nodes
  port               = 5439

  # Redshift makes and rotates the administrator's password; nobody works as this user, the pipeline logs in by its role.
  master_username                   = "administrator"
  manage_master_password            = true
  master_password_secret_kms_key_id = var.kms_key_arn

  encrypted  = true
  kms_key_id = var.kms_key_arn

  cluster_subnet_group_name            = aws_redshift_subnet_group.this.name
  vpc_security_group_ids               = [var.security_group_id]
  publicly_accessible                  = false
  enhanced_vpc_routing                 = true
  availability_zone_relocation_enabled = true

  cluster_parameter_group_name = aws_redshift_parameter_group.this.name
  iam_roles                    = [aws_iam_role.copy.arn]
  default_iam_role_arn         = aws_iam_role.copy.arn

  allow_version_upgrade               = true
  preferred_maintenance_window        = var.maintenance_window
  automated_snapshot_retention_period = var.snapshot_retention_days
  manual_snapshot_retention_period    = 365
  skip_final_snapshot                 = var.skip_final_snapshot
  final_snapshot_identifier           = var.skip_final_snapshot ? null : "${var.name}-final"
}
