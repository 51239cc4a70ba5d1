provider "aws" {
  region = "ap-south-1"
}

data "aws_caller_identity" "current" {}

resource "aws_kms_key" "this" {}

resource "aws_s3_bucket" "this" {
  for_each = toset(["raw", "clean", "curated", "quarantine", "artifacts", "site"])
  bucket   = "warehouse-dev-${data.aws_caller_identity.current.account_id}-${each.key}"
}

resource "aws_sns_topic" "this" {
  for_each = toset(["critical", "warning"])
  name     = "warehouse-dev-alerts-${each.key}"
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.1.0/24"
}

resource "aws_security_group" "this" {
  name   = "worker"
  vpc_id = aws_vpc.this.id
}

module "orchestration" {
  source = "../../../../infra/terraform/modules/orchestration"

  name                     = "warehouse-dev"
  environment              = "dev"
  kms_key_arn              = aws_kms_key.this.arn
  buckets                  = aws_s3_bucket.this
  private_subnet_ids       = [aws_subnet.this.id]
  worker_security_group_id = aws_security_group.this.id
  cluster_arn              = "arn:aws:redshift:ap-south-1:${data.aws_caller_identity.current.account_id}:cluster:warehouse-dev"
  cluster_identifier       = "warehouse-dev"
  database                 = "warehouse"
  copy_role_arn            = "arn:aws:iam::${data.aws_caller_identity.current.account_id}:role/warehouse-dev-copy"
  glue_job_arn             = "arn:aws:glue:ap-south-1:${data.aws_caller_identity.current.account_id}:job/warehouse-dev-curate"
  glue_job_name            = "warehouse-dev-curate"
  prefect_api_url          = "https://prefect.example.org/api"
  alert_topic_arns         = { for severity, topic in aws_sns_topic.this : severity => topic.arn }
  image_tag                = "v1"
  task_cpu                 = 1024
  task_memory              = 4096
  ephemeral_storage_gib    = 21
  log_retention_days       = 7
  schedules                = { daily = "30 2 * * *", maintenance = "30 5 * * 0", quality_report = "0 8 * * 1" }
  force_destroy            = true
}
