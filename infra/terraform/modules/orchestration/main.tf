# Where flows run: the image, the cluster, the Prefect worker, and what tells Prefect of tasks that died.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  # arn:<partition>:<service>:<region>:<account> of what is named by us.
  arn    = { for service in ["ecs", "redshift"] : service => "arn:${data.aws_partition.current.partition}:${service}:${local.region}:${local.account}" }
  family = "${var.name}-run"
  image  = "${aws_ecr_repository.this.repository_url}:${var.image_tag}"
  home   = "/var/lib/warehouse"

  # What every process of ours is told; none of it is a secret.
  prefect_environment = {
    AWS_DEFAULT_REGION = local.region
    DO_NOT_TRACK       = "1"
    PREFECT_API_URL    = var.prefect_api_url
    PREFECT_HOME       = "${local.home}/prefect"
  }

  run_environment = merge(local.prefect_environment, {
    DW_MODE              = "aws"
    DW_DEPLOYMENT        = var.environment
    DW_HOME              = local.home
    DW_INBOX_URL         = "s3://${var.buckets["raw"].id}/inbox"
    DW_LAKE_URL          = "s3://${replace(var.buckets["artifacts"].id, "/-artifacts$/", "-{layer}")}"
    DW_SITE_URL          = "s3://${var.buckets["site"].id}"
    DW_KMS_KEY           = var.kms_key_arn
    DW_GLUE_JOB          = var.glue_job_name
    DW_REDSHIFT_CLUSTER  = var.cluster_identifier
    DW_REDSHIFT_DATABASE = var.database
    DW_REDSHIFT_ROLE     = var.copy_role_arn
    DW_ALERT_TOPIC       = replace(var.alert_topic_arns["critical"], "/critical$/", "{severity}")
  })

  worker_environment = merge(local.prefect_environment, {
    PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_ENABLED                    = "true"
    PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME             = aws_sqs_queue.observer.name
    PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_REGION           = local.region
    PREFECT_INTEGRATIONS_AWS_ECS_WORKER_CREATE_TASK_RUN_MAX_ATTEMPTS = "5"
  })
}

resource "aws_ecr_repository" "this" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_destroy

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "What no tag names is gone after a week"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "The last 30 images stay, to roll back to"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 30 }
        action       = { type = "expire" }
      },
    ]
  })
}

resource "aws_secretsmanager_secret" "prefect" {
  #checkov:skip=CKV2_AWS_57:Prefect issues the key, so no Lambda can rotate it; docs/operations.md says how a person does
  name                    = "${var.name}/prefect-api-key"
  description             = "API key of Prefect. Its value is set by hand, and never known to Terraform."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.force_destroy ? 0 : 30
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = {
    run      = "/ecs/${var.name}/run"
    worker   = "/ecs/${var.name}/worker"
    insights = "/aws/ecs/containerinsights/${var.name}/performance"
  }

  #checkov:skip=CKV_AWS_338:How long logs are kept is each environment's choice; prod keeps a year
  name              = each.value
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}
