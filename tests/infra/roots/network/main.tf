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

  default_tags {
    tags = { ManagedBy = "terraform" }
  }
}

resource "aws_kms_key" "this" {
  description             = "Stands for the key of the lake"
  deletion_window_in_days = 7
}

module "network" {
  source = "../../../../infra/terraform/modules/network"

  name        = "warehouse-test"
  environment = "dev"
  kms_key_arn = aws_kms_key.this.arn
  nat         = "per_az"
}
