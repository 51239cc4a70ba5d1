provider "aws" {
  region = "ap-south-1"
}

resource "aws_kms_key" "this" {}

resource "aws_s3_bucket" "this" {
  for_each = toset(["raw", "quarantine", "artifacts"])
  bucket   = "warehouse-dev-123456789012-${each.key}"
}

resource "aws_sns_topic" "this" {
  name = "warehouse-dev-alerts-warning"
}

resource "aws_secretsmanager_secret" "this" {
  name                    = "warehouse-dev-prefect"
  recovery_window_in_days = 0
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.1.0/24"
}

resource "aws_security_group" "this" {
  name   = "landing"
  vpc_id = aws_vpc.this.id
}

module "landing" {
  source = "../../../../infra/terraform/modules/landing"

  name               = "warehouse-dev"
  environment        = "dev"
  kms_key_arn        = aws_kms_key.this.arn
  buckets            = aws_s3_bucket.this
  package_path       = "${path.module}/main.tf" # moto looks into no package
  prefect_api_url    = "https://prefect.example.org/api"
  prefect_secret_arn = aws_secretsmanager_secret.this.arn
  alert_topic_arn    = aws_sns_topic.this.arn
  subnet_ids         = [aws_subnet.this.id]
  security_group_id  = aws_security_group.this.id
  log_retention_days = 7
}
