terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = "ap-south-1"
}

provider "aws" {
  alias  = "replica"
  region = "ap-southeast-1"
}

data "aws_caller_identity" "current" {}

resource "aws_kms_key" "this" {}

resource "aws_kms_key" "replica" {
  provider = aws.replica
}

resource "aws_s3_bucket" "this" {
  for_each = toset(["raw", "clean", "curated", "quarantine"])
  bucket   = "warehouse-dev-${each.key}"
}

resource "aws_sns_topic" "this" {
  name = "warehouse-dev-alerts-critical"
}

module "backup" {
  source = "../../../../infra/terraform/modules/backup"

  providers = {
    aws         = aws
    aws.replica = aws.replica
  }

  name             = "warehouse-dev"
  environment      = "dev"
  kms_key_arn      = aws_kms_key.this.arn
  cluster_arn      = "arn:aws:redshift:ap-south-1:${data.aws_caller_identity.current.account_id}:cluster:warehouse-dev"
  buckets          = aws_s3_bucket.this
  copy_region      = "ap-southeast-1"
  copy_kms_key_arn = aws_kms_key.replica.arn
  lock_min_days    = 7
  alert_topic_arn  = aws_sns_topic.this.arn
}
