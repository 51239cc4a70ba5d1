provider "aws" {
  region = "ap-south-1"
}

resource "aws_kms_key" "this" {}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.1.0/24"
}

resource "aws_security_group" "this" {
  name   = "glue"
  vpc_id = aws_vpc.this.id
}

resource "aws_s3_bucket" "this" {
  for_each = toset(["raw", "clean", "curated", "artifacts"])
  bucket   = "warehouse-dev-${each.key}"
}

module "glue" {
  source = "../../../../infra/terraform/modules/glue"

  name               = "warehouse-dev"
  environment        = "dev"
  kms_key_arn        = aws_kms_key.this.arn
  buckets            = aws_s3_bucket.this
  contracts_dir      = "${path.root}/../../../../contracts"
  subnet_id          = aws_subnet.this.id
  security_group_id  = aws_security_group.this.id
  log_retention_days = 7
}
