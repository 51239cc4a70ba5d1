provider "aws" {
  region = "ap-south-1"
}

data "aws_caller_identity" "current" {}

resource "aws_kms_key" "this" {}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["run", "worker"])
  name     = "/ecs/warehouse-dev/${each.key}"
}

module "monitoring" {
  source = "../../../../infra/terraform/modules/monitoring"

  name                = "warehouse-dev"
  environment         = "dev"
  kms_key_arn         = aws_kms_key.this.arn
  alert_emails        = { critical = ["on-call@example.org"] }
  log_groups          = { for key, group in aws_cloudwatch_log_group.this : key => group.name }
  queues              = { observer = "warehouse-dev-observer", dead_letters = ["warehouse-dev-observer-dlq", "warehouse-dev-landing-dlq"] }
  event_rules         = ["warehouse-dev-task-state", "warehouse-dev-landing"]
  cluster_identifier  = "warehouse-dev"
  office_hours        = true
  state_machine_arn   = "arn:aws:states:ap-south-1:${data.aws_caller_identity.current.account_id}:stateMachine:warehouse-dev-landing"
  function_names      = { check = "warehouse-dev-landing-check", start = "warehouse-dev-landing-start" }
  glue_job_name       = "warehouse-dev-curate"
  ecs_cluster_name    = "warehouse-dev"
  worker_service_name = "warehouse-dev-worker"
  log_retention_days  = 7
}
