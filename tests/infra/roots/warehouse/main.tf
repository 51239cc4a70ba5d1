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

resource "aws_kms_key" "this" {}

resource "aws_kms_key" "replica" {
  provider = aws.replica
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  for_each = { "ap-south-1a" = "10.0.1.0/24", "ap-south-1b" = "10.0.2.0/24" }

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
}

resource "aws_security_group" "this" {
  name   = "warehouse"
  vpc_id = aws_vpc.this.id
}

resource "aws_s3_bucket" "this" {
  for_each = toset(["clean", "curated", "artifacts"])
  bucket   = "warehouse-dev-${each.key}"
}

module "warehouse" {
  source = "../../../../infra/terraform/modules/warehouse"

  providers = {
    aws         = aws
    aws.replica = aws.replica
  }

  name                      = "warehouse-dev"
  environment               = "dev"
  kms_key_arn               = aws_kms_key.this.arn
  subnet_ids                = [for subnet in aws_subnet.this : subnet.id]
  security_group_id         = aws_security_group.this.id
  lake_buckets              = aws_s3_bucket.this
  snapshot_copy_region      = "ap-southeast-1"
  snapshot_copy_kms_key_arn = aws_kms_key.replica.arn
  office_hours              = true
  skip_final_snapshot       = true
  log_retention_days        = 7
}
